"""The state of a training of RAVE, stored between two of its steps, so that it can resume."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset

from flowshot.clips.batches import EndlessBatches
from flowshot.models.autoencoders.rave.model import RaveAutoencoder
from flowshot.optimisation.checkpoint import Checkpoint, Stateful
from flowshot.optimisation.progress import Row


class LearningBatches(IterableDataset[torch.Tensor]):
    """Padded batches `[batch, 1, samples]` of the steps from `step` to the last.

    Lightning fetches batches ahead of its step, so the state of the order is stored for each.
    """

    def __init__(self, model: RaveAutoencoder, order: EndlessBatches, steps: int) -> None:
        self.model, self.order, self.steps = model, order, steps
        self.step = 0
        self._before: dict[int, dict[str, Any]] = {}

    def __iter__(self) -> Iterator[torch.Tensor]:
        for step in range(self.step, self.steps):
            self._before[step] = self.order.state_dict()
            yield self.model.pad(next(self.order))

    def go_to(self, step: int) -> None:
        """`step` is the next one."""
        self.step = step
        self._before = {ahead: state for ahead, state in self._before.items() if ahead >= step}

    def state_dict(self) -> dict[str, Any]:
        """The next step, and the order before its batch."""
        return {"step": self.step, "order": self._before[self.step]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin with that step; to be called before anything is fetched."""
        self.step = state["step"]
        self.order.load_state_dict(state["order"])


class GlobalDraws:
    """torch's global generators, from which RAVE draws all of its noise, as `Stateful`."""

    def state_dict(self) -> dict[str, Any]:
        """Copies of the states."""
        on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "gpus": on_gpus}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the states."""
        torch.set_rng_state(state["cpu"])
        if state["gpus"]:
            torch.cuda.set_rng_state_all(state["gpus"])


class History:
    """The rows of a training. `show` is called with each row of a step, and not with rows of a validation alone."""

    def __init__(self, show: Callable[[Row], None]) -> None:
        self.rows: list[Row] = []
        self.times: list[tuple[int, float]] = []  # of each row: its step, and the seconds so far
        self._show, self._start = show, time.perf_counter()

    @property
    def seconds(self) -> float:
        """What the training has taken, without interruptions."""
        return time.perf_counter() - self._start

    def add(self, row: Row) -> None:
        """Store and show a row."""
        self.rows.append(row)
        self.times.append((int(row["step"]), self.seconds))
        self.show([row])

    def show(self, rows: list[Row]) -> None:
        """Show those of `rows` that are of a step."""
        for row in rows:
            if "train_loss" in row:
                self._show(row)

    def state_dict(self) -> dict[str, Any]:
        """The rows and the seconds."""
        return {"rows": list(self.rows), "times": list(self.times), "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from there."""
        self.rows, self.times = list(state["rows"]), list(state["times"])
        self._start = time.perf_counter() - state["seconds"]


class RaveState:
    """A training of RAVE as one `Stateful`, stored in `checkpoint` before every step but the first.

    It is restored in two parts. Lightning's counters and the next batch are set before Lightning starts, or it would
    count from 0. The rest is set when Lightning has reached that batch: optimizers exist by then, and what it drew or
    validated on the way leaves no trace.
    """

    def __init__(
        self, model: RaveAutoencoder, batches: LearningBatches, history: History, checkpoint: Checkpoint
    ) -> None:
        self._model, self._batches, self._history, self._checkpoint = model, batches, history, checkpoint
        self._trainer: Any = None
        self._waiting: dict[str, Any] | None = None

    def restore(self, trainer: Any) -> None:
        """Before Lightning's `trainer` starts: restore the first part, where there is a state. Raises FlowshotError."""
        self._trainer = trainer
        if self._checkpoint.restore({"training": self}):
            self._history.show(self._history.rows)

    def before_step(self, step: int) -> None:
        """After `step` steps, with the next batch at hand: restore the rest, or store the state.

        Raises:
            Interrupted: a stop was requested, and the state is stored.
        """
        self._batches.go_to(step)
        if self._waiting is not None:
            for name, part in self._parts().items():
                part.load_state_dict(self._waiting[name])
            self._waiting = None
            # It means that the loops were loaded and have not started yet.
            self._trainer.fit_loop.restarting = False
        elif step > 0:
            self._checkpoint.after_step({"training": self}, step, self._batches.steps)

    def state_dict(self) -> dict[str, Any]:
        """Of every part, and of the batches."""
        return {name: part.state_dict() for name, part in {**self._parts(), "batches": self._batches}.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the first part, and the model, which shows at once whether the state fits."""
        self._model.load_state_dict(state["model"])
        self._batches.load_state_dict(state["batches"])
        self._history.load_state_dict(state["history"])
        self._trainer.fit_loop.load_state_dict(state["loops"])
        # The last batch may have been fetched, but its step is not done; Lightning would skip it.
        self._trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = False
        self._waiting = state

    def _parts(self) -> dict[str, Stateful]:
        """All but the batches."""
        trainer = self._trainer
        listed = {
            "optimizer": trainer.optimizers,
            "schedule": [each.scheduler for each in trainer.lr_scheduler_configs],
            "callback": trainer.callbacks,
        }
        numbered = {f"{name}_{index}": part for name, parts in listed.items() for index, part in enumerate(parts)}
        single = {"model": self._model, "loops": trainer.fit_loop, "draws": GlobalDraws(), "history": self._history}
        return {**single, **numbered}
