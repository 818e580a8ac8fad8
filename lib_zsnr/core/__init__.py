"""The maths, in pure torch and numpy: it knows no WebUI, no gradio and no sampler library."""
