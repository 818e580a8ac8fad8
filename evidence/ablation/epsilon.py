"""`python -m evidence.ablation.epsilon --out FOLDER --weights WEIGHTS`: epsilon models on the rescaled schedule.

Prints the two tables of docs/evidence.md. WEIGHTS holds the stored weights and the trained zsnr_epsilon.safetensors.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evidence.ablation import held_out
from evidence.ablation.cells import BLACK, WHITE, decoded
from evidence.ablation.estimates import jackknife
from evidence.ablation.held_out import Gaussian, HeldOut
from evidence.brightness import brightness
from evidence.levels import BRIDGE, NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.pair import data, sample, scenes, text, unet
from evidence.pair.sample import Model, Options, SamplerName
from lib_zsnr.core.prediction import add_noise
from lib_zsnr.core.schedule import alphas_cumprod_from_sigmas
from lib_zsnr.core.spacing import TRAILING

TRAINED_SO, ORDINARY = "zsnr_epsilon", "flawed"
CFG, PHI, STEPS = 7.5, 0.7, 20
BLACK_AND_WHITE, PICTURES = 8, 60
TIMESTEPS = (999, 998, 990, 949, 900, 800, 500)
_NOISED = 64


@dataclass(frozen=True)
class Variant:
    """One line of the table. title: where its noise levels lie."""

    model: str
    title: str
    options: Options
    steps: int = STEPS
    cfg: float = CFG
    phi: float = PHI

    @property
    def is_main(self) -> bool:
        """Whether more than black and white is measured: the Fréchet distance takes many more pictures."""
        return (self.steps, self.cfg, self.phi) == (STEPS, CFG, PHI)


def from_the_usual_top(steps: int) -> Tensor:
    """Levels of the rescaled schedule, evenly spaced in t, from the usual highest, sigma 14.6, down; `[steps + 1]`."""
    top = int(torch.searchsorted(ZERO_SNR_SIGMAS, NORMAL_SIGMAS[-1]))
    places = torch.linspace(top, top / steps - 1, steps).round().long().clamp(min=0)
    return torch.cat([ZERO_SNR_SIGMAS[places], ZERO_SNR_SIGMAS.new_zeros(1)])


def variants() -> Iterator[Variant]:
    """The lines of the table, the main ones first."""
    samplers: tuple[SamplerName, ...] = ("Euler", "DDIM", "DPM++ 2M")
    rescaled: list[tuple[str, Options]] = []
    for sampler in samplers:
        rescaled.append(("rescaled, trailing", Options(sampler, True, TRAILING)))
        rescaled.append(("rescaled, the WebUI's own levels", Options(sampler, True)))
        if sampler != "DDIM":
            rescaled.append(("rescaled, bridge", Options(sampler, True, BRIDGE)))
    for sampler in samplers:
        yield Variant(TRAINED_SO, "usual schedule, trailing", Options(sampler, False, TRAILING))
    yield Variant(TRAINED_SO, "rescaled, from sigma 14.6", Options("Euler", True, sigmas=from_the_usual_top(STEPS)))
    for title, options in rescaled:
        yield Variant(TRAINED_SO, title, options)
    yield Variant(ORDINARY, "usual schedule, trailing", Options("Euler", False, TRAILING))
    yield Variant(ORDINARY, "rescaled, trailing", Options("Euler", True, TRAILING))
    for title, options in rescaled:
        for steps in (10, 30):
            yield Variant(TRAINED_SO, title, options, steps)
        yield Variant(TRAINED_SO, title, options, phi=0)
    for cfg in (1.0, 5.0, 10.0):
        yield Variant(TRAINED_SO, *rescaled[0], cfg=cfg)


@torch.inference_mode()
def errors(model: Model) -> Iterator[tuple[float, float]]:
    """How far the predicted noise is off (rms) at each of TIMESTEPS of the rescaled schedule: as a whole, its means."""
    clean, captions = data.latents(model.autoencoder, scenes.HELD_OUT_SEED, _NOISED)
    noise, context = sample.start_noise(0, _NOISED), text.caption_table(model.clip)[captions]
    for timestep in TIMESTEPS:
        x = add_noise(clean, noise, alphas_cumprod_from_sigmas(ZERO_SNR_SIGMAS[timestep].double()))
        off = model.network(x, torch.full((_NOISED,), timestep), context).sample - noise
        yield _rms(off), _rms(off.mean(dim=(2, 3)))


@torch.inference_mode()
def error_of_size(model: Model, side: int) -> float:
    """How far the predicted noise is off (rms) where latents of so many places a side are noise alone, at t = 999."""
    noise = torch.randn((8, 4, side, side), generator=torch.Generator().manual_seed(0))
    context = text.embed(model.clip, [""]).expand(len(noise), -1, -1)
    return _rms(model.network(noise, torch.full((len(noise),), TIMESTEPS[0]), context).sample - noise)


def measure_variant(variant: Variant, model: Model, known: HeldOut) -> list[str]:
    """Black, white, over exposed, the latents' rms (of the data: 1) and the Fréchet distance, formatted."""
    captions = [BLACK] * BLACK_AND_WHITE + [WHITE] * BLACK_AND_WHITE
    latents = sample.sample_latents(model, captions, variant.options, variant.steps, variant.cfg, variant.phi, 0)
    pixels = model.autoencoder.decode(latents)
    bright = brightness(pixels)
    entries = [f"{bright[:BLACK_AND_WHITE].mean():.2f}", f"{bright[BLACK_AND_WHITE:].mean():.2f}"]
    entries += [f"{held_out.over_exposed(pixels).mean():.2f}", f"{_rms(latents):.3g}"]
    return [*entries, _frechet(variant, model, known) if variant.is_main else "-"]


@torch.inference_mode()
def _frechet(variant: Variant, model: Model, known: HeldOut) -> str:
    made = decoded(model, known.captions[:PICTURES], variant.options, variant.steps, variant.cfg, variant.phi, 0)
    features = torch.cat([held_out.features(model.autoencoder.encode(pixels.clamp(-1, 1))) for _, pixels in made])
    distance = jackknife(
        lambda subset: torch.tensor(Gaussian.of(features[subset]).distance(known.features)), PICTURES, True
    )
    return f"{distance.value:.3g} ± {distance.error:.2g}"


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _line(parts: Sequence[object]) -> None:
    print(f"| {' | '.join(str(part) for part in parts)} |", flush=True)


def _errors(models: dict[str, Model]) -> None:
    _line(["t", "sigma", *(f"{name}: noise off by | its mean | clean latents off by" for name in models)])
    _line(["---"] * (2 + 3 * len(models)))
    for timestep, *by_model in zip(TIMESTEPS, *(errors(model) for model in models.values())):
        sigma = ZERO_SNR_SIGMAS[timestep].item()
        off = [f"{whole:.3f} | {mean:.3f} | {whole * sigma:.3g}" for whole, mean in by_model]
        _line([timestep, f"{sigma:.4g}", *off])
    sizes = ", ".join(f"{side}x{side} {error_of_size(models[TRAINED_SO], side):.3f}" for side in (16, 32, 64))
    print(f"{TRAINED_SO} at t = {TIMESTEPS[0]}, noise alone in latents of other sizes: {sizes}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evidence.ablation.epsilon", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the text encoder")
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS)
    options = parser.parse_args(arguments)
    models = {name: sample.load(name, options.out / "clip", options.weights) for name in (TRAINED_SO, ORDINARY)}
    _errors(models)
    known = held_out.measure_held_out(models[ORDINARY].autoencoder)
    print()
    _line(["model", "noise levels", "sampler, steps, CFG, phi", "black", "white", "over exposed", "latents", "frechet"])
    _line(["---"] * 8)
    for variant in variants():
        how = f"{variant.options.sampler}, {variant.steps}, {variant.cfg:g}, {variant.phi:g}"
        _line([variant.model, variant.title, how, *measure_variant(variant, models[variant.model], known)])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
