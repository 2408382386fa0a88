"""What decides how a training of RAVE goes on: taken down between two of its steps, and set up again."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset

from flowshot.clips.batches import EndlessBatches
from flowshot.models.autoencoders.rave.network import RaveAutoencoder
from flowshot.optimisation.checkpoint import Checkpoint, Stateful
from flowshot.optimisation.progress import Row


class LearningBatches(IterableDataset[torch.Tensor]):
    """Padded batches `[batch, 1, samples]` of the steps from `step` to the last.

    Lightning fetches batches ahead of the step that it is at, so the state of the order is noted before each of them.
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
        """Note that `step` is the next one to be done."""
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
        """Draw from here on what was drawn there."""
        torch.set_rng_state(state["cpu"])
        if state["gpus"]:
            torch.cuda.set_rng_state_all(state["gpus"])


class History:
    """The rows of a training, each shown as it comes where it is one of a step, and not of a validation alone."""

    def __init__(self, show: Callable[[Row], None]) -> None:
        self.rows: list[Row] = []
        self.times: list[tuple[int, float]] = []  # of each row: its step, and the seconds so far
        self._show, self._start = show, time.perf_counter()

    @property
    def seconds(self) -> float:
        """That the training has taken, interruptions not counted."""
        return time.perf_counter() - self._start

    def add(self, row: Row) -> None:
        """Keep and show a row."""
        self.rows.append(row)
        self.times.append((int(row["step"]), self.seconds))
        self._show_steps(self.rows[-1:])

    def show_again(self) -> None:
        """All rows so far."""
        self._show_steps(self.rows)

    def state_dict(self) -> dict[str, Any]:
        """The rows and the seconds."""
        return {"rows": list(self.rows), "times": list(self.times), "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.rows, self.times = list(state["rows"]), list(state["times"])
        self._start = time.perf_counter() - state["seconds"]

    def _show_steps(self, rows: list[Row]) -> None:
        for row in rows:
            if "train_loss" in row:
                self._show(row)


class RaveState:
    """A training of RAVE as one `Stateful`, which keeps itself in `checkpoint` before every step but the first.

    There the step before is complete, the validation behind it included. A state is set up in two parts. Where
    Lightning is and what batch comes next must be known before it starts, or it would count from 0. All else is set
    when it has got to the batch: optimizers are made by then, and what it drew on its way there, or validated once
    more, leaves no trace.
    """

    def __init__(
        self, model: RaveAutoencoder, batches: LearningBatches, history: History, checkpoint: Checkpoint
    ) -> None:
        self._model, self._batches, self._history, self._checkpoint = model, batches, history, checkpoint
        self._trainer: Any = None
        self._waiting: dict[str, Any] | None = None

    def restore(self, trainer: Any) -> None:
        """Set up what Lightning's `trainer` must know before it starts, where there is a state.

        Raises:
            FlowshotError: the state does not fit the model.
        """
        self._trainer = trainer
        if self._checkpoint.restore({"training": self}):
            self._history.show_again()

    def before_step(self, step: int) -> None:
        """Set up the rest, or keep the state; `step` is how many are done, and the trainer is at its batch.

        Raises:
            Interrupted: a stop was requested, and the state is kept.
        """
        self._batches.go_to(step)
        if self._waiting is not None:
            for name, part in self._parts().items():
                part.load_state_dict(self._waiting[name])
            self._waiting = None
            # This says that the loops were loaded and not started yet.
            self._trainer.fit_loop.restarting = False
        elif step > 0:
            self._checkpoint.after_step({"training": self}, step, self._batches.steps)

    def state_dict(self) -> dict[str, Any]:
        """Of every part, and of the batches."""
        return {name: part.state_dict() for name, part in {**self._parts(), "batches": self._batches}.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The first part; the model too, which tells at once whether the state fits."""
        self._model.load_state_dict(state["model"])
        self._batches.load_state_dict(state["batches"])
        self._history.load_state_dict(state["history"])
        self._trainer.fit_loop.load_state_dict(state["loops"])
        # The last batch may have been fetched, but its step is not done: else Lightning would leave it out.
        self._trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = False
        self._waiting = state

    def _parts(self) -> dict[str, Stateful]:
        """All but the batches; of the callbacks it is RAVE's schedules that have a state."""
        trainer = self._trainer
        listed = {
            "optimizer": trainer.optimizers,
            "schedule": [each.scheduler for each in trainer.lr_scheduler_configs],
            "callback": trainer.callbacks,
        }
        numbered = {f"{name}_{index}": part for name, parts in listed.items() for index, part in enumerate(parts)}
        single = {"model": self._model, "loops": trainer.fit_loop, "draws": GlobalDraws(), "history": self._history}
        return {**single, **numbered}
