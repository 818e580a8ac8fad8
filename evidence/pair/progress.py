"""What every training has: a state that it resumes from, a CSV of the loss, and a line of progress."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Iterator

import torch
from torch import nn

_SHOWN_EVERY = 50
_SAVED_EVERY = 250


class Progress:
    """Counts the steps of one training in `folder`, and keeps `parts` (models, optimisers) there between runs."""

    def __init__(self, folder: Path, name: str, steps: int, parts: dict[str, Any]) -> None:
        self.steps, self.parts, self.name = steps, parts, name
        folder.mkdir(parents=True, exist_ok=True)
        self._state, self._log = folder / f"{name}.state.pt", folder / f"{name}.csv"
        self.done, self.seconds = 0, 0.0
        self._losses: list[float] = []
        if self._state.exists():
            self._resume()
        else:
            self._log.write_text("step,loss,seconds\n", encoding="utf-8")

    def _resume(self) -> None:
        stored = torch.load(self._state, map_location="cpu")
        for key, part in self.parts.items():
            part.load_state_dict(stored[key])
        self.done, self.seconds = stored["done"], stored["seconds"]
        lines = self._log.read_text(encoding="utf-8").splitlines()
        done = [line for line in lines[1:] if int(line.split(",")[0]) <= self.done]
        self._log.write_text("\n".join([lines[0], *done]) + "\n", encoding="utf-8")
        print(f"{self.name}: resumed at step {self.done}", flush=True)

    def __iter__(self) -> Iterator[int]:
        """The numbers of the steps still to do. The state is saved every 250 steps and at the end."""
        began = time.monotonic() - self.seconds
        while self.done < self.steps:
            yield self.done
            self.done += 1
            self.seconds = time.monotonic() - began
            if self.done % _SHOWN_EVERY == 0 or self.done == self.steps:
                self._show()
            if self.done % _SAVED_EVERY == 0 or self.done == self.steps:
                self.save()

    def note(self, loss: torch.Tensor) -> None:
        """The loss of the step under way."""
        self._losses.append(loss.item())

    def _show(self) -> None:
        loss = sum(self._losses) / max(len(self._losses), 1)
        self._losses = []
        left = self.seconds / self.done * (self.steps - self.done)
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{self.done},{loss:.6f},{self.seconds:.1f}\n")
        times = f"{self.seconds:.0f} s, {left:.0f} s left"
        print(f"{self.name} {self.done}/{self.steps} loss {loss:.5f} {times}", flush=True)

    def save(self) -> None:
        """Write the state; renamed when whole, so that a run that is cut off can resume."""
        states = {key: part.state_dict() for key, part in self.parts.items()}
        unfinished = self._state.with_suffix(".unfinished")
        torch.save({**states, "done": self.done, "seconds": self.seconds}, unfinished)
        unfinished.replace(self._state)


class Average(nn.Module):
    """An exponential moving average of a model's weights, shorter at the beginning."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self._decay = decay
        for name, tensor in model.state_dict().items():
            self.register_buffer(name.replace(".", "/"), tensor.detach().clone())

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`."""
        decay = min(self._decay, (1 + step) / (10 + step))
        mine, theirs = list(self.buffers()), list(model.state_dict().values())
        torch._foreach_lerp_(mine, theirs, 1 - decay)

    def weights(self) -> dict[str, torch.Tensor]:
        """The averaged weights, by the model's own names."""
        return {name.replace("/", "."): tensor for name, tensor in self.named_buffers()}


def learning_rate(highest: float, step: int, steps: int, warm_up: int, decay_share: float) -> float:
    """Rises for `warm_up` steps, stays, and falls to 0 as a cosine over the last `decay_share` of the steps.

    What came before the fall does not depend on `steps`, so a training can be resumed with another number of them.
    """
    left = (steps - step) / (decay_share * steps)
    fall = 0.5 - 0.5 * math.cos(math.pi * min(left, 1.0))
    return highest * min(1.0, (step + 1) / warm_up) * fall


def draws(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step: the same, whether the run was resumed or not, on every device."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)
