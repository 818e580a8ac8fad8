"""`opts`, `state` and the loaded model, where every part of the host looks for them."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

from modules import devices, errors

device = devices.device
demo = None
latent_upscale_modes = {"Latent": {"mode": "bilinear", "antialias": False}}
total_tqdm = SimpleNamespace(update=lambda: None, updateTotal=lambda new_total: None, clear=lambda: None)
cmd_opts = SimpleNamespace(no_half=True, api=True, api_auth=None, no_prompt_history=False, data_dir="", nowebui=False)


class OptionInfo:
    """One setting. `infotext` is the key under which pasted infotext sets it."""

    def __init__(
        self,
        default=None,
        label="",
        component=None,
        component_args=None,
        onchange=None,
        section=None,
        refresh=None,
        comment_before="",
        comment_after="",
        infotext=None,
        restrict_api=False,
        category_id=None,
    ):
        self.default, self.label, self.section, self.infotext = default, label, section, infotext
        self.component, self.component_args, self.onchange = component, component_args, onchange
        self.restrict_api, self.do_not_save = restrict_api, False

    def info(self, info):
        return self

    html = needs_restart = needs_reload_ui = info

    def link(self, label, url):
        return self


class Options:
    """Settings. `data` holds what was ever saved or set; what is not in it has its default (options.py:148)."""

    def __init__(self, data_labels: dict[str, OptionInfo]):
        object.__setattr__(self, "data_labels", data_labels)
        object.__setattr__(self, "data", {})

    def __getattr__(self, item):
        if item in self.data:
            return self.data[item]
        if item in self.data_labels:
            return self.data_labels[item].default
        raise AttributeError(item)

    def __setattr__(self, key, value):
        (self.data if key in self.data or key in self.data_labels else self.__dict__)[key] = value

    def set(self, key, value, is_api=False, run_callbacks=True) -> bool:
        if self.data.get(key) == value:
            return False
        option = self.data_labels[key]
        if is_api and option.restrict_api:
            return False
        former = self.data.get(key)
        setattr(self, key, value)
        if run_callbacks and option.onchange is not None:
            try:
                option.onchange()
            except Exception as error:  # the host prints it and puts the former value back (options.py:166)
                errors.display(error, f"changing setting {key} to {value}")
                setattr(self, key, former)
                return False
        return True

    def get_default(self, key):
        return self.data_labels[key].default if key in self.data_labels else None

    def add_option(self, key, info: OptionInfo) -> None:
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)

    def cast_value(self, key, value):
        """An infotext's text as the type of the setting's default, or of its value where that is None."""
        example = self.get_default(key)
        example = getattr(self, key) if example is None else example
        if value is None or example is None:
            return None
        return type(example)(value) if not (isinstance(example, bool) and value == "False") else False


# Only the settings that sampling reads: name -> (default, infotext key).
_SAMPLING = {
    "sd_model_checkpoint": (None, "Model hash"),
    "sd_checkpoints_limit": (1, None),
    "sd_noise_schedule": ("Default", "Noise Schedule"),
    "use_downcasted_alpha_bar": (False, "Downcast alphas_cumprod"),
    "eta_ddim": (0.0, "Eta DDIM"),
    "eta_ancestral": (1.0, "Eta"),
    "s_churn": (0.0, "Sigma churn"),
    "s_tmin": (0.0, "Sigma tmin"),
    "s_tmax": (0.0, "Sigma tmax"),
    "s_noise": (1.0, "Sigma noise"),
    "sigma_min": (0.0, "Schedule min sigma"),
    "sigma_max": (0.0, "Schedule max sigma"),
    "rho": (0.0, "Schedule rho"),
    "always_discard_next_to_last_sigma": (False, "Discard penultimate sigma"),
    "sgm_noise_multiplier": (False, "SGM noise multiplier"),
    "use_old_karras_scheduler_sigmas": (False, None),
    "uni_pc_variant": ("bh1", "UniPC variant"),
    "uni_pc_skip_type": ("time_uniform", "UniPC skip type"),
    "uni_pc_order": (3, "UniPC order"),
    "uni_pc_lower_order_final": (True, "UniPC lower order final"),
    "skip_early_cond": (0.0, "Skip Early CFG"),
    "s_min_uncond": (0.0, "NGMS"),
    "s_min_uncond_all": (False, None),
    "beta_dist_alpha": (0.6, None),
    "beta_dist_beta": (0.6, None),
    "no_dpmpp_sde_batch_determinism": (False, None),
    "pad_cond_uncond": (False, "Pad conds"),
    "pad_cond_uncond_v0": (False, "Pad conds v0"),
    "batch_cond_uncond": (True, None),
    "enable_quantization": (False, None),
    "refiner_switch_by_sample_steps": (False, None),
    "hires_fix_refiner_pass": ("second pass", "Hires refiner"),
    "img2img_fix_steps": (False, None),
    "img2img_extra_noise": (0.0, "Extra noise"),
    "initial_noise_multiplier": (1.0, "Noise multiplier"),
    "live_preview_content": ("Prompt", None),
    "eta_noise_seed_delta": (0, "ENSD"),
    "inpainting_mask_weight": (1.0, "Conditional mask weight"),
    "infotext_skip_pasting": ([], None),
}


def default_labels() -> dict[str, OptionInfo]:
    return {name: OptionInfo(default, name, infotext=key) for name, (default, key) in _SAMPLING.items()}


class State:
    def __init__(self):
        self.begin()

    def begin(self, job: str = "") -> None:
        self.job, self.job_count, self.sampling_step, self.sampling_steps = job, -1, 0, 0
        self.interrupted = self.skipped = self.stopping_generation = False
        self.current_latent = None

    def end(self) -> None:
        self.job = ""

    def nextjob(self) -> None:
        self.sampling_step = 0

    def interrupt(self) -> None:
        self.interrupted = True

    def skip(self) -> None:
        self.skipped = True


opts = Options(default_labels())
state = State()


class _Shared(ModuleType):
    """`shared.sd_model` is a property of the module: the first reader loads the model (shared_items.py:159)."""

    @property
    def sd_model(self):
        from modules import sd_models

        return sd_models.model_data.get_sd_model()


sys.modules[__name__].__class__ = _Shared
