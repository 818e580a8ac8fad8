"""Starts the double afresh, as a new process of Forge, in which no model is loaded yet."""

from __future__ import annotations

from tests.webui.host_double import boot

from . import checkpoints

from modules import sd_models  # isort: skip
from modules_forge import main_entry  # isort: skip


class Host(boot.Host):
    """One Forge; as the WebUI of its double."""

    roles = checkpoints.ROLES

    def add_checkpoint(self, name: str, checkpoint: checkpoints.Checkpoint) -> None:
        path = checkpoints.write(self.folder, name, checkpoint)
        sd_models.CheckpointInfo(str(path), checkpoint).register()

    def reload(self) -> None:
        super().reload()
        main_entry.refresh_model_loading_parameters()
