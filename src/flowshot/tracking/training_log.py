"""The live log of a training, which never holds the training up."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from flowshot.core.errors import Interrupted
from flowshot.tracking.mlflow_runs import Store, find_store, finish_run, keep, log_numbers, take_run, warn
from flowshot.tracking.run_record import RunRecord, gather_facts
from flowshot.tracking.runs import Number, RunIdentity, Status, curve_numbers, now
from flowshot.tracking.unsent import forget_unsent


class TrainingLog:
    """The run of a training, filled while it goes on.

    A thread of its own talks to MLflow, so that neither its import (2 s) nor a slow server holds training up.
    What could not be sent is tried again at the next turn, and at the end; where that fails too, all of the run is
    kept on disk for `flowshot sync`.

        with TrainingLog(RunIdentity("quick", "synth", "no_nf", seed=0), parameters) as log:
            log.log({"loss": 1.5, "kl": 60.0}, step=10)
    """

    def __init__(
        self,
        training: RunIdentity,
        parameters: Mapping[str, Any],
        store: Store | None = None,
        every_seconds: float = 10.0,
        patience_seconds: float = 60.0,
    ) -> None:
        """Start logging.

        Args:
            training: which training this is.
            parameters: everything the training depends on, nested by section.
            store: where to log; by default what `find_store` finds.
            every_seconds: time between two calls of MLflow.
            patience_seconds: how long `finish` waits for a store that does not answer.
        """
        self._facts, self._store = gather_facts(training, parameters), store or find_store()
        self._every_seconds, self._patience_seconds = every_seconds, patience_seconds
        self._numbers: list[Number] = []
        self._sent = 0  # how many of them
        self._done = threading.Event()
        self._run_id: str | None = None
        self._status: Status = "FINISHED"
        self._warned = self._told = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Take the numbers of a step; returns at once. None and empty cells are left out."""
        self._numbers += curve_numbers(row, step, now())

    def finish(self, status: Status = "FINISHED") -> None:
        """Send what is waiting and close the run, or keep it."""
        self._status = status
        self._done.set()
        self._thread.join(self._patience_seconds)
        if not self._told:
            kept = keep(self._store, RunRecord(self._facts, tuple(self._numbers), status))
            self._warn("it does not answer" if self._thread.is_alive() else "it failed", kept)
        # The thread may have come through meanwhile.
        if self._told:
            forget_unsent(self._store, self._facts)

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt | Interrupted)
        self.finish("FINISHED" if kind is None else "KILLED" if interrupted else "FAILED")

    def _work(self) -> None:
        self._try_to_send()
        while not self._done.wait(self._every_seconds):
            self._try_to_send()
        self._try_to_send()

    def _try_to_send(self) -> None:
        if self._told:
            return
        try:
            self._send()
        except Exception as error:
            # Whatever is wrong with the store, the training is worth more.
            self._warn(error)

    def _warn(self, reason: object, kept: bool = True) -> None:
        # Once; but that even a copy is lost is said behind a promise to keep one.
        if not (self._warned and kept):
            warn(self._store, reason, kept)
        self._warned = True

    def _send(self) -> None:
        if self._run_id is None:
            self._run_id = take_run(self._store, self._facts)
            # What an earlier try left: the rows of a training that goes on are given again.
            forget_unsent(self._store, self._facts)
        last = self._done.is_set()
        while batch := self._numbers[self._sent : self._sent + 1000]:
            log_numbers(self._store, self._run_id, batch)
            self._sent += len(batch)
        if last:
            finish_run(self._store, self._run_id, self._status)
            self._told = True
