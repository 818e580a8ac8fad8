"""What a checkpoint file says: what the model predicts, and whether it was trained to zero terminal SNR.

The first source that says anything wins: marker tensors in the file, the noise schedule it stores, the yaml beside it,
the metadata in its header. Only explicit statements count, never the file's name, and "v" does not imply zero SNR.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from lib_zsnr.checkpoint.evidence import (
    MARKERS,
    Answer,
    Evidence,
    StatedPrediction,
    add_markers,
    add_metadata,
    add_stored_schedule,
    add_yaml,
    not_read,
)
from lib_zsnr.checkpoint.safetensors_header import Header, HeaderError, read_header
from lib_zsnr.checkpoint.stored_schedule import rescaled_end
from lib_zsnr.sentences import sentence

# The first layer of the UNet of Stable Diffusion 1, 2 and XL: in a checkpoint, in a file of the UNet alone, and under
# diffusers' name. Flow models are transformers.
_UNETS = frozenset(
    ("model.diffusion_model.input_blocks.0.0.weight", "input_blocks.0.0.weight", "conv_in.weight"),
)
CACHED_CHECKPOINTS = 64  # results of a few hundred bytes each; one request uses two or three checkpoints


@dataclass(frozen=True)
class Traits:
    """What is known of a checkpoint.

    `zero_terminal_snr` is None if no source says. The evidence is in plain words, "" if the answer is unknown.
    `conflicts`, in sentences: sources that disagree (the earlier one won), and values that are unknown.
    `prediction_by_metadata`: whether the prediction is known from metadata alone. `prediction_by_merge`: whether that
    metadata was written by a merge, which does not look at the model.
    `problem`: why the file or its yaml could not be read, and what to do; "" otherwise.
    `markers`: those of the marker tensors that the file has, which some WebUIs go by. `has_noise_schedule`: whether its
    UNet is of a kind that has one (Stable Diffusion 1, 2 and XL); None if the names of its tensors are not known.
    """

    prediction: StatedPrediction = "unknown"
    zero_terminal_snr: bool | None = None
    prediction_evidence: str = ""
    zero_terminal_snr_evidence: str = ""
    conflicts: tuple[str, ...] = ()
    prediction_by_metadata: bool = False
    prediction_by_merge: bool = False
    problem: str = ""
    markers: frozenset[str] = field(default=frozenset(), compare=False)
    has_noise_schedule: bool | None = field(default=None, compare=False)

    def measured_as(self, prediction: StatedPrediction) -> Traits:
        """The traits, given what the WebUI found by running the model (it does so for Stable Diffusion 2).

        Its finding beats metadata alone: merge_lora.py of sd-scripts writes "v" for every merge of Stable Diffusion 2,
        whatever it was, and metadata is copied from one model to the next. Markers and yaml are there on purpose.
        """
        if not self.prediction_by_metadata or self.prediction in ("edm", prediction):
            return self
        values = {"source": self.prediction_evidence, "answer": self.prediction, "found": prediction}
        if self._metadata_outweighs(prediction):
            text = (
                "Prediction: {source} ({answer}) contradicts what the WebUI found by running the model ({found}"
                "), and is used: that test misses v models that were trained to zero terminal SNR. If the images are "
                'noise, untick "Follow the checkpoint" and choose yourself.'
            )
            return replace(self, conflicts=(*self.conflicts, sentence(text, **values)))
        text = (
            "Prediction: {source} ({answer}) contradicts what the WebUI found by running the model ({found}), "
            "which is used: programs that merge models write that line without checking. If it is right after all, "
            'untick "Follow the checkpoint" and choose yourself.'
        )
        evidence = sentence("found by the WebUI when it ran the model")
        conflicts = (*self.conflicts, sentence(text, **values))
        return replace(self, prediction=prediction, prediction_evidence=evidence, conflicts=conflicts)

    def _metadata_outweighs(self, measured: StatedPrediction) -> bool:
        """Whether the metadata is more likely to be right than what the WebUI measured.

        The WebUI runs the UNet at the last timestep on an image that is 0.5 everywhere, and takes it for a v model if
        the output is far from that image (is_using_v_parameterization_for_sd2). No epsilon model does that, so "v" is
        always right. But a v model does it only if it reads the brightness from the noise, the very flaw that training
        to zero terminal SNR removes. So a model measured as epsilon may still be a v model. Its trainer knows; a merge
        does not, unless the file also says zero terminal SNR.
        """
        return measured == "epsilon" and (not self.prediction_by_merge or self.zero_terminal_snr is True)


def read_traits(path: str | os.PathLike[str]) -> Traits:
    """What the checkpoint at `path` says: its header, its stored schedule and the yaml beside it.

    Cached until the file or its yaml changes. No state of the files raises: what cannot be read says nothing, and
    `problem` says why.
    """
    name = os.fspath(path)
    sidecar = f"{os.path.splitext(name)[0]}.yaml"  # as the WebUI has it: find_checkpoint_config_near_filename
    try:
        try:
            return _read_anew(name, sidecar)
        except OSError as error:
            if error.filename != sidecar:
                raise
            # What the file itself says stands.
            return replace(_read_anew(name, ""), problem=_unreadable(sidecar, error))
    except OSError as error:
        # Not cached: the cause (a drive that is away, a permission) can pass without a new modification time.
        return Traits(problem=_unreadable(name, error))
    except ValueError:
        return Traits(problem=not_read(name, "its path has a character that no path can have; expected a file"))


def _unreadable(path: str, error: OSError) -> str:
    reason = f"{error.strerror or type(error).__name__}; expected a file that can be read"
    return not_read(str(error.filename or path), reason)


def _read_anew(path: str, sidecar: str) -> Traits:
    """As `_read`, which is not repeated while the two are as they were. Raises OSError."""
    file = os.stat(path)
    sidecar = sidecar if os.path.isfile(sidecar) else ""
    beside = os.stat(sidecar) if sidecar else file
    return _read(path, sidecar, (file.st_mtime_ns, file.st_size, beside.st_mtime_ns, beside.st_size))


@lru_cache(maxsize=CACHED_CHECKPOINTS)
def _read(path: str, sidecar: str, _stamps: tuple[int, int, int, int]) -> Traits:
    """The stamps (modification times in ns, sizes in bytes) are part of the cache's key. Raises OSError."""
    evidence, header, problem = Evidence(), Header(frozenset(), {}), ""
    is_safetensors = path.lower().endswith(".safetensors")
    if is_safetensors:
        try:
            header = read_header(path)
        except HeaderError as error:
            return Traits(problem=not_read(path, str(error)))
    add_markers(evidence, header.tensor_names)
    add_stored_schedule(evidence, rescaled_end(path, header))
    if sidecar:
        problem = add_yaml(evidence, sidecar)
    nothing_before_metadata = not evidence.prediction
    add_metadata(evidence, header.metadata)
    if not (is_safetensors or evidence.prediction or problem):
        problem = not_read(path, "reading this kind of file can run code hidden in it; expected a .safetensors file")
    prediction, prediction_evidence, conflicts = _resolve("Prediction", evidence.prediction, "unknown")
    zero_snr, zero_snr_evidence, more_conflicts = _resolve("Zero terminal SNR", evidence.zero_snr, None)
    by_metadata = nothing_before_metadata and bool(evidence.prediction)
    return Traits(
        prediction=prediction,
        zero_terminal_snr=zero_snr,
        prediction_evidence=prediction_evidence,
        zero_terminal_snr_evidence=zero_snr_evidence,
        conflicts=(*conflicts, *more_conflicts, *evidence.notes),
        prediction_by_metadata=by_metadata,
        prediction_by_merge=by_metadata and evidence.metadata_by_merge,
        problem=problem,
        markers=header.tensor_names & MARKERS,
        has_noise_schedule=bool(header.tensor_names & _UNETS) if header.tensor_names else None,
    )


def _resolve(subject: str, statements: Sequence[tuple[Answer, str]], unknown: Answer) -> tuple[Answer, str, list[str]]:
    """The first answer, its source, and a sentence for each statement that contradicts it."""
    first, used = statements[0] if statements else (unknown, "")
    text = "{subject}: {source} ({answer}) contradicts {used} ({first}), which is used."
    values = {"subject": subject, "used": used, "first": first}
    contradicting = [(answer, source) for answer, source in statements if answer != first]
    return first, used, [sentence(text, source=source, answer=answer, **values) for answer, source in contradicting]
