"""What the panel is told by the double of the host: locks, presets, notes, and nothing while it is off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lib_zsnr.sentences import pieces_of, sentence
from lib_zsnr.settings import FIELDS
from lib_zsnr.ui import html, panel
from lib_zsnr.view import View
from tests.shared.presets import full_preset
from tests.webui import host_double  # noqa: F401 - makes the next lines find the double
from tests.webui.host_double.checkpoints import Checkpoint

from modules import scripts, sd_models, shared  # isort: skip

REQUEST = {"sampling": "DPM++ 2M", "scheduler": "Automatic", "steps": 20}
PRESET = full_preset(zero_terminal_snr=True, trailing=False, v_prediction=True, cfg_rescale=0.25)


@pytest.fixture
def host(driver):
    """The panel's host with the epsilon checkpoint loaded."""
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    load("epsilon")
    return WebuiPanelHost()


def load(role: str) -> None:
    shared.opts.set("sd_model_checkpoint", f"{role}.safetensors")
    sd_models.reload_model_weights()


def values(**changes):
    given = {field.name: field.default for field in FIELDS} | {"enabled": True} | changes
    return [given[field.name] for field in FIELDS]


def test_nothing_is_asked_while_the_box_is_off(host, monkeypatch):
    monkeypatch.setattr("lib_zsnr.webui.page.preview.plan_for", lambda *_: pytest.fail("asked"))
    key = host.view(values(enabled=False), REQUEST, "seen").key
    assert host.view(values(enabled=False), REQUEST, "seen") == View(key=key)


def test_following_locks_and_not_following_does_not(host):
    load("v_zsnr")
    assert host.view(values(), REQUEST, "").locked == {"zero_terminal_snr": True, "v_prediction": True}
    assert host.view(values(follow_checkpoint=False), REQUEST, "").locked == {}


def test_what_is_refused_leaves_the_locks_and_says_why_in_words_that_can_be_translated(host):
    load("v_zsnr")
    decided = {"zero_terminal_snr": True, "v_prediction": True}
    refused = host.view(values(**decided), REQUEST | {"sampling": "LCM"}, "")
    assert "the sampler is LCM" in refused.problem
    assert any(fixed and "LCM" in piece for piece, fixed in pieces_of(refused.problem))
    assert refused.locked == decided
    assert host.view(values(follow_checkpoint=False, **decided), REQUEST | {"sampling": "LCM"}, "").locked == {}


def test_what_was_decided_for_the_last_checkpoint_is_not_taken_for_ticked(host):
    """The locked boxes still have its values when another one comes."""
    left = values(zero_terminal_snr=True, v_prediction=True)
    view = host.view(left, REQUEST, "the last one")
    assert not any("was ticked" in note for note in view.notes)
    assert view.locked == {"zero_terminal_snr": False, "v_prediction": False}


def test_a_preset_fills_the_panel_once_for_each_checkpoint(host):
    host.save_preset(values(**PRESET))
    first = host.view(values(), REQUEST, "another")
    assert dict(first.filled) == PRESET
    assert first.has_preset
    # What the person then changes stays.
    assert host.view(values(cfg_rescale=0.9), REQUEST, first.key).filled == {}
    assert host.view(values(follow_checkpoint=False), REQUEST, "another").filled == {}
    assert host.forget_preset() == "Forgotten for epsilon."
    assert host.forget_preset() == "Nothing is saved for this checkpoint."


def test_where_the_file_says_nothing_one_press_says_it_and_another_takes_it_back(host):
    silent = host.view(values(), REQUEST, "")
    assert silent.offered == ("claim_v", "claim_v_zsnr")
    assert silent.prospect.endswith('if you are not sure, "Ask the model" first.')
    said = host.save_preset(values(cfg_rescale=0.4), "claim_v_zsnr")
    assert said == 'Saved for epsilon. If its images come out broken, press "Take it back".'
    said = host.view(values(), REQUEST, silent.key)
    assert said.checkpoint == "epsilon \u2014 v-prediction, zero terminal SNR (your preset for it is used)."
    assert said.locked == {"zero_terminal_snr": True, "v_prediction": True}
    assert (said.offered, said.prospect, said.claimed) == ((), "", True)
    assert host.view(values(), REQUEST, "").filled["cfg_rescale"] == 0.4
    assert host.forget_preset() == "Forgotten for epsilon."
    assert host.view(values(), REQUEST, silent.key) == silent
    host.save_preset(values(), "claim_v")
    assert host.view(values(), REQUEST, "").locked == {"zero_terminal_snr": False, "v_prediction": True}


@pytest.mark.parametrize(
    ("role", "offered", "prospect"),
    [
        ("v_metadata", (), ""),
        ("v_zsnr", (), ""),
        ("sd2_v", ("claim_v_zsnr",), "v-prediction alone, on the normal schedule,"),
        ("epsilon_ztsnr", ("claim_v_zsnr",), "As an epsilon model it cannot"),
    ],
)
def test_only_what_the_file_leaves_open_is_offered(host, role, offered, prospect):
    load(role)
    view = host.view(values(), REQUEST, "")
    assert view.offered == offered
    assert view.prospect.startswith(prospect)
    assert bool(view.prospect) == bool(prospect)


@pytest.mark.parametrize(
    ("metadata", "offered"),
    [
        ({"modelspec.prediction_type": "epsilon", "modelspec.merged_from": "a, b"}, ("claim_v", "claim_v_zsnr")),
        ({"modelspec.prediction_type": "epsilon"}, ()),
    ],
)
def test_what_merges_write_of_every_model_leaves_it_open(driver, host, metadata, offered):
    driver.host.add_checkpoint("merged", Checkpoint(metadata=metadata))
    load("merged")
    view = host.view(values(), REQUEST, "")
    assert view.offered == offered
    assert ("If it predicts v, press the button" in view.prospect) == bool(offered)


def test_a_choice_by_hand_is_not_questioned_and_a_preset_of_something_else_leaves_it_open(host):
    host.save_preset(values(cfg_rescale=0.2))
    saved = host.view(values(), REQUEST, "")
    assert saved.checkpoint == "epsilon \u2014 epsilon prediction, normal schedule (your preset for it is used)."
    assert (saved.offered, saved.claimed) == (("claim_v", "claim_v_zsnr"), False)
    by_hand = host.view(values(follow_checkpoint=False), REQUEST, "")
    assert by_hand.checkpoint.startswith("epsilon \u2014 nothing in the file says what it predicts")
    assert (by_hand.offered, by_hand.prospect, by_hand.claimed) == ((), "", False)
    load("v_zsnr")
    host.save_preset(values(v_prediction=False))
    against = host.view(values(), REQUEST, "")
    assert (against.offered, against.prospect, against.claimed) == ((), "", False)


def test_a_preset_is_filled_in_while_off_so_that_pasted_values_stay(host):
    host.save_preset(values(**PRESET))
    off = host.view(values(enabled=False), REQUEST, "")
    assert dict(off.filled) == PRESET
    # Pasting switches the box on, with values of its own.
    assert host.view(values(cfg_rescale=0.9), REQUEST, off.key).filled == {}


def test_a_problem_does_not_eat_the_fill(host):
    load("v_zsnr")
    host.save_preset(values(**PRESET))
    refused = host.view(values(), {**REQUEST, "sampling": "LCM"}, "another")
    assert refused.problem
    assert dict(refused.filled) == PRESET
    assert host.view(values(), REQUEST, "").key == refused.key


def test_a_checkpoint_that_only_was_borrowed_is_not_taken_for_the_chosen_one(host):
    """After a request that overrode the checkpoint the WebUI keeps that one loaded; the drop-down says the other."""
    host.save_preset(values(**PRESET))
    load("v_zsnr")
    shared.opts.set("sd_model_checkpoint", "epsilon.safetensors")
    view = host.view(values(), REQUEST, "seen")
    assert view.checkpoint.startswith("epsilon is selected and will be loaded for the next image")
    assert (view.key, view.locked, view.filled, view.levels) == ("seen", {}, {}, None)
    assert "nothing was saved" in host.save_preset(values())
    assert host.forget_preset() == "Nothing is saved for this checkpoint."
    load("epsilon")
    assert host.view(values(), REQUEST, "").has_preset


def test_a_preset_that_was_saved_before_the_hash_was_known_is_found(host):
    host.save_preset(values(**PRESET))
    sd_models.model_data.sd_model.sd_checkpoint_info.sha256 = "ab" * 32
    view = host.view(values(), REQUEST, "")
    assert view.key == "sha256:" + "ab" * 32
    assert view.has_preset
    assert host.forget_preset() == "Forgotten for epsilon."
    assert not host.view(values(), REQUEST, "").has_preset


def test_a_checkpoint_change_under_way_is_no_error(host, monkeypatch):
    def change(*_):
        sd_models.model_data.sd_model = None
        raise AttributeError("'NoneType' object has no attribute 'alphas_cumprod'")

    monkeypatch.setattr("modules.sd_samplers.find_sampler_config", change)
    assert host.view(values(), REQUEST, "").problem == "Another checkpoint is being loaded."


def test_a_schedule_that_the_webui_cannot_make_is_shown_as_such(host):
    shared.opts.set("img2img_fix_steps", True)
    request = {"sampling": "DDIM", "scheduler": "Automatic", "steps": 100, "denoising_strength": 0.09}
    levels = host.view(values(), request, "").levels
    assert levels["host"]["start"] == "cannot be sampled with these values"
    assert levels["ours"]["timesteps"]


def test_without_a_checkpoint_it_says_so(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    host = WebuiPanelHost()
    view = host.view(values(), REQUEST, "")
    assert view.checkpoint == "No checkpoint is loaded yet."
    assert view.levels is None
    assert sd_models.model_data.sd_model is None
    assert host.save_preset(values()) == "The selected checkpoint is not loaded yet, so nothing was saved."


def test_a_refusal_is_shown_before_generate_is_pressed(host):
    load("v_zsnr")
    view = host.view(values(), {**REQUEST, "sampling": "LCM"}, "")
    assert "samples epsilon models only" in view.problem
    assert "zsnr-problem" in html.status(view)


def test_the_preview_can_be_switched_off(host):
    shared.opts.set("zsnr_show_preview", False)
    view = host.view(values(), REQUEST, "")
    assert view.levels is None
    assert view.locked
    assert html.figure(view) == ""


def test_what_is_wrong_with_the_file_is_said_once(driver, host):
    contradicted = Checkpoint(markers=("v_pred", "ztsnr"), metadata={"modelspec.prediction_type": "epsilon"})
    driver.host.add_checkpoint("contradicted", contradicted)
    load("contradicted")
    for following in (True, False):
        view = host.view(values(follow_checkpoint=following), REQUEST, "")
        assert "".join([view.checkpoint, *view.notes]).count("contradicts") == 1


def test_the_notes_about_the_file_are_translated(driver, host):
    """Their pieces are kept: what is fixed text and what a value."""
    contradicted = Checkpoint(markers=("v_pred",), metadata={"modelspec.prediction_type": "epsilon"})
    driver.host.add_checkpoint("contradicted", contradicted)
    load("contradicted")
    pieces = host.view(values(), REQUEST, "").checkpoint.pieces
    assert (") contradicts ", True) in pieces


class TestMeasured:
    """The WebUI runs a Stable Diffusion 2 to find out what it predicts; metadata may say something else."""

    def view(self, driver, host, found: str, metadata: dict[str, str]):
        measured = Checkpoint("sd2", own_config=False, parameterization=found, metadata=metadata)
        driver.host.add_checkpoint("measured", measured)
        load("measured")
        return host.view(values(), REQUEST, "")

    def test_a_merges_v_loses_and_that_is_said_once(self, driver, host):
        view = self.view(driver, host, "eps", {"modelspec.prediction_type": "v", "modelspec.merged_from": "a, b"})
        assert not view.locked["v_prediction"]
        assert view.checkpoint.startswith(
            "measured \u2014 epsilon prediction (found by the WebUI when it ran the model)."
        )
        assert "".join([view.checkpoint, *view.notes]).count("by running the model (epsilon), which is used") == 1

    def test_a_trainers_v_wins_and_that_is_said_once(self, driver, host):
        view = self.view(driver, host, "eps", {"modelspec.prediction_type": "v"})
        assert view.locked["v_prediction"]
        assert "".join([view.checkpoint, *view.notes]).count("by running the model (epsilon), and is used") == 1

    def test_the_picture_tells_it_too(self, driver, host):
        self.view(driver, host, "v", {"modelspec.prediction_type": "epsilon"})
        result = driver.txt2img(steps=3, zsnr=[True], override_settings={"sd_model_checkpoint": "measured.safetensors"})
        assert "by running the model (v), which is used" in result.comments
        assert "ZSNR v-prediction: True" in result.infotext

    def test_a_yaml_beside_the_file_means_that_nothing_was_measured(self, driver, host):
        metadata = {"modelspec.prediction_type": "epsilon"}
        driver.host.add_checkpoint("told", Checkpoint("sd2", parameterization="v", metadata=metadata))
        (driver.host.folder / "told.yaml").write_text("model: {}")
        load("told")
        view = host.view(values(), REQUEST, "")
        assert not view.locked["v_prediction"]
        assert "tried" not in "".join([view.checkpoint, *view.notes])


class TestADetailer:
    NAMES = "dynamic_prompting,wildcards"

    @pytest.fixture(autouse=True)
    def installed(self, host, monkeypatch):
        found = scripts.ScriptClassData(type("AfterDetailerScript", (), {}), "adetailer.py", "", SimpleNamespace())
        monkeypatch.setattr(scripts, "scripts_data", [*scripts.scripts_data, found])
        monkeypatch.setitem(shared.opts.data, "ad_script_names", self.NAMES)

    def test_the_name_to_add_is_said(self, host):
        assert any("Add zero_terminal_snr to its setting" in note for note in host.view(values(), REQUEST, "").notes)

    def test_and_not_when_it_is_there(self, host, monkeypatch):
        monkeypatch.setitem(shared.opts.data, "ad_script_names", f"{self.NAMES}, zero_terminal_snr")
        assert host.view(values(), REQUEST, "").notes == ()


def test_every_field_has_its_one_place_in_the_panel():
    laid_out = [panel.SWITCH, *(name for row in panel.ROWS for name in row)]
    assert sorted(laid_out) == sorted(field.name for field in FIELDS)


def test_what_a_file_is_called_is_not_markup():
    view = View(checkpoint=sentence("{name} \u2014 {x}", name="<img src=x onerror=alert(1)>", x="&"), notes=("<b>",))
    shown = html.status(view)
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;img src=x" in shown


def test_fixed_text_and_values_stand_apart():
    shown = html.markup(sentence("Saved for {name}.", name="a model"))
    value = '<span class="zsnr-value" translate="no">a model</span>'
    assert shown == f"<span>Saved for </span>{value}<span>.</span>"


def test_metadata_against_what_the_webui_measured_is_told_once(host, driver):
    """The WebUI ran this Stable Diffusion 2 and found epsilon; a merging tool has written v into the file."""
    load("sd2_merged")
    view = host.view(values(), REQUEST, "")
    assert view.locked == {"zero_terminal_snr": False, "v_prediction": False}
    assert view.checkpoint.count("by running the model") == 1
    assert not any("by running the model" in note for note in view.notes)
    result = driver.txt2img(sampler_name="Euler", steps=4, zsnr={"enabled": True})
    assert "ZSNR v-prediction: False" in result.infotext
    assert result.comments.count("by running the model") == 1
    asked = driver.txt2img(sampler_name="Euler", steps=4, zsnr={"enabled": True, "v_prediction": True})
    assert "ZSNR v-prediction: True" in asked.infotext


def test_what_contradicts_itself_in_the_file_stands_there_once(host, tmp_path):
    from tests.webui.host_double import checkpoints

    contradiction = checkpoints.Checkpoint(markers=("v_pred",), metadata={"modelspec.prediction_type": "epsilon"})
    host_of = checkpoints.write(tmp_path, "contradicted", contradiction)
    sd_models.CheckpointInfo(str(host_of), contradiction).register()
    load("contradicted")
    view = host.view(values(), REQUEST, "")
    assert view.checkpoint.count("contradicts") == 1
    assert not any("contradicts" in note for note in view.notes)
