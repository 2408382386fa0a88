"""Save the state of a training, so that it resumes where it was interrupted and gives the same result."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from flowshot.core.errors import FlowshotError, Interrupted

CHECKPOINTS = Path(".flowshot/checkpoints")  # of trainings and fits that run, by name and digest
# Between two checkpoints: what an interruption may cost. Writing one takes a fraction of a second.
EVERY_SECONDS = float(os.environ.get("FLOWSHOT_CHECKPOINT_SECONDS", "60"))
NEWEST, PREVIOUS = "state.pt", "previous.pt"
DIGEST_BYTES = hashlib.sha256().digest_size


class Stateful(Protocol):
    """Something with a state, such as a module or an optimizer of torch."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, texts, lists and dictionaries of them."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Take the state from `state`."""


class GeneratorState:
    """The state of a random generator, as `Stateful`; loaded, it continues with the draws that followed."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        """A copy of the state."""
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state from `state`."""
        self.generator.set_state(state["state"])


class Checkpoint:
    """The two newest states of a training, in one folder.

    The folder must belong to one configuration, code and dataset (see `provenance.work_digest`), because its state is
    assumed to come from the same training. A file begins with the SHA-256 of the rest; where that does not match, the
    state before it is used.

    Args:
        folder: of the states, made when the first is written; None: nothing is kept.
        stop_requested: called after every step; if it returns true, the state is written and `Interrupted` raised.
        every_seconds: time between two states.
        say: prints a warning of one line.
    """

    def __init__(
        self,
        folder: Path | None,
        stop_requested: Callable[[], bool] = lambda: False,
        every_seconds: float = EVERY_SECONDS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder
        self._stop_requested, self._every_seconds, self._say = stop_requested, every_seconds, say
        # Monotonic: a clock that jumps must neither flood the disk nor end the checkpoints.
        self._written = time.monotonic()
        self._failed = False

    def restore(self, parts: Mapping[str, Stateful]) -> None:
        """Load the newest complete state into `parts`; changes nothing if there is none.

        Raises:
            FlowshotError: a whole state does not fit the parts.
        """
        if self.folder is None:
            return
        for path in (self.folder / NEWEST, self.folder / PREVIOUS):
            state = self._read(path)
            if state is None:
                continue
            try:
                for name, part in parts.items():
                    part.load_state_dict(state[name])
            except (KeyError, ValueError, RuntimeError, TypeError) as error:
                raise FlowshotError(f"{path}: no state of this training ({error}); delete {path}") from None
            return

    def after_step(self, parts: Mapping[str, Stateful], step: int, steps: int) -> None:
        """Write the state of `parts` if it is time to, or if a stop is requested.

        Raises:
            Interrupted: a stop was requested; the state is on disk, and the message says how far the training is.
        """
        if self.folder is None:
            return
        stop = self._stop_requested()
        if stop or time.monotonic() - self._written >= self._every_seconds:
            self._save(self.folder, parts)
        if stop and step < steps:
            raise Interrupted(f"stopped after step {step} of {steps}; {self._kept(self.folder)}")

    def _kept(self, folder: Path) -> str:
        if not self._failed:
            return "the same command resumes from there"
        older = any((folder / name).is_file() for name in (NEWEST, PREVIOUS))
        return "the same command resumes from an earlier step" if older else "nothing could be kept"

    def _save(self, folder: Path, parts: Mapping[str, Stateful]) -> None:
        buffer = io.BytesIO()
        torch.save({name: part.state_dict() for name, part in parts.items()}, buffer)
        fresh, newest = folder / ".state.pt", folder / NEWEST
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(hashlib.sha256(buffer.getbuffer()).digest() + buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            if newest.exists():
                newest.replace(folder / PREVIOUS)
            fresh.replace(newest)
            self._failed = False
        except OSError as error:
            # A full disk must not end a training that may yet find room for what it leaves.
            with suppress(OSError):
                fresh.unlink()
            if not self._failed:
                self._say(f"{folder}: no checkpoint could be written ({error.strerror}); training continues without")
            self._failed = True
        self._written = time.monotonic()

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.is_file():
            return None
        content = path.read_bytes()
        if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
            self._say(f"{path}: damaged, left aside; going on from an earlier state, or from the start")
            return None
        loaded: dict[str, Any] = torch.load(io.BytesIO(content[DIGEST_BYTES:]), map_location="cpu", weights_only=True)
        return loaded


NO_CHECKPOINT = Checkpoint(None)
