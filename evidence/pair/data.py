"""The data in memory: pictures for the autoencoder, latents and caption numbers for the diffusion models."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from evidence.pair import scenes, shapes
from evidence.pair.autoencoder import FACTOR, Autoencoder
from evidence.pair.unet import LATENT_SIZE

_CHUNK = 128


def pictures(seed: int, count: int) -> Tensor:
    """`[count, 3, 128, 128]` as bytes: a quarter of the memory, and the pictures have no more levels anyway."""
    chunks = (scenes.batch(seed, start, min(_CHUNK, count - start))[0] for start in range(0, count, _CHUNK))
    return torch.cat([((chunk + 1) * 127.5).round().to(torch.uint8) for chunk in chunks])


def as_floats(bytes_: Tensor) -> Tensor:
    """Bytes to the range -1..1."""
    return bytes_.float() / 127.5 - 1


@torch.inference_mode()
def latents(autoencoder: Autoencoder, seed: int, count: int, side: int = LATENT_SIZE) -> tuple[Tensor, Tensor]:
    """Latents `[count, 4, side, side]` and caption numbers `[count]` of a data set, encoded once."""
    numbers = {caption: number for number, caption in enumerate(scenes.captions())}
    encoded, caption_numbers = [], []
    chunk = max(_CHUNK * LATENT_SIZE**2 // side**2, 1)
    for start in range(0, count, chunk):
        pixels, captions = scenes.batch(seed, start, min(chunk, count - start), FACTOR * side)
        encoded.append(autoencoder.encode(pixels.to(autoencoder.mean.device)).cpu())
        caption_numbers += [numbers[caption] for caption in captions]
    return torch.cat(encoded).clone(), torch.tensor(caption_numbers)


def cached_latents(autoencoder: Autoencoder, seed: int, count: int, side: int, folder: Path) -> tuple[Tensor, Tensor]:
    """As `latents`, but float16, kept in the folder for the next model and for a resumed run.

    Made anew for other weights.
    """
    digest = hashlib.sha256(f"{seed} {count} {side}".encode())
    for source in (scenes, shapes):
        digest.update(Path(source.__file__).read_bytes())
    for tensor in autoencoder.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    path = folder / f"latents-{digest.hexdigest()[:12]}.pt"
    if not path.exists():
        encoded, captions = latents(autoencoder, seed, count, side)
        unfinished = path.with_suffix(f".{torch.randint(10**9, ()).item()}")
        torch.save((encoded.half(), captions), unfinished)
        unfinished.rename(path)
    stored = torch.load(path)
    return stored[0], stored[1]
