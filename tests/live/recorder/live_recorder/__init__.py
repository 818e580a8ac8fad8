"""A test-only extension: it watches the sampling of one request and can disturb it. It does nothing unless told to."""
