"""The API's way from a request to a processing object: as AUTOMATIC1111's, without the infotext."""

from __future__ import annotations

from modules.a1111 import api as a1111


class Api(a1111.Api):
    def _apply_infotext(self, tab, request) -> list:
        """The host's fault: with any infotext it fails (api.py:407)."""
        if request.get("infotext"):
            raise TypeError("isinstance() argument 2 cannot be a parameterized generic")
        return super()._apply_infotext(tab, request)
