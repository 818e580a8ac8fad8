"""`python -m evidence.asked`: the trained models of the repository, asked what they predict, with 100 noises each."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from evidence.pair import text, unet
from lib_zsnr.core import asked
from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS

ASKED = (("flawed", 16), ("flawed", 64), ("fixed", 16), ("fixed", 64))
"""Each model, and the sides of the latents that it is asked with."""
_NOISES = 100


def network(name: str, clip: Path) -> asked.Network:
    """One of the models at the last timestep, without a caption."""
    model, empty = unet.load_unet(name), text.embed(clip, [""])

    def answer(x: Tensor) -> Tensor:
        with torch.inference_mode():
            t = torch.full((len(x),), NUM_TRAIN_TIMESTEPS - 1)
            answered: Tensor = model(x, t, empty.expand(len(x), -1, -1)).sample
        return answered

    return answer


def is_right(name: str, answer: asked.Answer) -> bool:
    """Whether a model was taken for what it is."""
    if name not in unet.PREDICT_V:
        return answer.prediction == "epsilon"
    return answer.prediction == "v" and answer.zero_terminal_snr == (name in unet.ZERO_SNR)


def main() -> int:
    """The command line."""
    print("| model, side | share of the noise | gain of the brightness | wrong |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as clip:
        for name, side in ASKED:
            model = network(name, Path(clip))
            answers = [asked.ask(model, side=side, seed=seed) for seed in range(_NOISES)]
            shares, gains = [each.noise_share for each in answers], [each.brightness_gain for each in answers]
            wrong = sum(not is_right(name, each) for each in answers)
            ranges = " | ".join(f"{min(of):.3f} to {max(of):.3f}" for of in (shares, gains))
            print(f"| {name}, {side} | {ranges} | {wrong} of {_NOISES} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
