"""Settings that all tests share."""

from hypothesis import settings

# A machine that is busy with something else is no failure: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
