"""What a WebUI that is not known has to show, on both hosts, as cases.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shared.cases import made
from tests.shared.driver import Driver

SENTENCE = "this WebUI is another relative of Forge: it does nothing here"
REQUEST = {"steps": 3, "sampler_name": "Euler", "prompt": "a cat <cfg_rescale:0.5>"}


class SharedUnknownHost:
    """`unknown`: a driver of such a host. `plain`: what the same one makes without the extension, by sampler."""

    @pytest.mark.parametrize("args", [None, [], [False], {"enabled": False, "cfg_rescale": 5}, {"trailing": True}])
    @pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
    def test_images_are_made_as_without_the_extension(self, unknown: Driver, plain: dict, args: Any, sampler: str):
        result = made(unknown.txt2img(**{**REQUEST, "sampler_name": sampler, "zsnr": args}))
        assert result.images[0].tobytes() == plain[sampler].images[0].tobytes()
        assert result.infotext == plain[sampler].infotext

    @pytest.mark.parametrize("args", [[True], {"enabled": True}, {"enabled": "yes"}, {"enabled": True, "bridge": True}])
    def test_who_asks_for_the_extension_is_refused_in_words(self, unknown: Driver, plain: dict, args: Any):
        result = unknown.txt2img(**{**REQUEST, "zsnr": args})
        assert (result.status, result.images) == (422, [])
        assert SENTENCE in result.error
        after = made(unknown.txt2img(**REQUEST))
        assert after.images[0].tobytes() == plain["Euler"].images[0].tobytes()
