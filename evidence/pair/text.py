"""The text encoder: CLIP's, four layers of width 64, frozen at random weights that a rule makes anew.

Its tokenizer knows the words of the captions whole and spells all others by byte, so it needs no file of CLIP's.
Random features of the words are enough here: the UNet learns what they mean.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

from evidence.pair import scenes

WIDTH, LAYERS, HEADS, LENGTH = 64, 4, 4, 77
_SEED = "zsnr pair"
# Words weigh more than places, and attention is sharper than by the usual rule, so that a word is felt in all that
# follows it: with 1 everywhere "black" and "white" differ at the end by 0.08 of the features' spread, with these by 1.
_GAINS = {"token_embedding": 2.0, "position_embedding": 0.6, "_proj.weight": 2.0}
_START, _END, _WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
# CLIP's tokenizer splits at every character that is no letter, so these are the words it sees in "line-art".
_SPLITTERS = str.maketrans("-", " ")


def merges() -> list[tuple[str, str]]:
    """Byte-pair merges, learned from the captions' words until each of them is one token."""
    words = sorted({word for caption in scenes.captions() for word in caption.translate(_SPLITTERS).split()})
    spelled = [[*word[:-1], word[-1] + _WORD_END] for word in words]
    learned = []
    while any(len(letters) > 1 for letters in spelled):
        pairs = Counter(pair for letters in spelled for pair in itertools.pairwise(letters))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        learned.append(best)
        spelled = [_merged(letters, best) for letters in spelled]
    return learned


def _merged(letters: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for letter in letters:
        if out and (out[-1], letter) == pair:
            out[-1] += letter
        else:
            out.append(letter)
    return out


def write_folder(folder: Path) -> None:
    """Write the encoder's config and tokenizer, as `CLIPTokenizer` and the WebUI load them. No weights."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs, letters = merges(), list(bytes_to_unicode().values())
    tokens = [*letters, *(letter + _WORD_END for letter in letters), *("".join(pair) for pair in pairs), _START, _END]
    marks = {"bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": _END}
    tokenizer = {**marks, "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True}
    lines = "".join(f"{left} {right}\n" for left, right in pairs)
    texts = {
        "config.json": json.dumps({"model_type": "clip_text_model", **config(len(tokens)).to_diff_dict()}, indent=1),
        "vocab.json": json.dumps({token: number for number, token in enumerate(tokens)}, ensure_ascii=False),
        "merges.txt": f"#version: 0.2\n{lines}",
        "tokenizer_config.json": json.dumps(tokenizer),
        "special_tokens_map.json": json.dumps(marks),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def config(vocabulary: int) -> CLIPTextConfig:
    """The sizes. The two marks are the last two tokens."""
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=LENGTH,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def encoder(folder: Path) -> CLIPTextModel:
    """The text encoder of a folder that `write_folder` wrote, with its weights, float32."""
    model = CLIPTextModel(CLIPTextConfig.from_pretrained(folder))
    weights = {name: _weight(name, tensor) for name, tensor in model.named_parameters()}
    model.load_state_dict(weights, strict=False)
    return model.eval().requires_grad_(False)


def _weight(name: str, like: Tensor) -> Tensor:
    """A layer's weights from its name alone, rounded to float16: no library's order of initialisation plays a part."""
    digest = hashlib.sha256(f"{_SEED}:{name}".encode()).digest()
    noise = np.random.default_rng(list(digest)).standard_normal(tuple(like.shape), dtype=np.float32)
    if name.endswith("bias"):
        noise *= 0.05
    elif noise.ndim < 2:
        noise = 1 + 0.1 * noise
    elif "embedding" in name:
        noise *= 0.5
    else:
        noise /= math.sqrt(noise[0].size)
    noise *= next((gain for part, gain in _GAINS.items() if part in name), 1.0)
    return torch.from_numpy(noise).half().float()


def embed(folder: Path, captions: list[str]) -> Tensor:
    """What the UNet sees of the captions, `[N, 77, 64]`. The folder is written if it is not there."""
    known = {caption: number for number, caption in enumerate(scenes.captions())}
    if all(caption in known for caption in captions):
        return caption_table(folder)[[known[caption] for caption in captions]]
    return _embed(folder, captions)


@torch.inference_mode()
def _embed(folder: Path, captions: list[str]) -> Tensor:
    if not (folder / "config.json").exists():
        write_folder(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    numbers = tokenizer(captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    return encoder(folder)(numbers.input_ids).last_hidden_state.clone()


@lru_cache(maxsize=4)
def caption_table(folder: Path) -> Tensor:
    """All captions of the data, in the order of `scenes.captions()`."""
    return _embed(folder, scenes.captions())
