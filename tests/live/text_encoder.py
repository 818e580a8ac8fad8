"""A CLIP folder of a text encoder of width 64, so that no model hub is asked. Runs in the WebUI's interpreter."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

WIDTH = 64
_START, _END = "<|startoftext|>", "<|endoftext|>"
_VOCABULARY = 49408


def _merges() -> list[str]:
    """The byte-pair merges of CLIP, from the file that the open_clip package brings along."""
    import open_clip

    packed = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(packed.read_bytes()).decode("utf-8").split("\n")
    # The first line is a version note; 256 bytes, each alone and as a word's end, and two marks need no merge.
    return lines[1 : _VOCABULARY - 2 * 256 - 2 + 1]


def _vocabulary(merges: list[str]) -> dict[str, int]:
    from open_clip.tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += [merge.replace(" ", "") for merge in merges]
    return {word: number for number, word in enumerate([*words, _START, _END])}


def write(folder: Path) -> None:
    """Write the config and the tokenizer. The hidden layer taken for SDXL is the eleventh, hence twelve."""
    folder.mkdir(parents=True)
    merges = _merges()
    vocabulary = _vocabulary(merges)
    assert len(vocabulary) == _VOCABULARY
    config = {
        "model_type": "clip_text_model",
        "vocab_size": _VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "projection_dim": WIDTH,
        "num_hidden_layers": 12,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "bos_token_id": vocabulary[_START],
        "eos_token_id": vocabulary[_END],
        "pad_token_id": vocabulary[_END],
    }
    marks = {"bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": _END}
    tokenizer = {**marks, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    texts = {
        "config.json": json.dumps(config),
        "vocab.json": json.dumps(vocabulary, ensure_ascii=False),
        "merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n",
        "tokenizer_config.json": json.dumps(tokenizer),
        "special_tokens_map.json": json.dumps(marks),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
