"""Forge and Forge Neo: the UNet's predictor holds the schedule and the prediction type, for all samplers."""
