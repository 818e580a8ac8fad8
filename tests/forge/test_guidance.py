"""Guidance and its rescale on Forge's double, against loops written from the paper."""

from tests.shared.paper import PaperCases


class TestThePaper(PaperCases):
    pass
