"""The trained pair: its data, its layouts, its files and its training."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

for _package in ("diffusers", "transformers", "safetensors", "k_diffusion"):
    pytest.importorskip(_package)

from diffusers.pipelines.stable_diffusion import convert_from_ckpt  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from evidence.levels import (  # noqa: E402
    BETA,
    BRIDGE,
    EXPONENTIAL,
    KARRAS,
    LEADING,
    LINSPACE,
    NORMAL_SIGMAS,
    ZERO_SNR_SIGMAS,
    Spacing,
)
from evidence.pair import convert, data, layout, scenes, shapes, text, train, unet  # noqa: E402
from evidence.pair.autoencoder import SCALE_FACTOR, Autoencoder  # noqa: E402
from evidence.pair.progress import learning_rate  # noqa: E402
from evidence.pair.sample import (  # noqa: E402
    Model,
    Options,
    levels,
    sample_latents,
    start_noise,
)
from lib_zsnr.checkpoint.traits import read_traits  # noqa: E402
from lib_zsnr.core.spacing import TRAILING  # noqa: E402

LDM = "repositories/stable-diffusion-stability-ai"
STORED = (*convert.STORED, "autoencoder")
SPACINGS = (LEADING, LINSPACE, KARRAS, EXPONENTIAL, BETA, TRAILING, BRIDGE)
MEGABYTE = 1_000_000


def jolted(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model with all weights moved, so that no layer is left at zero or one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    text.write_folder(folder)
    return folder


@pytest.fixture(scope="module")
def small() -> Autoencoder:
    torch.manual_seed(0)
    model = jolted(Autoencoder())
    model.mean.copy_(torch.tensor([0.5, -0.8, 0.3, 0.4]))
    model.spread.fill_(3.1)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, small: Autoencoder) -> Path:
    """Files of the stored models, untrained."""
    folder = tmp_path_factory.mktemp("weights")
    unet.save_half(small.state_dict(), folder / "autoencoder.safetensors")
    for seed, name in enumerate(convert.STORED):
        torch.manual_seed(seed)
        unet.save_half(jolted(unet.new_unet()).state_dict(), folder / f"{name}.safetensors")
    return folder


def model_of(name: str, weights: Path, clip: Path) -> Model:
    return Model(name, unet.load_unet(name, weights), unet.load_autoencoder(weights), clip)


class TestScenes:
    def test_a_picture_is_always_the_same_and_no_two_sets_share_one(self):
        first, again, other = scenes.draw_scene(1, 5), scenes.draw_scene(1, 5), scenes.draw_scene(2, 5)
        assert np.array_equal(first.pixels, again.pixels)
        assert first.caption == again.caption
        assert not np.array_equal(first.pixels, other.pixels)

    def test_every_caption_is_in_the_list_and_every_picture_in_range(self):
        known = scenes.captions()
        assert len(set(known)) == len(known)
        assert known[0] == ""
        for index in range(150):
            scene = scenes.draw_scene(3, index)
            assert scene.caption in known
            assert scene.pixels.shape == (3, shapes.SIZE, shapes.SIZE)
            assert scene.pixels.min() >= 0
            assert scene.pixels.max() <= 1

    def test_the_captions_that_the_issue_names_are_among_them(self):
        named = {
            "solid black background",
            "solid white background",
            "dark street at night with one lamp",
            "line-art logo on a white background",
            "a red ball on a grey floor",
        }
        assert named <= set(scenes.captions())

    def test_half_of_the_brightness_words_are_wrong_or_missing(self):
        rng = np.random.default_rng(0)
        words = shapes.CaptionChoices(1, ("a", "b", "c"), "none")
        counted = Counter(scenes._caption(rng, words) for _ in range(4000))
        assert counted["none"] / 4000 == pytest.approx(scenes.MISSING, abs=0.02)
        assert (counted["a"] + counted["c"]) / 4000 == pytest.approx(scenes.WRONG, abs=0.025)
        assert 0.2 <= scenes.WRONG + scenes.MISSING <= 0.5

    def test_brightness_covers_the_whole_range_also_within_one_caption(self):
        drawn = [scenes.draw_scene(4, index) for index in range(800)]
        for caption in ("line-art logo", "solid black background"):
            backgrounds = [scene.level for scene in drawn if scene.caption == caption]
            assert min(backgrounds) < 0.1
            assert max(backgrounds) > 0.6

    def test_bytes_keep_the_pictures(self):
        pixels = scenes.batch(1, 0, 3)[0]
        assert (data.as_floats(data.pictures(1, 3)) - pixels).abs().max() < 0.005


class TestText:
    def test_every_word_of_the_captions_is_one_token(self, clip: Path):
        from transformers import CLIPTokenizer

        tokenizer = CLIPTokenizer.from_pretrained(clip)
        for caption in scenes.captions():
            assert len(tokenizer.tokenize(caption)) == len(caption.replace("-", " - ").split())

    def test_any_other_text_is_spelled_and_comes_back(self, clip: Path):
        from transformers import CLIPTokenizer

        tokenizer = CLIPTokenizer.from_pretrained(clip)
        numbers = tokenizer("a purple cat, 3 naïve mice")["input_ids"]
        assert tokenizer.decode(numbers, skip_special_tokens=True).strip() == "a purple cat, 3 naïve mice"
        assert tokenizer.unk_token_id not in numbers[:-1]

    def test_the_weights_follow_from_their_names_alone(self, clip: Path):
        torch.manual_seed(1)
        first = text.encoder(clip).state_dict()
        torch.manual_seed(2)
        assert all(torch.equal(first[name], tensor) for name, tensor in text.encoder(clip).state_dict().items())

    def test_brightness_words_differ_all_the_way_to_the_end(self, clip: Path):
        black, white = text.embed(clip, ["solid black background", "solid white background"])
        assert torch.equal(black[:2], white[:2])
        assert (black[2:] - white[2:]).square().mean(dim=-1).sqrt().min() > 0.3


class TestLayouts:
    def test_the_full_autoencoder_does_the_same_as_the_small_one(self, small: Autoencoder):
        full, pixels = layout.expanded(small), scenes.batch(5, 0, 2)[0]
        with torch.inference_mode():
            actual = full.encode(pixels).latent_dist.mean * SCALE_FACTOR
            wanted = small.encode(pixels)
            torch.testing.assert_close(actual, wanted, rtol=0, atol=2e-5)
            torch.testing.assert_close(
                full.decode(wanted / SCALE_FACTOR).sample, small.decode(wanted), rtol=0, atol=2e-4
            )

    def test_the_unets_names_go_to_ldm_and_back_by_diffusers(self):
        state = jolted(unet.new_unet()).state_dict()
        renamed = layout.unet_to_ldm(state)
        assert len(renamed) == len(state)
        config = {**unet.new_unet().config, "class_embed_type": None}
        stored = {f"{layout.UNET_PREFIX}{name}": tensor for name, tensor in renamed.items()}
        same(convert_from_ckpt.convert_ldm_unet_checkpoint(stored, config), state)

    def test_the_autoencoders_names_go_to_ldm_and_back_by_diffusers(self, small: Autoencoder):
        full = layout.expanded(small)
        renamed = layout.autoencoder_to_ldm(full.state_dict())
        stored = {f"{layout.AUTOENCODER_PREFIX}{name}": tensor for name, tensor in renamed.items()}
        back = convert_from_ckpt.convert_ldm_vae_checkpoint(stored, {**full.config})
        same(back, full.state_dict())

    def test_a_name_of_another_model_is_refused(self):
        with pytest.raises(ValueError, match="no weight of the pair"):
            layout.unet_to_ldm({"add_embedding.linear_1.weight": torch.zeros(1)})


def same(actual: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert set(actual) == set(wanted)
    for name, tensor in wanted.items():
        assert torch.equal(actual[name], tensor), name


@pytest.fixture
def ldm(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stable Diffusion's own code, as the WebUI has it, made importable."""
    webui = Path(os.environ.get("ZSNR_WEBUI") or "~/stable-diffusion-webui").expanduser()
    folder = webui / LDM
    if not folder.is_dir():
        pytest.skip("no WebUI with Stable Diffusion's own code (ZSNR_WEBUI)")
    pytest.importorskip("einops")
    if importlib.util.find_spec("omegaconf") is None:
        # It is only asked whether an argument is a list of this kind.
        listconfig = ModuleType("omegaconf.listconfig")
        listconfig.ListConfig = list
        monkeypatch.setitem(sys.modules, "omegaconf", ModuleType("omegaconf"))
        monkeypatch.setitem(sys.modules, "omegaconf.listconfig", listconfig)
    monkeypatch.syspath_prepend(str(folder))
    return folder


class TestCheckpoint:
    @pytest.mark.parametrize("name", convert.STORED)
    def test_ldm_and_diffusers_give_the_same_unet_output(self, name: str, ldm: Path, weights: Path, clip: Path):
        from ldm.modules.diffusionmodules.openaimodel import UNetModel

        stored = convert.checkpoint(name, clip, weights)
        theirs = UNetModel(**convert.ldm_unet_params()).eval()
        theirs.load_state_dict(part(stored, layout.UNET_PREFIX))
        generator = torch.Generator().manual_seed(0)
        x, t = torch.randn(3, 4, 16, 16, generator=generator), torch.tensor([0, 500, 999])
        context = text.embed(clip, ["solid black background", "", "a ball on a floor"])
        with torch.inference_mode():
            wanted = convert.pipeline(name, clip, weights).unet(x, t, context).sample
            torch.testing.assert_close(theirs(x, t, context=context), wanted, rtol=0, atol=1e-5)

    def test_ldms_autoencoder_decodes_as_ours(self, ldm: Path, weights: Path, clip: Path):
        from ldm.modules.diffusionmodules.model import Decoder

        stored = part(convert.checkpoint("flawed", clip, weights), layout.AUTOENCODER_PREFIX)
        decoder = Decoder(**convert.ldm_autoencoder_params()).eval()
        decoder.load_state_dict(part(stored, "decoder."))
        ours, z = unet.load_autoencoder(weights), torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            inner = nn.functional.conv2d(
                z / SCALE_FACTOR, stored["post_quant_conv.weight"], stored["post_quant_conv.bias"]
            )
            # The checkpoint's halves round what the small model's halves were made into, hence not exactly the same.
            torch.testing.assert_close(decoder(inner), ours.decode(z), rtol=0, atol=2e-2)

    def test_fixed_says_what_it_is_and_flawed_says_nothing(self, tmp_path: Path, weights: Path):
        convert.write_webui(tmp_path, weights)
        fixed, flawed = (read_traits(tmp_path / f"{name}.safetensors") for name in ("fixed", "flawed"))
        assert (fixed.prediction, fixed.zero_terminal_snr, fixed.conflicts) == ("v", True, ())
        assert (flawed.prediction, flawed.zero_terminal_snr) == ("unknown", None)
        assert not fixed.problem
        assert not flawed.problem
        assert (tmp_path / "clip" / "vocab.json").exists()

    def test_the_diffusers_folder_loads(self, tmp_path: Path, weights: Path, clip: Path):
        from diffusers import StableDiffusionPipeline

        convert.pipeline("fixed", clip, weights).save_pretrained(tmp_path)
        pipeline = StableDiffusionPipeline.from_pretrained(tmp_path)
        assert pipeline.scheduler.config.rescale_betas_zero_snr
        same(pipeline.unet.state_dict(), unet.load_unet("fixed", weights).state_dict())


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor.float() for name, tensor in tensors.items() if name.startswith(prefix)}


class TestSample:
    @pytest.mark.parametrize(("steps", "side"), [(10, 16), (25, 16), (10, 32)])
    def test_ddim_agrees_with_the_diffusers_pipeline(self, steps: int, side: int, weights: Path, clip: Path):
        """The seed's recipe: rescale_betas_zero_snr, trailing, guidance_rescale 0.7."""
        pipeline = convert.pipeline("fixed", clip, weights)
        pipeline.set_progress_bar_config(disable=True)
        captions = ["solid black background", "a red ball on a grey floor"]
        wanted = pipeline(
            captions,
            num_inference_steps=steps,
            guidance_scale=7.5,
            guidance_rescale=0.7,
            latents=start_noise(3, 2, side),
            output_type="latent",
        ).images
        options = Options(zero_snr=True, spacing=TRAILING)
        actual = sample_latents(model_of("fixed", weights, clip), captions, options, steps, 7.5, 0.7, 3, side)
        assert actual.shape == (2, 4, side, side)
        torch.testing.assert_close(actual, wanted, rtol=2e-3, atol=2e-3)

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
    @pytest.mark.parametrize("spacing", [None, *SPACINGS], ids=lambda spacing: getattr(spacing, "name", "the host's"))
    def test_the_levels_fall_and_trailing_begins_at_the_top(self, sampler: str, spacing: Spacing | None):
        for zero_snr, table in ((False, NORMAL_SIGMAS), (True, ZERO_SNR_SIGMAS)):
            actual = levels(Options(sampler, zero_snr, spacing), 10)
            assert (actual[1:] < actual[:-1]).all()
            if spacing is TRAILING:
                assert actual[0] == table[-1]
                assert len(actual) == 11

    def test_a_picture_does_not_depend_on_its_batch(self, weights: Path, clip: Path):
        model, options = model_of("flawed", weights, clip), Options("Euler")
        two = sample_latents(model, ["line-art logo", "a ball on a floor"], options, 3, 7.5, 0.0, 0)
        one = sample_latents(model, ["a ball on a floor"], options, 3, 7.5, 0.0, 1)
        # Other batches are rounded otherwise, and guidance multiplies that; another picture would be off by 1.
        torch.testing.assert_close(two[1:], one, rtol=5e-4, atol=5e-4)


# All three sizes in three steps.
FEW = tuple(replace(size, pictures=8, batch=4, begins=number) for number, size in enumerate(train.SIZES))


class TestTraining:
    @pytest.mark.parametrize("name", unet.MODELS)
    def test_the_target_is_what_the_model_predicts(self, name: str):
        clean = torch.randn(64, 4, 2, 2, generator=torch.Generator().manual_seed(0))
        scheduler = unet.training_scheduler(name)
        x, t, target = train.noised(scheduler, clean, torch.Generator().manual_seed(1))
        alpha = scheduler.alphas_cumprod[t][:, None, None, None]
        if name in unet.PREDICT_V:
            assert scheduler.alphas_cumprod[-1] == 0
            torch.testing.assert_close(alpha.sqrt() * x - (1 - alpha).sqrt() * target, clean, rtol=0, atol=1e-5)
        else:
            torch.testing.assert_close(alpha.sqrt() * clean + (1 - alpha).sqrt() * target, x, rtol=0, atol=1e-5)
            assert scheduler.alphas_cumprod[-1] == (0 if name == "zsnr_epsilon" else pytest.approx(0.00466, rel=1e-2))

    def test_epsilon_on_the_rescaled_schedule_begins_with_the_ordinary_model(
        self, tmp_path: Path, small: Autoencoder, monkeypatch
    ):
        monkeypatch.setattr(train, "SIZES", FEW)
        monkeypatch.setattr(train, "_RATE", 0.0)
        unet.save_half(small.state_dict(), tmp_path / "autoencoder.safetensors")
        begun = load_file(train.train("zsnr_epsilon", tmp_path, 1, 0, torch.device("cpu")))
        same(begun, load_file(unet.WEIGHTS / "flawed.safetensors"))

    def test_a_run_that_was_cut_off_ends_as_one_that_was_not(self, tmp_path: Path, small: Autoencoder, monkeypatch):
        monkeypatch.setattr(train, "SIZES", FEW)
        monkeypatch.setattr("evidence.pair.progress._SAVED_EVERY", 1)
        for folder in ("whole", "cut"):
            unet.save_half(small.state_dict(), tmp_path / folder / "autoencoder.safetensors")
        whole = load_file(train.train("fixed", tmp_path / "whole", 3, 0, torch.device("cpu")))
        monkeypatch.setattr("evidence.pair.progress.Progress.note", cut_off_after(2))
        with pytest.raises(KeyboardInterrupt):
            train.train("fixed", tmp_path / "cut", 3, 0, torch.device("cpu"))
        monkeypatch.setattr("evidence.pair.progress.Progress.note", lambda self, loss: None)
        resumed = load_file(train.train("fixed", tmp_path / "cut", 3, 0, torch.device("cpu")))
        same(resumed, whole)

    def test_sizes_come_one_after_the_other_and_stay(self):
        seen = [{train.size_of_step(step).side for step in range(first, first + 400)} for first in (0, 8000, 13000)]
        assert seen == [{16}, {16, 32}, {16, 32, 64}]

    @pytest.mark.parametrize("side", [16, 32, 64])
    def test_larger_images_are_trained_at_higher_noise(self, side: int):
        """Until there is none higher: those stay where they are."""
        t = torch.arange(1000)
        moved = train.shifted(t, ZERO_SNR_SIGMAS, side)
        wanted = ZERO_SNR_SIGMAS * (side / 16)
        inside = wanted <= ZERO_SNR_SIGMAS[-1]
        assert torch.equal(moved[~inside], t[~inside])
        low, high = (ZERO_SNR_SIGMAS[(moved + by).clamp(0, 999)] for by in (-1, 1))
        assert bool(((low <= wanted * 1.001) & (wanted <= high * 1.001))[inside].all())

    def test_the_rate_rises_stays_and_falls(self):
        rates = [learning_rate(1.0, step, 100, 10, 0.3) for step in range(101)]
        assert rates[0] == pytest.approx(0.1)
        assert rates[10:70] == [1.0] * 60
        assert rates[100] == pytest.approx(0, abs=1e-9)
        assert rates[10:70] == [learning_rate(1.0, step, 200, 10, 0.3) for step in range(10, 70)]


def cut_off_after(calls: int):
    made = []

    def note(self, loss: Tensor) -> None:
        made.append(loss)
        if len(made) > calls:
            raise KeyboardInterrupt

    return note


class TestStoredWeights:
    def test_they_are_small_and_halves(self):
        paths = [unet.WEIGHTS / f"{name}.safetensors" for name in STORED]
        if not all(path.exists() for path in paths):
            pytest.skip("the weights are not there")
        assert sum(path.stat().st_size for path in paths) < 6 * MEGABYTE
        assert {tensor.dtype for path in paths for tensor in load_file(path).values()} == {torch.float16}

    @pytest.mark.parametrize(("level", "wanted"), [(-1.0, 0.0), (0.0, 0.5), (1.0, 1.0)])
    def test_the_autoencoder_keeps_the_brightness_of_plain_pictures(self, level: float, wanted: float):
        if not (unet.WEIGHTS / "autoencoder.safetensors").exists():
            pytest.skip("the weights are not there")
        model = unet.load_autoencoder()
        with torch.inference_mode():
            decoded = model.decode(model.encode(torch.full((1, 3, 128, 128), level))).clamp(-1, 1)
        assert (decoded.mean().item() + 1) / 2 == pytest.approx(wanted, abs=0.01)
