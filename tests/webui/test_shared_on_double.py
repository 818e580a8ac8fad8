"""The shared cases on the host double."""

from tests.shared_cases import SharedCases


class TestOnTheDouble(SharedCases):
    pass
