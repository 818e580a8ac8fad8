"""The prompt tag `<cfg_rescale:0.5>`: CFG rescale for one pass, also with the panel off.

The host uses the tags of a batch's first prompt only, and calls again, with nothing, where a prompt has no tag.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modules import extra_networks

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import FIELD_BY_NAME, TITLE, Settings, SettingsError

NAME = "cfg_rescale"
_ATTRIBUTE = "zsnr_prompt_tag"
"""On the request: the tag's texts of the current pass. A second tag counts as a mistake, and is told as one."""


class CFGRescaleTag(extra_networks.ExtraNetwork):
    """Only notes what the prompt says: what is raised here the host would swallow."""

    def __init__(self) -> None:
        super().__init__(NAME)

    def activate(self, p: Any, params_list: list[Any]) -> None:
        setattr(p, _ATTRIBUTE, [":".join(map(str, params.items)) for params in params_list])

    def deactivate(self, p: Any) -> None:
        setattr(p, _ATTRIBUTE, [])


def register() -> None:
    """Put the tag into the host's registry; another of its name, from before a reload, is replaced."""
    extra_networks.register_extra_network(CFGRescaleTag())


def said(p: Any) -> list[str]:
    """The tag's texts in the current pass; empty where the prompt has none."""
    found: list[str] = getattr(p, _ATTRIBUTE, [])
    return found


def apply(p: Any, settings: Settings) -> Settings:
    """The settings with what the prompt's tag says. Raises SettingsError for a tag that cannot be used."""
    texts = said(p)
    if not texts:
        return settings
    field = FIELD_BY_NAME[NAME]
    text = texts[0] if len(texts) == 1 else ", ".join(texts)
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(
            f"{TITLE}: the prompt tag <{NAME}:...> says {quoted(text)}; allowed is one tag with {field.allowed}. "
            "No picture was made."
        ) from None
    if settings.enabled:
        return settings.with_explicit({NAME: value})
    return replace(settings.with_explicit({"enabled": True, NAME: value}), rescale_only=True)
