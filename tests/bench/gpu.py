"""`python -m tests.bench.gpu`: what a person with a GPU runs in five minutes, and sends back what it prints.

Start the WebUI with `--api` and whatever flags you use (`--medvram`, `--upcast-sampling`, ...), choose a checkpoint,
and run this from the extension's folder, with the WebUI's own Python or any other that has Pillow. It makes some fifty
images over the API, saves none, and changes no setting. What counts: that black is darker with the extension than
without where the model was trained for it, that no image is broken, that images made without the extension are the
same before and after, and what a step costs.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageStat

SAMPLERS = ("Euler", "DPM++ 2M", "DDIM", "UniPC")
CAPTIONS = ("solid black background", "solid white background", "a lighthouse at night")
ROUNDS = 3
_SECONDS = 600
# Those that say how the model is held and computed with.
_TELLING = ("half", "vram", "upcast", "precision", "xformers", "sdp", "cpu", "fp8", "fp16", "fp32", "bf16", "cuda")


class WebUI:
    """The API of a running WebUI."""

    def __init__(self, url: str, size: int, steps: int) -> None:
        self._url = url.rstrip("/")
        self._usual = {"width": size, "height": size, "steps": steps, "cfg_scale": 7, "seed": 1, "save_images": False}

    def get(self, path: str) -> Any:
        """What a route answers."""
        with urllib.request.urlopen(f"{self._url}{path}", timeout=_SECONDS) as answer:
            return json.load(answer)

    def make(self, prompt: str, sampler: str, enabled: bool) -> tuple[bytes, float]:
        """One image as a file, and the seconds it took."""
        ours = {"Zero Terminal SNR": {"args": [{"enabled": enabled}]}}
        body = {**self._usual, "prompt": prompt, "sampler_name": sampler, "alwayson_scripts": ours}
        request = urllib.request.Request(
            f"{self._url}/sdapi/v1/txt2img", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            made = base64.b64decode(json.load(answer)["images"][0].rpartition(",")[2])
        return made, time.perf_counter() - began


def report(webui: WebUI) -> Iterator[str]:
    """The lines to send back."""
    flags = webui.get("/sdapi/v1/cmd-flags")
    telling = {name: value for name, value in flags.items() if value and any(part in name for part in _TELLING)}
    yield f"extension {webui.get('/zero-terminal-snr/v1/version')['version']}; flags {telling}"
    yield f"memory: {webui.get('/sdapi/v1/memory').get('cuda', {}).get('system', 'no GPU')}"
    yield f"checkpoint: {webui.get('/zero-terminal-snr/v1/checkpoint')['description']}"
    webui.make(CAPTIONS[0], SAMPLERS[0], False)  # loads what is not loaded yet
    before, _ = webui.make(CAPTIONS[2], SAMPLERS[0], False)
    yield "\nsampler: brightness of black / white / night without, with; broken; time of an image with : without"
    for sampler in SAMPLERS:
        yield _of_sampler(webui, sampler)
    after, _ = webui.make(CAPTIONS[2], SAMPLERS[0], False)
    same = _pixels(before) == _pixels(after)
    yield f"\nwithout the extension, before and after: {'the same image' if same else 'ANOTHER IMAGE'}"


def _of_sampler(webui: WebUI, sampler: str) -> str:
    brightness: dict[bool, list[str]] = {False: [], True: []}
    broken = 0
    for caption in CAPTIONS:
        for enabled in (False, True):
            made, _ = webui.make(caption, sampler, enabled)
            stat = ImageStat.Stat(_image(made))
            brightness[enabled].append(f"{statistics.fmean(stat.mean) / 255:.3f}")
            # What the WebUI makes of NaN is one colour, to the last bit; what a model paints never is.
            broken += max(high - low for low, high in stat.extrema) == 0
    ratios = []
    for turn in range(ROUNDS):
        times = {enabled: webui.make(CAPTIONS[2], sampler, enabled)[1] for enabled in (bool(turn % 2), not turn % 2)}
        ratios.append(times[True] / times[False])
    shown = ", ".join(" / ".join(brightness[enabled]) for enabled in (False, True))
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    return f"{sampler}: {shown}; {broken} broken; {statistics.median(ratios):.3f} ({spread})"


def _image(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def _pixels(file: bytes) -> bytes:
    return _image(file).tobytes()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="where the WebUI listens")
    parser.add_argument("--size", type=int, default=512, help="of the images, in pixels; 1024 for SDXL")
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args(arguments)
    try:
        for line in report(WebUI(given.url, given.size, given.steps)):
            print(line, flush=True)
    except urllib.error.URLError as error:
        print(f"{given.url} did not answer as expected ({error}). Start the WebUI with --api and this extension.")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
