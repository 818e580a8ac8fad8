"""A real WebUI as a child process: started in a temporary data folder, and stopped however the tests end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.live import known_hosts, tiny_checkpoints

PROJECT = Path(__file__).parents[2]
_RECORDER = Path(__file__).parent / "recorder"
# The scripts of the folders are loaded in the order of their names, and the recorder's has to be the last.
_RECORDERS_NAME = "zzz-live-recorder"
OURS_LAST, OURS_FIRST = "zero-terminal-snr", "00-zero-terminal-snr"
_SETTINGS = {
    "sd_model_checkpoint": tiny_checkpoints.CHECKPOINTS["epsilon"],
    # The previews of some models are made by a network that would be fetched.
    "live_previews_enable": False,
}
START_SECONDS = 300
# The last thing that the WebUI prints before it waits for requests.
STARTED = "Startup time:"
_STOP_SECONDS = 10


def find_webui() -> tuple[Path, Path] | str:
    """The WebUI's folder and interpreter, or one line that says why there is none."""
    folder = Path(os.environ.get("ZSNR_WEBUI") or "~/stable-diffusion-webui").expanduser()
    if not (folder / "launch.py").is_file():
        return f"no WebUI in {folder}; set ZSNR_WEBUI to its folder to run the live tests"
    inside = "venv/Scripts/python.exe" if os.name == "nt" else "venv/bin/python"
    python = Path(os.environ.get("ZSNR_WEBUI_PYTHON") or folder / inside).expanduser()
    if not python.is_file():
        return f"no interpreter {python}; set ZSNR_WEBUI_PYTHON to the WebUI's to run the live tests"
    return folder, python


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One WebUI. `data` is its data folder; with `extension` off the project is not among its extensions.

    flags: more command line flags; settings: what the settings file holds besides what the tests need. neighbours:
    the folders of other extensions that it has. ours: the name of our folder, which decides whether ours is loaded
    before theirs or after. models: the folder whose contents its folder `models` has.
    """

    webui: Path
    python: Path
    checkpoints: Path
    data: Path
    extension: bool = True
    flags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    neighbours: tuple[Path, ...] = ()
    ours: str = OURS_LAST
    models: Path | None = None

    def __post_init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.data / "webui.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.seconds_to_start = 0.0

    def _prepare(self) -> None:
        (self.data / "extensions").mkdir(parents=True, exist_ok=True)
        links = {folder.name: folder for folder in self.neighbours} | {_RECORDERS_NAME: _RECORDER}
        if self.extension:
            links[self.ours] = PROJECT
        for name, target in links.items():
            link = self.data / "extensions" / name
            if not link.is_symlink():
                link.symlink_to(target, target_is_directory=True)
        if self.models is not None:
            shutil.copytree(self.models, self.data / "models", copy_function=os.symlink, dirs_exist_ok=True)
        settings = {**_SETTINGS, **known_hosts.of(self.webui).settings, **self.settings}
        (self.data / "config.json").write_text(json.dumps(settings), encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        unwanted = {"COMMANDLINE_ARGS", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        return {
            **kept,
            "HF_HOME": str(self.data / "hub"),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "CUDA_VISIBLE_DEVICES": "",
            # The models are too small to gain from more, and sums in one order make equal bytes.
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "ZSNR_LIVE_CONFIGS": json.dumps(self._default_configs()),
            "ZSNR_LIVE_LIFELINE": "stdin",
        }

    def _default_configs(self) -> dict[str, str]:
        if not known_hosts.of(self.webui).is_a1111:
            return {}
        names = tiny_checkpoints.DEFAULT_CONFIGS.values()
        return {name: str(self.checkpoints / f"{name}.yaml") for name in names}

    def __enter__(self) -> Server:
        self._prepare()
        host = known_hosts.of(self.webui)
        command = [str(self.python), "launch.py", *host.flags, f"--port={self.port}", f"--data-dir={self.data}"]
        command += [f"{host.folder_flag}={self.checkpoints}", f"--ui-settings-file={self.data / 'config.json'}"]
        if not host.is_a1111:
            # Its page may read files of the data folder alone, which usually is the WebUI's own.
            command.append(f"--gradio-allowed-path={self.webui}")
        command += self.flags
        started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.webui, env=self._environment(), stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        try:
            self._wait(started + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.seconds_to_start = time.monotonic() - started
        return self

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _wait(self, deadline: float) -> None:
        """Knock only when the WebUI says that it has started.

        Its port opens before its routes exist, and a request that comes between the two ends the WebUI with "Cannot
        add middleware after an application has started".
        """
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(self._trouble(f"the WebUI ended with code {self.process.returncode}"))
            if STARTED in self.log_text() and self._answers("/sdapi/v1/samplers") and self._answers("/recorder/last"):
                return
            time.sleep(0.25)
        raise TimeoutError(self._trouble(f"the WebUI did not answer within {START_SECONDS} s"))

    def _trouble(self, what: str) -> str:
        return f"{what}; the end of its log:\n{self.log_text()[-4000:]}"

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
