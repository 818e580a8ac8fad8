"""Which checkpoint is loaded, into which model object, with which noise schedule (sd_models.py)."""

from __future__ import annotations

from pathlib import Path

from modules import devices, errors, script_callbacks, shared
from safetensors.torch import load_file

from tests.webui.host_double.tiny_model import TinyModel, stable_diffusion_alphas_cumprod

FLOOR = 4.8973451890853435e-08  # last alphas_cumprod of the host's zero terminal SNR schedule
checkpoints_list: dict[str, CheckpointInfo] = {}
checkpoint_aliases: dict[str, CheckpointInfo] = {}


class CheckpointInfo:
    """`recipe` is the double's: what the file was written from."""

    def __init__(self, filename: str, recipe):
        self.filename, self.recipe = filename, recipe
        self.name = self.title = Path(filename).name
        self.name_for_extra = self.model_name = self.short_title = Path(filename).stem
        self.sha256 = self.shorthash = self.hash = None
        self.is_safetensors = True
        self.metadata = recipe.metadata
        self.ids = [self.name, self.name_for_extra]

    def register(self) -> None:
        checkpoints_list[self.title] = self
        checkpoint_aliases.update(dict.fromkeys(self.ids, self))


class SdModelData:
    def __init__(self):
        self.sd_model, self.loaded_sd_models, self.was_loaded_at_least_once = None, [], False

    def get_sd_model(self):
        if self.sd_model is None and not self.was_loaded_at_least_once:
            try:
                load_model()
            except Exception as e:
                errors.display(e, "loading stable diffusion model")
        return self.sd_model

    def set_sd_model(self, model) -> None:
        self.sd_model = model
        self.loaded_sd_models[:] = [model] + [other for other in self.loaded_sd_models if other is not model]


model_data = SdModelData()


class SkipWritingToConfig:
    """Inside it a loaded checkpoint does not become the chosen one (used by refiner and hires checkpoint)."""

    skip = False

    def __enter__(self):
        self.previous, SkipWritingToConfig.skip = SkipWritingToConfig.skip, True

    def __exit__(self, *exc):
        SkipWritingToConfig.skip = self.previous


def get_closet_checkpoint_match(search_string):
    return checkpoint_aliases.get(search_string) or next(
        (info for title, info in checkpoints_list.items() if search_string and search_string in title), None
    )


def select_checkpoint() -> CheckpointInfo:
    return checkpoint_aliases.get(shared.opts.sd_model_checkpoint) or next(iter(checkpoints_list.values()))


def rescale_zero_terminal_snr_abar(alphas_cumprod):
    root = alphas_cumprod.sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    rescaled = root**2
    rescaled[-1] = FLOOR
    return rescaled


def apply_alpha_schedule_override(sd_model, p=None) -> None:
    """Per batch and at every load: the schedule starts again from `alphas_cumprod_original` (sd_models.py:647)."""
    sd_model.alphas_cumprod = sd_model.alphas_cumprod_original.to(shared.device)
    if shared.opts.use_downcasted_alpha_bar:
        if p is not None:
            p.extra_generation_params["Downcast alphas_cumprod"] = True
        sd_model.alphas_cumprod = sd_model.alphas_cumprod.half()
    if shared.opts.sd_noise_schedule == "Zero Terminal SNR":
        if p is not None:
            p.extra_generation_params["Noise Schedule"] = shared.opts.sd_noise_schedule
        sd_model.alphas_cumprod = rescale_zero_terminal_snr_abar(sd_model.alphas_cumprod)


def load_model_weights(model, info: CheckpointInfo) -> None:
    if not SkipWritingToConfig.skip:
        shared.opts.data["sd_model_checkpoint"] = info.title
    if model.is_sdxl:  # extend_sdxl: fresh values at every load, which heals what a request left there
        model.parameterization, model.alphas_cumprod = info.recipe.parameterization, stable_diffusion_alphas_cumprod()
    model.load_state_dict(load_file(info.filename), strict=False)  # a stored alphas_cumprod lands in place
    # The host's fault: what is current, rescaled or not, is taken for the original (:467).
    model.alphas_cumprod_original = model.alphas_cumprod
    apply_alpha_schedule_override(model)
    model.sd_checkpoint_info, model.sd_model_checkpoint = info, info.filename
    model.sd_model_hash = info.shorthash


def load_model(info: CheckpointInfo | None = None):
    info = info or select_checkpoint()
    if model_data.sd_model is not None:
        model_data.sd_model.to("meta")
        model_data.sd_model = None
    model = TinyModel(info.recipe.kind, info.recipe.config(info.filename), info.recipe.parameterization)
    load_model_weights(model, info)
    model.eval()
    model_data.set_sd_model(model)
    model_data.was_loaded_at_least_once = True
    script_callbacks.model_loaded_callback(model)
    model.cond_stage_model_empty_prompt = model._encode("")[None]
    return model


def reuse_model_from_already_loaded(info: CheckpointInfo):
    """-> a cached model of this checkpoint (no callback, no schedule set), or a model to load it into, or None."""
    cached = [model for model in model_data.loaded_sd_models if model.sd_checkpoint_info is info]
    if cached:
        model_data.set_sd_model(cached[0])
        if not SkipWritingToConfig.skip:
            shared.opts.data["sd_model_checkpoint"] = info.title
        return cached[0]
    if len(model_data.loaded_sd_models) < shared.opts.sd_checkpoints_limit:
        model_data.sd_model = None
        return load_model(info)
    model_data.sd_model = model_data.loaded_sd_models.pop()
    return model_data.sd_model


def reload_model_weights(sd_model=None, info: CheckpointInfo | None = None, forced_reload: bool = False):
    info = info or select_checkpoint()
    model = sd_model or model_data.sd_model
    if model is None:
        return load_model(info)
    if model.sd_checkpoint_info is info and not forced_reload:
        return model
    model = reuse_model_from_already_loaded(info)
    if model.sd_checkpoint_info is info and not forced_reload:
        return model
    if model.used_config != info.recipe.config(info.filename):
        return load_model(info)
    load_model_weights(model, info)
    script_callbacks.model_loaded_callback(model)
    model_data.set_sd_model(model)
    return model


def apply_token_merging(sd_model, token_merging_ratio) -> None:
    devices.torch_gc()
