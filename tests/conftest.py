"""Settings that all tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

# Their asserts tell as much as those of the test files that import them.
pytest.register_assert_rewrite(
    "tests.shared.cases", "tests.shared.ways_in", "tests.shared.page_cases", "tests.shared.paper"
)

# A machine that is busy with something else is no failure: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


_FORGE = Path(__file__).parent / "forge"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A process has only one package `modules`, and there are two doubles: Forge's runs where it alone is named."""
    named = [Path(str(argument).partition("::")[0]).resolve() for argument in config.args]
    return True if collection_path == _FORGE and not any(path.is_relative_to(_FORGE) for path in named) else None
