"""Prompt tags `<name:argument>`: the tags of a batch's first prompt count (extra_networks.py:178)."""

from __future__ import annotations

import re
from collections import defaultdict

from modules import errors

extra_network_registry: dict = {}


def initialize() -> None:
    extra_network_registry.clear()


def register_extra_network(extra_network) -> None:
    extra_network_registry[extra_network.name] = extra_network


class ExtraNetworkParams:
    def __init__(self, items=None):
        self.items = items or []


class ExtraNetwork:
    def __init__(self, name):
        self.name = name


def activate(p, extra_network_data) -> None:
    """Every registered network is called, with nothing where the prompt does not name it; exceptions are swallowed."""
    for name, network in extra_network_registry.items():
        try:
            network.activate(p, extra_network_data.get(name, []))
        except Exception:
            errors.report(f"activating extra network {name}", exc_info=True)


def parse_prompt(prompt: str):
    found = defaultdict(list)

    def take(match):
        found[match[1]].append(ExtraNetworkParams(match[2].split(":")))
        return ""

    return re.sub(r"<(\w+):([^>]+)>", take, prompt), found


def parse_prompts(prompts):
    parsed = [parse_prompt(prompt) for prompt in prompts]
    return [prompt for prompt, _ in parsed], parsed[0][1]
