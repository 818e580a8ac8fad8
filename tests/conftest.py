"""Settings that all tests share."""

import pytest
from hypothesis import settings

# Their asserts tell as much as those of the test files that import them.
pytest.register_assert_rewrite("tests.shared.cases", "tests.shared.ways_in", "tests.shared.page_cases")

# A machine that is busy with something else is no failure: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
