"""Setting several settings at once (sysinfo.py:218)."""

from __future__ import annotations

from modules import sd_models, shared
from modules_forge import main_entry


def set_config(req: dict, is_api=False, run_callbacks=True, save_config=True) -> None:
    changed = False
    for key, value in req.items():
        if value == shared.opts.data.get(key):
            continue
        if key != "sd_model_checkpoint":
            shared.opts.set(key, value, is_api=is_api, run_callbacks=run_callbacks)
            continue
        if value is not None and value not in sd_models.checkpoint_aliases:
            raise RuntimeError(f"model {value!r} not found")
        changed = main_entry.checkpoint_change(value, save=False, refresh=False) or changed
    if changed:
        main_entry.refresh_model_loading_parameters()
