"""The UNet's patcher: the shared model, and hooks that are this patcher's alone. Extensions hook into a clone."""

from __future__ import annotations

import copy


class UnetPatcher:
    def __init__(self, model):
        self.model, self.model_options = model, {"transformer_options": {}}

    def clone(self):
        clone = UnetPatcher(self.model)
        clone.model_options = copy.deepcopy(self.model_options)
        return clone

    def set_model_sampler_cfg_function(self, sampler_cfg_function, disable_cfg1_optimization=False):
        """One slot, which the last writer has."""
        self._set("sampler_cfg_function", sampler_cfg_function, disable_cfg1_optimization)

    def set_model_sampler_post_cfg_function(self, post_cfg_function, disable_cfg1_optimization=False):
        """A list, of which all are called in turn."""
        found = self.model_options.get("sampler_post_cfg_function", [])
        self._set("sampler_post_cfg_function", [*found, post_cfg_function], disable_cfg1_optimization)

    def _set(self, key, value, disable_cfg1_optimization):
        self.model_options[key] = value
        if disable_cfg1_optimization:
            self.model_options["disable_cfg1_optimization"] = True
