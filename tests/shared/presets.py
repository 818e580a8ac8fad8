"""A preset with all that one holds, for tests that care for some of it."""

from __future__ import annotations

from lib_zsnr.settings import FIELDS


def full_preset(**values: bool | float) -> dict[str, bool | float]:
    """The values; and of what is not given, the defaults."""
    return {field.name: field.default for field in FIELDS if field.in_preset} | values
