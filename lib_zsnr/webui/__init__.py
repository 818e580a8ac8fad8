"""The adapter for AUTOMATIC1111's WebUI: the only place that imports the host's modules."""
