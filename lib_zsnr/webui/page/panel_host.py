"""What the panel asks of the WebUI: the loaded checkpoint, what the plan would do, its noise levels, the presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from modules import scripts, shared

from lib_zsnr.arguments import parse
from lib_zsnr.plan.plan import Plan
from lib_zsnr.presets.store import PresetError
from lib_zsnr.sentences import in_words, sentence
from lib_zsnr.settings import FIELD_BY_NAME, FOLLOWED, PRESET_FIELDS, Settings, SettingsError
from lib_zsnr.view import CLAIMS, View
from lib_zsnr.webui import checkpoints, hosts
from lib_zsnr.webui.page import asking, preview, preview_request, prospect, settings_page
from lib_zsnr.webui.page.preview_request import PreviewRequest

SCRIPT_NAME = "zero_terminal_snr"
"""The name of our script file, by which other extensions name scripts."""

# The WebUI makes its controls in this order, so that all others are there when the last one is.
_CONTROLS, _LAST = ("sampling", "scheduler", "steps", "width", "height", "denoising_strength"), "gallery"


class PageControls:
    """The host's own controls that the preview follows, caught as the page is built."""

    def __init__(self) -> None:
        self.controls: dict[str, Any] = {}

    def catch(self, script: Any, ready: Callable[[Mapping[str, Any]], None]) -> None:
        """Have the controls of the script's tab caught, and `ready` called with them when all are there."""
        for tab in ("txt2img", "img2img"):
            # In txt2img this is the strength of the hires pass, which the preview does not show.
            names = _CONTROLS if tab == "img2img" else _CONTROLS[:-1]
            for name in names:
                script.on_after_component(self._keep(name), elem_id=f"{tab}_{name}")
            script.on_after_component(lambda _: ready(self.controls), elem_id=f"{tab}_{_LAST}")

    def _keep(self, name: str) -> Callable[[Any], None]:
        def keep(event: Any) -> None:
            self.controls[name] = event.component

        return keep


class WebuiPanelHost:
    """`lib_zsnr.view.PanelHost` over the WebUI."""

    def default(self, name: str) -> bool | float:
        """What a control shows when the page is opened: as the settings page says."""
        value: bool | float = getattr(settings_page.defaults(), name)
        return value

    def view(self, values: Sequence[Any], request: Mapping[str, Any], seen: str) -> View:
        """What to show. No plan is made while the box is off."""
        by_name, checkpoint = dict(zip(FIELD_BY_NAME, values)), _current()
        if checkpoint is None:
            # Nothing is known yet of the one to come, so nothing is filled in or locked for it.
            return View(checkpoint=_to_come(checkpoints.chosen()), key=seen)
        preset = dict(checkpoints.preset_of(checkpoint))
        # Filled in when another checkpoint comes, also while the box is off: so that opening the panel, which pasted
        # parameters do as well, changes nothing any more.
        filled = preset if by_name["follow_checkpoint"] is True and checkpoint.key != seen else {}
        if by_name["enabled"] is not True:
            return View(key=checkpoint.key, filled=filled)
        described = checkpoints.describe(checkpoint, by_name["follow_checkpoint"] is True)
        view = View(described, key=checkpoint.key, has_preset=bool(preset), filled=filled)
        shown = {**by_name, **filled}
        if by_name["follow_checkpoint"] is True:
            # Nobody can have ticked what is locked: it is what was decided for the checkpoint that was shown last.
            view = replace(view, locked={name: shown[name] for name in FOLLOWED})
            shown |= dict.fromkeys(FOLLOWED, False)
        try:
            settings = parse(list(shown.values()), settings_page.defaults())
            tab = preview_request.read(request)
            plan, levels = _planned(settings.with_preset(preset), tab)
        except preview.NothingToDoError as reason:
            return replace(view, notes=(in_words(reason),))
        except (SettingsError, preview.PreviewUnavailableError) as error:
            return replace(view, problem=in_words(error))
        done = plan.field_values()
        if settings.follow_checkpoint:
            view = replace(view, locked={name: done[name] for name in FOLLOWED})
            view = _with_prospect(view, checkpoint, preset, done)
        # What the file says against itself stands in the checkpoint's line already.
        in_its_line = (*checkpoint.traits.conflicts, checkpoint.traits.problem)
        warnings = [warning for warning in plan.warnings if warning not in in_its_line]
        notes = (*warnings, *_hints(), *([tab.problem] if tab.problem else []))
        return replace(view, notes=notes, levels=levels)

    def save_preset(self, values: Sequence[Any], claim: str = "") -> str:
        """Save the values for the loaded checkpoint, or what a person says of it and the rest of the values."""
        checkpoint = _current()
        if checkpoint is None:
            return sentence("The selected checkpoint is not loaded yet, so nothing was saved.")
        by_name = {**dict(zip(FIELD_BY_NAME, values)), **CLAIMS.get(claim, {})}
        try:
            checkpoints.save_preset(checkpoint, {name: by_name[name] for name in PRESET_FIELDS})
        except (SettingsError, PresetError) as error:
            return in_words(error)
        if claim:
            text = 'Saved for {name}. If its images come out broken, press "Take it back".'
        else:
            text = "Saved for {name}."
        return sentence(text, name=checkpoint.name)

    def forget_preset(self) -> str:
        """Forget those of the loaded checkpoint."""
        checkpoint = _current()
        try:
            if checkpoint is None or not checkpoints.forget_preset(checkpoint):
                return sentence("Nothing is saved for this checkpoint.")
        except PresetError as error:
            return in_words(error)
        return sentence("Forgotten for {name}.", name=checkpoint.name)

    def ask(self) -> str:
        """Ask the loaded model, where it is the one of the panel."""
        loaded = asking.loaded()  # before it is named: what is asked is never another one than the name says
        checkpoint = _current()
        if checkpoint is None:
            return sentence("The selected checkpoint is not loaded yet, so it cannot be asked.")
        if loaded[0] is not hosts.current().model_to_show():
            return sentence("This WebUI loads a checkpoint when an image is made: generate one, then ask again.")
        return asking.ask(loaded, checkpoint.name, prospect.offered(checkpoint))


def _current() -> checkpoints.Checkpoint | None:
    """The checkpoint that is shown, where it is also the one that the next image is made with."""
    return None if checkpoints.chosen() else checkpoints.shown()


def _with_prospect(
    view: View, checkpoint: checkpoints.Checkpoint, preset: Mapping[str, Any], done: Mapping[str, bool | float]
) -> View:
    """What a followed checkpoint gets, and what a person can say of it; what was said already is not questioned."""
    offered = prospect.offered(checkpoint)
    if prospect.is_claim(checkpoint, preset) or (preset and not offered):
        return replace(view, claimed=bool(offered))
    return replace(view, prospect=prospect.prospect(checkpoint.traits, done), offered=offered)


def _to_come(name: str) -> str:
    if name:
        text = "{name} is selected and will be loaded for the next image; another checkpoint is loaded now."
        return sentence(text, name=name)
    return sentence("No checkpoint is loaded yet.")


def _planned(settings: Settings, tab: PreviewRequest) -> tuple[Plan, dict[str, Any] | None]:
    """The plan for what is chosen in the tab, and its levels where the settings page wants them and there are some."""
    plan, sampler = preview.plan_for(settings, tab)
    wanted = settings_page.show_preview() and tab.problem is None
    return plan, preview.levels(plan, sampler, tab) if wanted else None


def _hints() -> list[str]:
    """What other extensions have to be told."""
    installed = any(data.script_class.__name__ == "AfterDetailerScript" for data in scripts.scripts_data)
    known = str(getattr(shared.opts, "ad_script_names", "")).split(",")
    if not installed or SCRIPT_NAME in [name.strip() for name in known]:
        return []
    text = (
        "ADetailer does not run this extension in its inner pass, so faces of a v-prediction model come out as noise. "
        'Add {name} to its setting "Script names to apply to ADetailer".'
    )
    return [sentence(text, name=SCRIPT_NAME)]
