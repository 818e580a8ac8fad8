"""The shared cases on the double of Forge."""

import pytest

from tests.shared.cases import SharedCases
from tests.shared.fitted_cases import FittedCases
from tests.shared.round_trip import SharedRoundTrip
from tests.shared.ways_in import SharedInfotext, SharedPromptTag, SharedSettingsPage


class TestOnForge(SharedCases):
    pass


class TestSettingsPage(SharedSettingsPage):
    pass


class TestPromptTag(SharedPromptTag):
    pass


class TestInfotext(SharedInfotext):
    pass


class TestRoundTrip(SharedRoundTrip):
    @pytest.fixture(autouse=True)
    def known_fault(self, request):
        """Off, Forge writes "Noise Schedule: Default" for a marked file, and pasting that switches the extension on."""
        if request.node.name == "test_a_list[v_zsnr-off]":
            request.applymarker(pytest.mark.xfail(strict=True, reason="pasted, it switches the extension on"))


class TestFitted(FittedCases):
    pass
