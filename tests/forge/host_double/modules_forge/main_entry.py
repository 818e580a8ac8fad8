"""The choice of a checkpoint: it is noted, and loaded when an image is made (modules_forge/main_entry.py:220)."""

from __future__ import annotations

from modules import sd_models, shared


def refresh_model_loading_parameters() -> None:
    sd_models.model_data.forge_loading_parameters = {"checkpoint_info": sd_models.select_checkpoint()}


def checkpoint_change(ckpt_name: str, save: bool = True, refresh: bool = True) -> bool:
    """-> whether it is another one."""
    chosen = sd_models.get_closet_checkpoint_match(shared.opts.data.get("sd_model_checkpoint", ""))
    if sd_models.get_closet_checkpoint_match(ckpt_name) is chosen:
        return False
    shared.opts.set("sd_model_checkpoint", ckpt_name)
    if refresh:
        refresh_model_loading_parameters()
    return True
