"""Zero terminal SNR, trailing spacing, v-prediction and CFG rescale for the Stable Diffusion WebUI.

The way of one request: core (the maths) <- settings (what was asked) <- plan (what will be done)
<- webui (attached to one sampler call) <- scripts/zero_terminal_snr.py (the host's entry).
"""

__version__ = "0.1.0"
