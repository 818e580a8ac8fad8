"""reForge and Forge Classic: the UNet's `model_sampling` holds the schedule and the prediction type, for all samplers.

A1111's denoisers are still made, but only for the levels that they work out; what they would make of the UNet's output
is never asked.
"""
