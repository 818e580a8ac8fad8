"""The shared cases on the host double."""

from tests.shared.cases import SharedCases
from tests.shared.fitted_cases import FittedCases
from tests.shared.masks import SharedMasks
from tests.shared.neutral import NeutralInside, SharedNeutral
from tests.shared.round_trip import SharedRoundTrip
from tests.shared.ways_in import SharedInfotext, SharedPromptTag, SharedSettingsPage


class TestOnTheDouble(SharedCases):
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


class TestMasks(SharedMasks):
    pass


class TestNeutral(SharedNeutral):
    pass


class TestNeutralInside(NeutralInside):
    pass
