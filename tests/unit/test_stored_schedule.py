"""Evidence beside the markers: the noise schedule that a file stores, and what the WebUI found by running the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import save_file

from lib_zsnr.checkpoint.traits import read_traits
from lib_zsnr.core.schedule import rescale_zero_terminal_snr, scaled_linear_alphas_cumprod
from tests.unit.test_checkpoint import model


class TestStoredSchedule:
    """A file that stores alphas_cumprod ending at zero SNR says so as a marker does; another end says nothing."""

    RESCALED = rescale_zero_terminal_snr(scaled_linear_alphas_cumprod())

    @staticmethod
    def file(folder: Path, alphas_cumprod: torch.Tensor, **others: torch.Tensor) -> Path:
        path = folder / "stored.safetensors"
        save_file({"a": torch.ones(3), "alphas_cumprod": alphas_cumprod, **others}, path)
        return path

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
    def test_a_rescaled_one_is_evidence_in_every_precision(self, tmp_path: Path, dtype: torch.dtype) -> None:
        traits = read_traits(self.file(tmp_path, self.RESCALED.to(dtype)))
        assert traits.zero_terminal_snr is True
        assert traits.zero_terminal_snr_evidence.startswith("stored alphas_cumprod ends at ")

    @pytest.mark.parametrize(
        "values",
        [
            scaled_linear_alphas_cumprod().half(),
            torch.zeros(1000),
            torch.full((1000,), float("nan")),
            RESCALED[:1],
            RESCALED.reshape(10, 100),
            RESCALED.flip(0),
            torch.arange(1000),
        ],
        ids=["usual", "zeros", "nan", "one value", "two dimensions", "upside down", "whole numbers"],
    )
    def test_anything_else_says_nothing(self, tmp_path: Path, values: torch.Tensor) -> None:
        traits = read_traits(self.file(tmp_path, values))
        assert (traits.zero_terminal_snr, traits.problem) == (None, "")

    def test_a_marker_is_named_first_and_a_yaml_that_denies_is_a_conflict(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, self.RESCALED, ztsnr=torch.zeros(0))
        path.with_suffix(".yaml").write_text("model: {zero_terminal_snr: false}", encoding="utf-8")
        traits = read_traits(path)
        assert traits.zero_terminal_snr_evidence == "marker tensor ztsnr"
        assert len(traits.conflicts) == 1

    @pytest.mark.parametrize(
        "description",
        [
            {"dtype": "F32", "shape": [1000], "data_offsets": [0, 2**62]},
            {"dtype": "F32", "shape": [1000], "data_offsets": [2**62, 2**62 + 4000]},
            {"dtype": "F32", "shape": [1000], "data_offsets": [-4000, 0]},
            {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**64]},
            {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
            {"dtype": ["F32"], "shape": [1000], "data_offsets": [0, 4000]},
            {"dtype": "F32", "shape": {"0": 1000}, "data_offsets": "ab"},
            {"dtype": "F32"},
            {},
        ],
        ids=str,
    )
    def test_a_description_that_cannot_be_is_not_followed(self, tmp_path: Path, description: dict) -> None:
        header = json.dumps({"alphas_cumprod": description}).encode()
        path = tmp_path / "hostile.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4000))
        assert read_traits(path).zero_terminal_snr is None


class TestMeasured:
    """The WebUI runs a Stable Diffusion 2 to see what it predicts. Against that, metadata alone do not count."""

    MERGED: ClassVar = {"modelspec.merged_from": "a, b"}

    @pytest.mark.parametrize(
        ("says", "found", "more"),
        [
            ("v", "epsilon", MERGED),
            ("v", "epsilon", {**MERGED, "ss_zero_terminal_snr": "False"}),
            ("epsilon", "v", MERGED),
            ("epsilon", "v", {}),
            # No epsilon model is taken for a v model.
            ("epsilon", "v", {"ss_zero_terminal_snr": "True"}),
        ],
    )
    def test_it_beats_metadata_and_says_so(self, tmp_path: Path, says: str, found: str, more: dict[str, str]) -> None:
        path = model(tmp_path, metadata={"modelspec.prediction_type": says, **more})
        traits = read_traits(path).measured_as(found)
        assert traits.prediction == found
        assert any("modelspec.prediction_type" in note and "by running the model" in note for note in traits.conflicts)

    @pytest.mark.parametrize(
        "metadata",
        [
            # sd-scripts writes so into what it trained; its merges have MERGED as well.
            {"modelspec.prediction_type": "v"},
            {"modelspec.predict_key": "v"},
            {"modelspec.predict_key": "v", **MERGED},
            {"modelspec.prediction_type": "v-zsnr"},
            {"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True", **MERGED},
        ],
        ids=str,
    )
    def test_it_misses_v_models_at_zero_snr_so_whoever_knows_better_is_believed_and_told(
        self, tmp_path: Path, metadata: dict[str, str]
    ) -> None:
        before = read_traits(model(tmp_path, metadata=metadata))
        after = before.measured_as("epsilon")
        assert (after.prediction, after.prediction_evidence) == ("v", before.prediction_evidence)
        (note,) = after.conflicts
        assert before.prediction_evidence in note
        assert "(epsilon), and is used" in note

    def test_a_merge_with_a_schedule_at_zero_snr_is_believed_too(self, tmp_path: Path) -> None:
        metadata = {"modelspec.prediction_type": "v", **self.MERGED}
        path = tmp_path / "stored.safetensors"
        save_file({"alphas_cumprod": TestStoredSchedule.RESCALED}, path, metadata=metadata)
        assert read_traits(path).measured_as("epsilon").prediction == "v"

    def test_what_a_merge_wrote_is_told_for_what_it_is(self, tmp_path: Path) -> None:
        """For SD 1 and SDXL as well, where nothing is measured: the person sees where the answer comes from."""
        says = {"modelspec.prediction_type": "epsilon"}
        merged, trained = (read_traits(model(tmp_path, metadata={**says, **more})) for more in (self.MERGED, {}))
        assert merged.prediction == trained.prediction == "epsilon"
        assert "a constant in merges" in merged.prediction_evidence
        assert "a constant in merges" not in trained.prediction_evidence

    def test_where_both_agree_or_more_than_metadata_speaks_nothing_changes(self, tmp_path: Path) -> None:
        metadata = {"modelspec.prediction_type": "v"}
        for path, found in (
            (model(tmp_path, metadata=metadata), "v"),
            (model(tmp_path, "v_pred", metadata=metadata), "epsilon"),
            (model(tmp_path), "v"),
        ):
            assert read_traits(path).measured_as(found) == read_traits(path)
