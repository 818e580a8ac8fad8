"""The trained pair in the real WebUI: dark and bright pictures that were none without the extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from evidence.ablation import cells, rows, tables
from evidence.ablation.rows import Row
from evidence.pair import convert, sample, scenes
from tests.live.by_hand import generate, picture
from tests.live.driver import LiveDriver
from tests.shared.panel_page import PanelPage

BLACK, WHITE, OPEN = "solid black background", "solid white background", "solid background"
ON = {"enabled": True}
PICTURES = 16
TABLE = Path(__file__).parents[2] / "docs/ablation/ablation.json"
COMMON = {"width": 128, "height": 128, "cfg_scale": 7.5, "batch_size": PICTURES, "seed": 1, "steps": 25}


def pictures(pair: LiveDriver, model: str, prompt: str, **more) -> np.ndarray:
    """`[N, H, W, 3]` of one batch, 0 to 255."""
    body = {**COMMON, "prompt": prompt, "override_settings": {"sd_model_checkpoint": f"{model}.safetensors"}, **more}
    result = pair.txt2img(**body)
    assert result.status == 200, result.error
    assert pair.problems() == []
    return np.stack(result.images[-body["batch_size"] :]).astype(float)  # before them is the grid of all


def levels(pair: LiveDriver, model: str, prompt: str, **more) -> np.ndarray:
    """The mean brightness of each picture, 0 to 1."""
    return pictures(pair, model, prompt, **more).mean(axis=(1, 2, 3)) / 255


def request_for(row: Row) -> dict:
    """The request that samples as a row of the ablation does; the checkpoint says the rest by itself."""
    if row.spacing is None and not row.zero_snr:
        return {}
    spacing = row.spacing.name if row.spacing else ""
    types = {"karras": "Karras", "exponential": "Exponential", "beta": "Beta"}
    zsnr = {
        "enabled": True,
        "trailing": spacing in ("trailing", "fitted"),
        "bridge": spacing == "bridge",
        "fit_to_size": spacing == "fitted",
        "cfg_rescale": row.phi,
    }
    return {"zsnr": zsnr, "scheduler": types.get(spacing, "Automatic")}


@pytest.fixture
def panel(pair, chromium) -> Iterator[PanelPage]:
    opened = PanelPage(chromium, str(pair.client.base_url).rstrip("/"))
    yield opened
    opened.close()


def test_an_unmarked_v_model_is_asked_claimed_and_paints_black(panel):
    """The hardest case of all: nothing but the model itself says what it is."""
    panel.choose_checkpoint("unmarked.safetensors")
    panel.press_label()
    panel.wait_for_status("unmarked — nothing in the file says what it predicts; the WebUI treats it as epsilon.")
    panel.part("ask").click()
    panel.settle()
    said = panel.part("claim_answer").inner_text()
    assert 'looks like a v model with zero terminal SNR: press "It predicts v, with zero terminal SNR".' in said
    panel.part("claim_v_zsnr").click()
    panel.wait_for_status("your preset for it is used")
    for name, value in (("width", 128), ("height", 128), ("steps", 20)):
        panel.set_number(f"#txt2img_{name}", value)
    panel.page.locator("#txt2img_prompt textarea").fill(BLACK)
    assert "ZSNR schedule: True" in generate(panel)
    assert np.frombuffer(picture(panel), np.uint8).mean() < 5
    panel.part("take_back").click()
    panel.wait_for_status("nothing in the file says what it predicts")


def test_an_ordinary_model_says_so_when_it_is_asked(panel):
    panel.choose_checkpoint("flawed.safetensors")
    panel.press_label()
    panel.wait_for_status("flawed — nothing in the file says what it predicts")
    panel.part("ask").click()
    panel.settle()
    assert "looks like an ordinary epsilon model" in panel.part("claim_answer").inner_text()


def test_both_are_known_for_what_they_are(pair):
    answers = {
        name: pair.client.get("/zero-terminal-snr/v1/checkpoint", params={"name": f"{name}.safetensors"}).json()
        for name in convert.STORED
    }
    assert (answers["flawed"]["prediction"], answers["flawed"]["zero_terminal_snr"]) == ("unknown", None)
    assert (answers["fixed"]["prediction"], answers["fixed"]["zero_terminal_snr"]) == ("v", True)
    assert answers["fixed"]["zero_terminal_snr_evidence"] == "marker tensor ztsnr"


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_black_is_black_and_white_is_white_with_the_extension(pair, sampler):
    assert levels(pair, "fixed", BLACK, sampler_name=sampler, zsnr=ON).max() <= 0.05
    assert levels(pair, "fixed", WHITE, sampler_name=sampler, zsnr=ON).min() >= 0.95


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_the_flawed_model_has_neither_with_or_without(pair, sampler):
    for zsnr in (None, ON):
        assert levels(pair, "flawed", BLACK, sampler_name=sampler, zsnr=zsnr).mean() > 0.2
        assert levels(pair, "flawed", WHITE, sampler_name=sampler, zsnr=zsnr).mean() < 0.8


def test_an_open_caption_is_spread_like_the_data_only_with_the_extension(pair):
    """Without guidance, which by itself moves brightness; against held-out pictures of the same kind."""
    held_out = (scenes.draw_scene(scenes.HELD_OUT_SEED, index) for index in range(600))
    true = np.sort([scene.pixels.mean() for scene in held_out if scene.kind == "solid"])

    def error(model: str, zsnr: dict | None) -> float:
        body = {"cfg_scale": 1, "steps": 50, "zsnr": zsnr}
        runs = [levels(pair, model, OPEN, seed=seed, **body) for seed in range(0, 6 * PICTURES, PICTURES)]
        found = np.sort(np.concatenate(runs))
        return float(np.abs(found - np.quantile(true, (np.arange(len(found)) + 0.5) / len(found))).mean())

    assert error("fixed", ON) < error("flawed", None) / 2


@pytest.mark.parametrize(
    ("row", "sampler"),
    [(row, sampler) for row in rows.ROWS if row.model in convert.STORED for sampler in row.samplers],
    ids=lambda part: part.name if isinstance(part, Row) else part,
)
def test_every_row_of_the_ablation_is_sampled_as_the_webui_does(pair, pair_folder, row, sampler):
    prompt, seed, count, steps = "a red ball on a grey floor", 40, 2, 10
    found = pictures(
        pair, row.model, prompt, seed=seed, batch_size=count, steps=steps, sampler_name=sampler, **request_for(row)
    )
    model = sample.load(row.model, pair_folder / "clip")
    latents = sample.sample(model, [prompt] * count, row.options(sampler), steps, rows.CFG, row.phi, seed)
    wanted = (latents.clamp(-1, 1) + 1) * 127.5
    # The two rows that are nearest to each other, flawed by Euler with and without trailing, differ by 0.97.
    assert np.abs(found - wanted.permute(0, 2, 3, 1).numpy()).mean() < 0.7


@pytest.mark.parametrize("part", ["black", "white"])
@pytest.mark.parametrize(
    ("row", "sampler", "steps"),
    [
        (rows.FLAWED, "DDIM", 20),
        (rows.FIXED_BY_DEFAULT, "DDIM", 20),
        (rows.ALL_BUT_RESCALE, "DDIM", 20),
        (rows.PAPER, "DDIM", 20),
        (rows.PAPER, "Euler", 10),
        (rows.BY_DEFAULT, "DPM++ 2M", 10),
    ],
    ids=lambda part: part.name if isinstance(part, Row) else part,
)
def test_the_numbers_are_those_of_the_stored_table(pair, row, sampler, steps, part):
    """The pictures of its smaller cells, made by the WebUI."""
    cell = tables.Table(TABLE).cells[row.name, sampler, steps, 200]
    prompt = {"black": BLACK, "white": WHITE}[part]
    seen = {"seed": cells.SEEDS[part], "batch_size": cell.black_and_white, "steps": steps, "sampler_name": sampler}
    found = levels(pair, row.model, prompt, **seen, **request_for(row)).mean()
    assert found == pytest.approx(cell.numbers[part].value, abs=0.01)


@pytest.mark.parametrize("steps", [10, 20, 25, 50])
def test_diffusers_makes_the_same_picture(pair, pair_folder, steps):
    """DDIMScheduler with rescale_betas_zero_snr and trailing, guidance_rescale 0.7, from the same start noise."""
    prompt = "a red ball on a grey floor"
    pipeline = convert.pipeline("fixed", pair_folder / "clip")
    pipeline.set_progress_bar_config(disable=True)
    # As the WebUI has them: the weights of the file, which are of half precision.
    halved = convert.checkpoint("fixed", pair_folder / "clip")
    assert all(tensor.dtype == torch.float16 for name, tensor in halved.items() if name.startswith("model."))
    noise = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(5))[None]
    theirs = pipeline(
        prompt, num_inference_steps=steps, guidance_scale=7.5, guidance_rescale=0.7, latents=noise, height=128,
        width=128, output_type="np",
    ).images[0]  # fmt: skip
    body = {**COMMON, "batch_size": 1, "seed": 5, "steps": steps, "sampler_name": "DDIM", "prompt": prompt}
    paper = {"enabled": True, "fit_to_size": False}
    ours = pair.txt2img(**body, zsnr=paper, override_settings={"sd_model_checkpoint": "fixed.safetensors"})
    assert ours.status == 200, ours.error
    assert np.abs(ours.images[0].astype(float) - 255 * theirs).mean() < 2
