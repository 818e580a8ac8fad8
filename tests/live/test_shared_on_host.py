"""The shared cases on the real WebUI."""

from tests.shared.cases import SharedCases
from tests.shared.fitted_cases import FittedCases
from tests.shared.neutral import SharedNeutral
from tests.shared.round_trip import SharedRoundTrip
from tests.shared.ways_in import SharedInfotext, SharedPromptTag, SharedSettingsPage


class TestOnTheRealHost(SharedCases):
    pass


class TestSettingsPage(SharedSettingsPage):
    pass


class TestPromptTag(SharedPromptTag):
    pass


class TestInfotext(SharedInfotext):
    pass


class TestRoundTrip(SharedRoundTrip):
    pass


class TestFitted(FittedCases):
    pass


class TestNeutral(SharedNeutral):
    pass
