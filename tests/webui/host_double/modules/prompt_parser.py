"""Prompts to conditionings: `a AND b :0.5` is kept, prompt editing ([a:b:0.5]) and emphasis are not."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch


class SdConditioning(list):
    def __init__(self, prompts, is_negative_prompt=False, width=None, height=None, copy_from=None):
        super().__init__(prompts)
        self.is_negative_prompt, self.width, self.height = is_negative_prompt, width, height


class DictWithShape(dict):
    """An SDXL conditioning: several tensors, whose shape is that of the text part."""

    @property
    def shape(self):
        return self["crossattn"].shape


@dataclass
class MulticondLearnedConditioning:
    """shape: kept for old samplers. batch: per image, the parts of its prompt as (conditioning, weight)."""

    shape: tuple
    batch: list[list[tuple]]


def get_learned_conditioning(model, prompts, steps, hires_steps=None, use_old_scheduling=False) -> list:
    return [_row(model.get_learned_conditioning([prompt])) for prompt in prompts]


def get_multicond_learned_conditioning(model, prompts, steps, hires_steps=None, use_old_scheduling=False):
    batch = []
    for prompt in prompts:
        parts = [re.fullmatch(r"(.*?)(?::\s*([-+]?[\d.]+))?\s*", part, re.S) for part in re.split(r"\bAND\b", prompt)]
        weights = [float(part[2]) if part[2] else 1.0 for part in parts]
        conds = get_learned_conditioning(model, [part[1] for part in parts], steps)
        batch.append(list(zip(conds, weights, strict=True)))
    return MulticondLearnedConditioning((len(prompts),), batch)


def reconstruct_cond_batch(c, current_step):
    return _stack(c)


def reconstruct_multicond_batch(c: MulticondLearnedConditioning, current_step):
    """-> per image the list of (row, weight), and all rows in one conditioning."""
    conds_list, rows = [], []
    for parts in c.batch:
        conds_list.append([(len(rows) + i, weight) for i, (_, weight) in enumerate(parts)])
        rows += [cond for cond, _ in parts]
    return conds_list, _stack(rows)


def _row(cond):
    return {key: value[0] for key, value in cond.items()} if isinstance(cond, dict) else cond[0]


def _stack(conds):
    if isinstance(conds[0], dict):
        return DictWithShape({key: _stack([cond[key] for cond in conds]) for key in conds[0]})
    longest = max(cond.shape[0] for cond in conds)
    return torch.stack(
        [torch.cat([cond, cond[-1:].repeat(longest - len(cond), *[1] * (cond.ndim - 1))]) for cond in conds]
    )
