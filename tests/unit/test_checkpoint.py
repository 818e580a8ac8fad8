"""What a checkpoint says of itself: each kind of evidence, their order, and files that are hostile or missing."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_zsnr.checkpoint import traits as checkpoint
from lib_zsnr.checkpoint.evidence import MAX_YAML_BRACKETS, MAX_YAML_BYTES
from lib_zsnr.checkpoint.traits import Traits, read_traits
from tests.shared.work import function_calls, peak_bytes

unhurried = settings(deadline=None)
"""These examples write files, and how long that takes on a busy machine says nothing."""

SPARSE_MODEL_BYTES = 7_000_000_000
TENSOR = {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}
SDXL_YAML = """
model:
  target: sgm.models.diffusion.DiffusionEngine
  params:
    scale_factor: 0.13025
    denoiser_config:
      target: sgm.modules.diffusionmodules.denoiser.DiscreteDenoiser
      params:
        num_idx: 1000
        weighting_config:
          target: sgm.modules.diffusionmodules.denoiser_weighting.EpsWeighting
        scaling_config:
          target: sgm.modules.diffusionmodules.denoiser_scaling.{}
        discretization_config:
          target: sgm.modules.diffusionmodules.discretizer.LegacyDDPMDiscretization
"""
SD_YAML = """
model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    {}
"""

numbers = itertools.count()


def framed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def model(
    folder: Path, *tensors: str, metadata: dict[str, str] | None = None, yaml: str | None = None, stem: str = ""
) -> Path:
    """A checkpoint under a name of its own: two files of one size written at once could share their time of writing."""
    path = folder / f"{stem or f'model{next(numbers)}'}.safetensors"
    header: dict[str, object] = dict.fromkeys(("w", *tensors), TENSOR)
    if metadata is not None:
        header["__metadata__"] = metadata
    path.write_bytes(framed(json.dumps(header).encode()))
    if yaml is not None:
        path.with_name(path.name[: -len("safetensors")] + "yaml").write_text(yaml, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def answers(traits: Traits) -> tuple[str, bool | None]:
    return traits.prediction, traits.zero_terminal_snr


class TestEvidence:
    def test_nothing_says_anything(self, tmp_path: Path) -> None:
        assert read_traits(model(tmp_path)) == Traits()

    @pytest.mark.parametrize(
        ("tensors", "prediction", "evidence"),
        [
            (["v_pred"], "v", "marker tensor v_pred"),
            (["edm_mean", "edm_std"], "edm", "marker tensor 'edm_mean'"),
            (["edm_std"], "edm", "marker tensor 'edm_std'"),
            (["edm_vpred.sigma_max", "edm_vpred.sigma_min"], "edm", "marker tensor 'edm_vpred.sigma_max'"),
            (["edm_vpred.new"], "edm", "marker tensor 'edm_vpred.new'"),
            (["model.v_pred", "v_pred.weight", "V_PRED", "edm_vpred", "xedm_mean"], "unknown", ""),
        ],
    )
    def test_marker_tensors(self, tmp_path: Path, tensors: list[str], prediction: str, evidence: str) -> None:
        traits = read_traits(model(tmp_path, *tensors))
        assert traits == Traits(prediction=prediction, prediction_evidence=evidence)  # type: ignore[arg-type]

    def test_edm_is_not_v(self, tmp_path: Path) -> None:
        traits = read_traits(model(tmp_path, "v_pred", "edm_vpred.sigma_max"))
        assert traits.prediction == "edm"
        assert len(traits.conflicts) == 1

    @pytest.mark.parametrize(
        ("yaml", "prediction", "evidence"),
        [
            (SD_YAML.format("parameterization: v"), "v", "yaml model.params.parameterization = v"),
            (SD_YAML.format('parameterization: "v"'), "v", "yaml model.params.parameterization = v"),
            (SD_YAML.format("parameterization: eps"), "epsilon", "yaml model.params.parameterization = eps"),
            (SD_YAML.format("parameterization: epsilon"), "epsilon", "yaml model.params.parameterization = epsilon"),
            (SD_YAML.format("timesteps: 1000"), "unknown", ""),
            (SDXL_YAML.format("VScaling"), "v", ".scaling_config.target = VScaling"),
            (SDXL_YAML.format("EpsScaling"), "epsilon", ".scaling_config.target = EpsScaling"),
            (SDXL_YAML.format("EDMScaling"), "edm", ".scaling_config.target = EDMScaling"),
            (SDXL_YAML.format("VScalingWithEDMcNoise"), "edm", ".scaling_config.target = VScalingWithEDMcNoise"),
            ("parameterization: v", "unknown", ""),
            ("", "unknown", ""),
            ("- model", "unknown", ""),
            ("model: [params]", "unknown", ""),
        ],
    )
    def test_yaml_prediction(self, tmp_path: Path, yaml: str, prediction: str, evidence: str) -> None:
        traits = read_traits(model(tmp_path, yaml=yaml))
        assert (answers(traits), traits.conflicts, traits.problem) == ((prediction, None), (), "")
        assert traits.prediction_evidence.endswith(evidence)
        assert bool(traits.prediction_evidence) == bool(evidence)

    @pytest.mark.parametrize("key", ["rescale_betas_zero_snr", "zero_terminal_snr", "ztsnr"])
    @pytest.mark.parametrize("place", ["model: {params: {%s}}", "model: {%s}"])
    @pytest.mark.parametrize(("value", "expected"), [("true", True), ("True", True), ("false", False), ("no", False)])
    def test_yaml_zero_snr(self, tmp_path: Path, key: str, place: str, value: str, expected: bool) -> None:
        traits = read_traits(model(tmp_path, yaml=place % f"{key}: {value}"))
        assert answers(traits) == ("unknown", expected)
        assert traits.zero_terminal_snr_evidence.endswith(f".{key} = {value}")
        assert traits.conflicts == ()

    @pytest.mark.parametrize(
        ("metadata", "prediction", "zero_snr"),
        [
            ({"modelspec.prediction_type": "v"}, "v", None),
            ({"modelspec.prediction_type": "v_prediction"}, "v", None),
            ({"modelspec.prediction_type": " V-Prediction\n"}, "v", None),
            ({"modelspec.prediction_type": "v-zsnr"}, "v", True),
            ({"modelspec.predict_key": " V_ZSNR "}, "v", True),
            ({"modelspec.prediction_type": "epsilon"}, "epsilon", None),
            ({"modelspec.prediction_type": "eps"}, "epsilon", None),
            ({"modelspec.predict_key": "v"}, "v", None),
            ({"modelspec.predict_key": "epsilon"}, "epsilon", None),
            ({"ss_v_parameterization": "True"}, "v", None),
            ({"ss_v_parameterization": "true"}, "v", None),
            ({"ss_v_parameterization": "False"}, "epsilon", None),
            ({"ss_zero_terminal_snr": "True"}, "unknown", True),
            ({"ss_zero_terminal_snr": "False"}, "unknown", False),
            ({"modelspec.title": "v", "ss_tag_frequency": "v_pred ztsnr", "v_pred": "ztsnr"}, "unknown", None),
        ],
    )
    def test_metadata(self, tmp_path: Path, metadata: dict[str, str], prediction: str, zero_snr: bool | None) -> None:
        traits = read_traits(model(tmp_path, metadata=metadata))
        assert answers(traits) == (prediction, zero_snr)
        assert (traits.conflicts, traits.problem) == ((), "")

    @pytest.mark.parametrize("value", ["v-zsnr" + " " * 80, "v zsnr"])
    def test_what_was_ignored_states_no_zero_snr_either(self, tmp_path: Path, value: str) -> None:
        traits = read_traits(model(tmp_path, metadata={"modelspec.prediction_type": value}))
        assert answers(traits) == ("unknown", None)
        assert "it was ignored" in traits.conflicts[0]

    @pytest.mark.parametrize(("stated", "by_merge"), [("epsilon", True), ("x0", False)])
    def test_a_merges_constant_counts_as_one_only_where_it_decides(
        self, tmp_path: Path, stated: str, by_merge: bool
    ) -> None:
        merged = {"modelspec.prediction_type": stated, "modelspec.merged_from": "a, b", "modelspec.predict_key": "eps"}
        traits = read_traits(model(tmp_path, metadata=merged))
        assert (traits.prediction, traits.prediction_by_merge) == ("epsilon", by_merge)

    def test_evidence_names_key_and_value(self, tmp_path: Path) -> None:
        metadata = {"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"}
        traits = read_traits(model(tmp_path, metadata=metadata))
        assert traits.prediction_evidence == "metadata modelspec.prediction_type = v"
        assert traits.zero_terminal_snr_evidence == "metadata ss_zero_terminal_snr = True"

    def test_v_and_zero_snr_are_separate(self, tmp_path: Path) -> None:
        assert answers(read_traits(model(tmp_path, "v_pred"))) == ("v", None)
        assert answers(read_traits(model(tmp_path, "ztsnr"))) == ("unknown", True)
        both = read_traits(model(tmp_path, "v_pred", "ztsnr"))
        assert answers(both) == ("v", True)
        assert both.zero_terminal_snr_evidence == "marker tensor ztsnr"

    @unhurried
    @given(stem=st.lists(st.sampled_from(["v_pred", "vpred", "ztsnr", "zsnr", "edm_mean", "-", "_"]), min_size=1))
    def test_the_name_of_the_file_is_no_evidence(self, folder: Path, stem: list[str]) -> None:
        name = f"{next(numbers)}{''.join(stem[:20])}"
        assert read_traits(model(folder, stem=name)) == Traits()

    @pytest.mark.parametrize("value", ["x0", "flow", "", "v v", "v" * 1000, "v" + " " * 1000, "\x1b[31m\n"])
    def test_what_is_not_understood_is_noted(self, tmp_path: Path, value: str) -> None:
        metadata = {"modelspec.prediction_type": value, "ss_zero_terminal_snr": value}
        traits = read_traits(model(tmp_path, metadata=metadata, yaml=SD_YAML.format(f"parameterization: {['x0']}")))
        assert answers(traits) == ("unknown", None)
        assert [note.partition(" has the unknown value ")[0] for note in traits.conflicts] == [
            "yaml model.params.parameterization",
            "metadata modelspec.prediction_type",
            "metadata ss_zero_terminal_snr",
        ]
        assert all(note.isprintable() and len(note) < 300 for note in traits.conflicts)

    def test_a_long_marker_name_stays_short_in_the_evidence(self, tmp_path: Path) -> None:
        assert len(read_traits(model(tmp_path, "edm_vpred." + "x" * 100_000)).prediction_evidence) < 100


class TestPrecedence:
    @unhurried
    @given(marker=st.booleans(), others=st.tuples(*[st.sampled_from([None, "v", "epsilon"])] * 4))
    def test_prediction(self, folder: Path, marker: bool, others: tuple[str | None, ...]) -> None:
        yaml, prediction_type, predict_key, ss = others
        metadata = {"modelspec.prediction_type": prediction_type, "modelspec.predict_key": predict_key}
        metadata["ss_v_parameterization"] = ss and str(ss == "v")
        path = model(
            folder,
            *["v_pred"] * marker,
            yaml=SD_YAML.format(f"parameterization: {yaml}") if yaml else None,
            metadata={key: value for key, value in metadata.items() if value},
        )
        statements = [word for word in ("v" if marker else None, *others) if word]
        traits = read_traits(path)
        assert traits.prediction == (statements[0] if statements else "unknown")
        assert len(traits.conflicts) == sum(word != statements[0] for word in statements)
        assert all(traits.prediction_evidence in sentence for sentence in traits.conflicts)
        assert traits.zero_terminal_snr is None

    @unhurried
    @given(marker=st.booleans(), yaml=st.sampled_from([None, True, False]), ss=st.sampled_from([None, True, False]))
    def test_zero_snr(self, folder: Path, marker: bool, yaml: bool | None, ss: bool | None) -> None:
        path = model(
            folder,
            *["ztsnr"] * marker,
            yaml=None if yaml is None else SD_YAML.format(f"zero_terminal_snr: {yaml}"),
            metadata={} if ss is None else {"ss_zero_terminal_snr": str(ss)},
        )
        statements = [flag for flag in (True if marker else None, yaml, ss) if flag is not None]
        traits = read_traits(path)
        assert traits.zero_terminal_snr == (statements[0] if statements else None)
        assert len(traits.conflicts) == sum(flag != statements[0] for flag in statements)
        assert traits.prediction == "unknown"

    def test_a_conflict_is_a_sentence(self, tmp_path: Path) -> None:
        traits = read_traits(model(tmp_path, "v_pred", metadata={"modelspec.prediction_type": "epsilon"}))
        assert traits.conflicts == (
            "Prediction: metadata modelspec.prediction_type = epsilon (epsilon) contradicts "
            "marker tensor v_pred (v), which is used.",
        )


class TestFiles:
    def test_the_yaml_belongs_to_the_whole_name(self, tmp_path: Path) -> None:
        model(tmp_path, stem="a", yaml=SD_YAML.format("parameterization: v"))
        assert read_traits(model(tmp_path, stem="a.b")).prediction == "unknown"
        assert read_traits(model(tmp_path, stem="a.c", yaml=SD_YAML.format("parameterization: v"))).prediction == "v"

    def test_the_ending_may_be_in_capitals(self, tmp_path: Path) -> None:
        path = model(tmp_path, "v_pred")
        assert read_traits(str(path.rename(path.with_suffix(".SafeTensors")))).prediction == "v"

    @pytest.mark.parametrize("ending", [".ckpt", ".pt"])
    def test_pickles_are_not_opened(self, tmp_path: Path, ending: str) -> None:
        trap = tmp_path / "sprung"

        class Trap:
            def __reduce__(self) -> tuple[object, ...]:
                return os.mkdir, (str(trap),)

        path = tmp_path / f"vpred{ending}"
        path.write_bytes(pickle.dumps({"v_pred": Trap()}))
        traits = read_traits(path)
        assert answers(traits) == ("unknown", None)
        assert "can run code" in traits.problem
        path.with_suffix(".yaml").write_text(SD_YAML.format("parameterization: v"))
        assert read_traits(path) == Traits("v", None, "yaml model.params.parameterization = v")
        assert not trap.exists()

    def test_a_sparse_seven_gigabyte_model(self, tmp_path: Path) -> None:
        path = model(tmp_path, *(f"block{number}.weight" for number in range(2500)), "v_pred", "ztsnr")
        os.truncate(path, SPARSE_MODEL_BYTES)
        assert peak_bytes(lambda: read_traits(path)) < 5_000_000
        assert answers(read_traits(path)) == ("v", True)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "it has 0 bytes"),
            (b"\xff" * 100, "expected at most 8000000"),
            ((3_900_000).to_bytes(8, "little") + b'{"v_pred":', "claims 3900000 bytes"),
            (framed(b'{"v_pred":{},"v_pred":{}}'), "twice"),
            (framed(b'{"v_pred":' * 30_000), "too deeply"),
            (framed(b'{"v_pred":{},"__metadata__":{"modelspec.prediction_type":1}}'), "expected text"),
        ],
    )
    def test_a_bad_header_is_a_problem_in_words(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = model(tmp_path, yaml=SD_YAML.format("parameterization: v"))
        path.write_bytes(content)
        traits = read_traits(path)
        assert traits == Traits(problem=traits.problem)
        for part in (path.name, words, "expected", "Nothing is taken from it", "by hand"):
            assert part in traits.problem

    @pytest.mark.parametrize("name", ["gone.safetensors", "gone.ckpt", "\0.safetensors", "gone/gone.safetensors", ""])
    def test_a_missing_file_is_a_problem_in_words(self, tmp_path: Path, name: str) -> None:
        traits = read_traits(f"{tmp_path}/sub/{name}")
        assert traits == Traits(problem=traits.problem)
        assert "expected a file" in traits.problem

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder.safetensors").mkdir()
        assert "not a regular file" in read_traits(tmp_path / "folder.safetensors").problem

    @unhurried
    @given(content=st.binary(max_size=60) | st.binary(max_size=60).map(lambda body: framed(b'{"' + body + b'"}')))
    def test_any_bytes(self, folder: Path, content: bytes) -> None:
        path = folder / f"model{next(numbers)}.safetensors"
        path.write_bytes(content)
        traits = read_traits(path)
        assert traits.problem == "" or traits == Traits(problem=traits.problem)


# 9 ** 6 = 531,441 values where something expands them: enough to be seen, and a failing test still ends.
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}\n" for level in range(1, 7)
)
ALIAS_BOMB = "a0: &a0 [v]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 7)
)


class TestHostileYaml:
    @pytest.mark.parametrize(
        "yaml",
        [
            "[" * 60_000,
            "{a: " * 10_000,
            "- " * 10_000,
            "a: b: c",
            "model: {params: {parameterization: v}}\n---\nmodel: 2",
            "&a [*a]",
            "&a {k: *a}",
            "{[a]: b}",
            "%YAML 1." + "9" * 10_000 + "\n--- a",
            '"\\UFFFFFFFF"',
            '"\\UFFFFFFF"',
            "\0",
            "#" * (MAX_YAML_BYTES + 1),
            "a: [" + "[]," * MAX_YAML_BRACKETS + "]",
        ],
    )
    def test_is_a_problem_and_the_rest_still_counts(self, tmp_path: Path, yaml: str) -> None:
        traits = read_traits(model(tmp_path, "v_pred", yaml=yaml))
        assert answers(traits) == ("v", None)
        assert ".yaml' was not read: " in traits.problem
        assert "expected a model config" in traits.problem

    @pytest.mark.parametrize(
        "piece", ["{", "[", "{a: ", "[],", "{},", "a,", "- ", "? ", "?,", "*a,", "k:\n", "a\n", "'a b '"]
    )
    @pytest.mark.parametrize("length", [4_000, MAX_YAML_BYTES, 65_536])
    def test_none_takes_long(self, tmp_path: Path, piece: str, length: int) -> None:
        path = model(tmp_path, yaml="a: &a [" + piece * ((length - 8) // len(piece)))
        assert function_calls(lambda: read_traits(path)) < 2_000_000

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = model(tmp_path)
        path.with_suffix(".yaml").write_bytes(b"model: \xff")
        assert "UnicodeDecodeError" in read_traits(path).problem

    @pytest.mark.parametrize("bomb", [MERGE_BOMB, ALIAS_BOMB])
    @pytest.mark.parametrize("use", ["model: *a6", "model: {params: {parameterization: *a6, ztsnr: *a6}}"])
    def test_bombs_stay_small(self, tmp_path: Path, bomb: str, use: str) -> None:
        path = model(tmp_path, yaml=bomb + use)
        assert peak_bytes(lambda: read_traits(path)) < 5_000_000
        traits = read_traits(path)
        assert answers(traits) == ("unknown", None)
        assert len(repr(traits)) < 2000

    def test_tags_do_nothing(self, tmp_path: Path) -> None:
        trap = tmp_path / "sprung"
        yaml = f"model: !!python/object/apply:os.mkdir [{trap}]"
        assert read_traits(model(tmp_path, yaml=yaml)).prediction == "unknown"
        assert not trap.exists()

    @pytest.mark.parametrize("value", ['!!int ""', "!!bool maybe", "!!timestamp x", "!!float ''", "2001-99-99"])
    def test_values_that_trip_a_typed_reader(self, tmp_path: Path, value: str) -> None:
        yaml = SD_YAML.format(f"parameterization: v\n    timesteps: {value}")
        assert read_traits(model(tmp_path, yaml=yaml)).prediction == "v"

    @unhurried
    @given(yaml=st.text(max_size=80) | st.text(alphabet="&*!|>[]{}:,-?%@#'\"\\ \n<a1~.", max_size=80))
    def test_any_text(self, folder: Path, yaml: str) -> None:
        traits = read_traits(model(folder, "v_pred", yaml=yaml))
        assert traits.prediction == "v"

    def test_without_a_yaml_reader(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "yaml", None)
        traits = read_traits(model(tmp_path, "v_pred", yaml="model: {}"))
        assert traits.prediction == "v"
        assert "PyYAML is missing" in traits.problem

    def test_one_that_cannot_be_opened_takes_nothing_else_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = model(tmp_path, "v_pred", "ztsnr", yaml="model: {}")
        real = open

        def refuse(name, *arguments, **named):
            if str(name).endswith(".yaml"):
                raise PermissionError(13, "Permission denied", name)
            return real(name, *arguments, **named)

        with monkeypatch.context() as locked:
            locked.setattr("builtins.open", refuse)
            traits = read_traits(path)
        assert (traits.prediction, traits.zero_terminal_snr) == ("v", True)
        assert ".yaml' was not read: Permission denied; expected" in traits.problem
        assert read_traits(path).problem == ""


class TestCache:
    @staticmethod
    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied", "model.safetensors")

    def test_the_second_call_opens_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = model(tmp_path, "v_pred", yaml="model: {ztsnr: true}")
        first = read_traits(path)
        monkeypatch.setattr("builtins.open", self.refuse)
        assert read_traits(str(path)) == first

    def test_a_failed_opening_is_told_and_not_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = model(tmp_path, "v_pred")
        with monkeypatch.context() as locked:
            locked.setattr("builtins.open", self.refuse)
            traits = read_traits(path)
        assert traits == Traits(problem=traits.problem)
        assert "'model.safetensors' was not read: Permission denied; expected" in traits.problem
        assert read_traits(path).prediction == "v"

    @pytest.mark.parametrize("change", ["time", "size"])
    @pytest.mark.parametrize("which", ["safetensors", "yaml"])
    def test_a_changed_file_is_read_again(self, tmp_path: Path, change: str, which: str) -> None:
        path = model(tmp_path, "aaaaa1", yaml="model: {zzzzz: true}")
        assert answers(read_traits(path)) == ("unknown", None)
        changed = path.with_suffix(f".{which}")
        before = changed.stat()
        content = changed.read_bytes().replace(b"aaaaa1", b"v_pred").replace(b"zzzzz", b"ztsnr")
        if change == "size":
            changed.write_bytes(content + b" ")
            os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
        else:
            changed.write_bytes(content)
            os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
        assert answers(read_traits(path)) == (("v", None) if which == "safetensors" else ("unknown", True))

    def test_a_yaml_that_comes_and_goes(self, tmp_path: Path) -> None:
        path = model(tmp_path)
        yaml = path.with_suffix(".yaml")
        assert read_traits(path).prediction == "unknown"
        yaml.write_text(SD_YAML.format("parameterization: v"))
        assert read_traits(path).prediction == "v"
        yaml.unlink()
        assert read_traits(path).prediction == "unknown"

    def test_it_is_bounded(self) -> None:
        assert checkpoint._read.cache_info().maxsize == checkpoint.CACHED_CHECKPOINTS


def test_importing_needs_neither_torch_nor_a_yaml_reader() -> None:
    code = "import sys, lib_zsnr.checkpoint.traits; print(sorted({'torch', 'yaml', 'numpy'} & set(sys.modules)))"
    root = str(Path(checkpoint.__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
