"""A tiny trained pair of Stable Diffusions: one with the usual schedule, one with zero terminal SNR.

Only for development: it needs diffusers, transformers and safetensors, which the extension itself does not.
"""
