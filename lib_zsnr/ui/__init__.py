"""The panel: the only place that imports gradio."""
