"""The prompt tag `<cfg_rescale:0.5>`: CFG rescale for one pass, also with the panel off.

The host uses only the tags of a batch's first prompt, and also calls, with an empty list, if a prompt has no tag.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modules import extra_networks

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import FIELD_BY_NAME, TITLE, Settings, SettingsError

NAME = "cfg_rescale"
_ATTRIBUTE = "zsnr_prompt_tag"
"""On the request: the tag's values in the current pass, as text. A second tag is an error, and reported as one."""


class CFGRescaleTag(extra_networks.ExtraNetwork):
    """Only stores the tag's text: the host would swallow an exception raised here."""

    def __init__(self) -> None:
        super().__init__(NAME)

    def activate(self, p: Any, params_list: list[Any]) -> None:
        setattr(p, _ATTRIBUTE, [":".join(map(str, params.items)) for params in params_list])

    def deactivate(self, p: Any) -> None:
        setattr(p, _ATTRIBUTE, [])


def register() -> None:
    """Add the tag to the host's registry; it replaces the one from before a reload."""
    extra_networks.register_extra_network(CFGRescaleTag())


def texts_of(p: Any) -> list[str]:
    """The tag's texts in the current pass; empty if the prompt has no tag."""
    texts: list[str] = getattr(p, _ATTRIBUTE, [])
    return texts


def apply(p: Any, settings: Settings) -> Settings:
    """The settings with the tag's value. Raises SettingsError for a tag that cannot be used."""
    texts = texts_of(p)
    if not texts:
        return settings
    field = FIELD_BY_NAME[NAME]
    text = texts[0] if len(texts) == 1 else ", ".join(texts)
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(
            f"{TITLE}: the prompt tag <{NAME}:...> says {quoted(text)}; allowed is one tag with {field.allowed}. "
            "No image was made."
        ) from None
    if settings.enabled:
        return settings.with_explicit({NAME: value})
    return replace(settings.with_explicit({"enabled": True, NAME: value}), rescale_only=True)
