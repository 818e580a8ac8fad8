"""The shared cases on the real WebUI."""

from tests.shared_cases import SharedCases


class TestOnTheRealHost(SharedCases):
    pass
