"""Not in the host: AUTOMATIC1111's modules of names that Forge's own stand in front of, to build those upon."""

from modules import SAME

__path__.append(SAME)
