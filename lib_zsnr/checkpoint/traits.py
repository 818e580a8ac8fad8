"""What a checkpoint says of itself: what it predicts, and whether it was trained to zero terminal SNR.

The earlier source wins: marker tensors in the file, the noise schedule that it stores, the yaml beside it, the metadata
in its header. Only what they say outright counts, never the name of the file, and "v" does not imply zero SNR.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lib_zsnr.checkpoint.evidence import (
    Answer,
    StatedPrediction,
    Statements,
    hear_markers,
    hear_metadata,
    hear_stored_schedule,
    hear_yaml,
    unread,
)
from lib_zsnr.checkpoint.safetensors_header import Header, HeaderError, read_header
from lib_zsnr.checkpoint.stored_schedule import rescaled_end
from lib_zsnr.sentences import sentence

CACHED_CHECKPOINTS = 64  # results of a few hundred bytes each; one request uses two or three checkpoints


@dataclass(frozen=True)
class Traits:
    """What is known of a checkpoint.

    `zero_terminal_snr` is None where nothing says. Evidence is in plain words, "" where the answer is unknown.
    `conflicts`, in sentences: sources that disagree (the earlier one won), statements that were not understood.
    `prediction_by_metadata`: whether nothing but metadata says what it predicts. `prediction_by_merge`: whether those
    were written by a merge, which does not look at the model.
    `problem`: what of the file or its yaml could not be read, and what to do; "" otherwise.
    """

    prediction: StatedPrediction = "unknown"
    zero_terminal_snr: bool | None = None
    prediction_evidence: str = ""
    zero_terminal_snr_evidence: str = ""
    conflicts: tuple[str, ...] = ()
    prediction_by_metadata: bool = False
    prediction_by_merge: bool = False
    problem: str = ""

    def measured_as(self, prediction: StatedPrediction) -> Traits:
        """The traits once the WebUI has run the model to see what it predicts (it does so for Stable Diffusion 2).

        That beats metadata alone: merge_lora.py of sd-scripts writes "v" for every merge of Stable Diffusion 2,
        whatever it was, and metadata are copied from one model to the next. Markers and yaml are there on purpose.
        """
        if not self.prediction_by_metadata or self.prediction in ("edm", prediction):
            return self
        told = {"who": self.prediction_evidence, "answer": self.prediction, "found": prediction}
        if self._likelier_than(prediction):
            text = (
                "Prediction: {who} ({answer}) contradicts what the WebUI found when it tried the model out ({found}), "
                "and is used: that test misses v models that were trained to zero terminal SNR. If the pictures are "
                'noise, untick "Follow the checkpoint" and choose yourself.'
            )
            return replace(self, conflicts=(*self.conflicts, sentence(text, **told)))
        text = (
            "Prediction: {who} ({answer}) contradicts what the WebUI found when it tried the model out ({found}), "
            "which is used: programs that merge models write that line without looking. If it is right after all, "
            'untick "Follow the checkpoint" and choose yourself.'
        )
        evidence = sentence("the WebUI has tried it out")
        conflicts = (*self.conflicts, sentence(text, **told))
        return replace(self, prediction=prediction, prediction_evidence=evidence, conflicts=conflicts)

    def _likelier_than(self, measured: StatedPrediction) -> bool:
        """Whether the metadata are likelier to be right than the measurement.

        The WebUI asks the UNet for the last timestep of a picture that is 0.5 all over, and takes it for a v model
        where the answer is far from that picture (is_using_v_parameterization_for_sd2). No epsilon model answers so:
        what was found to be v, is. But a v model does so only where it reads the brightness from the noise, the very
        flaw that training to zero terminal SNR removes. So what was found to be epsilon may be such a model, and
        whoever trained it knows better; a merge knows nothing, unless the file says zero terminal SNR too.
        """
        return measured == "epsilon" and (not self.prediction_by_merge or self.zero_terminal_snr is True)


def read_traits(path: str | os.PathLike[str]) -> Traits:
    """What the checkpoint at `path` says of itself, by its header, its stored schedule and the yaml beside it.

    Cached until one of the two files changes. Raises nothing that depends on the files: where they cannot be read,
    the answers are unknown and `problem` says why.
    """
    name = os.fspath(path)
    sidecar = f"{os.path.splitext(name)[0]}.yaml"  # as the WebUI has it: find_checkpoint_config_near_filename
    try:
        info = os.stat(name)
        has_sidecar = os.path.isfile(sidecar)
        beside = os.stat(sidecar) if has_sidecar else info
        stamps = (info.st_mtime_ns, info.st_size, beside.st_mtime_ns, beside.st_size)
        return _read(name, sidecar if has_sidecar else "", stamps)
    except OSError as error:
        # Not cached: the cause (a drive that is away, a permission) can pass without a new modification time.
        found = f"{error.strerror or type(error).__name__}; expected a file that can be read"
        return Traits(problem=unread(str(error.filename or name), found))
    except ValueError:
        return Traits(problem=unread(name, "its path has a character that no path can have; expected a file"))


@lru_cache(maxsize=CACHED_CHECKPOINTS)
def _read(path: str, sidecar: str, _stamps: tuple[int, int, int, int]) -> Traits:
    """The stamps (modification times in ns, sizes in bytes) are there for the cache. Raises OSError."""
    said, header, problem = Statements(), Header(frozenset(), {}), ""
    is_safetensors = path.lower().endswith(".safetensors")
    if is_safetensors:
        try:
            header = read_header(path)
        except HeaderError as error:
            return Traits(problem=unread(path, str(error)))
    hear_markers(said, header.tensor_names)
    hear_stored_schedule(said, rescaled_end(path, header))
    if sidecar:
        problem = hear_yaml(said, sidecar)
    by_metadata = not said.prediction
    hear_metadata(said, header.metadata)
    if not (is_safetensors or said.prediction or problem):
        problem = unread(path, "reading this kind of file can run code hidden in it; expected a .safetensors file")
    prediction, evidence, conflicts = _settle("Prediction", said.prediction, "unknown")
    zero_snr, zero_snr_evidence, more = _settle("Zero terminal SNR", said.zero_snr, None)
    notes, by_metadata = (*conflicts, *more, *said.notes), by_metadata and bool(said.prediction)
    by_merge = by_metadata and said.metadata_by_merge
    return Traits(prediction, zero_snr, evidence, zero_snr_evidence, notes, by_metadata, by_merge, problem)


def _settle(subject: str, said: Sequence[tuple[Answer, str]], unknown: Answer) -> tuple[Answer, str, list[str]]:
    """The first answer, its evidence, and a sentence for each statement that differs."""
    first, evidence = said[0] if said else (unknown, "")
    text = "{subject}: {who} ({answer}) contradicts {used} ({first}), which is used."
    named = {"subject": subject, "used": evidence, "first": first}
    return first, evidence, [sentence(text, who=who, answer=answer, **named) for answer, who in said if answer != first]
