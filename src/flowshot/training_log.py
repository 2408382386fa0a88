"""The live log of a training, which never holds the training up."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from flowshot.errors import Interrupted
from flowshot.runs import Number, RunIdentity, Status, curve_numbers, now
from flowshot.tracking import Store, find_store, finish_run, log_numbers, take_run, warn


class TrainingLog:
    """The run of a training, filled while it goes on.

    A thread of its own talks to MLflow, so that neither its import (2 s) nor a slow server holds training up.
    What could not be sent is kept and tried again at the next turn, and at the end.

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
        self._training, self._parameters, self._store = training, parameters, store or find_store()
        self._every_seconds, self._patience_seconds = every_seconds, patience_seconds
        self._waiting: list[Number] = []
        self._lock, self._done = threading.Lock(), threading.Event()
        self._run_id: str | None = None
        self._status: Status = "FINISHED"
        self._warned = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def log(self, row: Mapping[str, Any], step: int) -> None:
        """Take the numbers of a step; returns at once. None and empty cells are left out."""
        numbers = curve_numbers(row, step, now())
        with self._lock:
            self._waiting += numbers

    def finish(self, status: Status = "FINISHED") -> None:
        """Send what is waiting and close the run."""
        self._status = status
        self._done.set()
        self._thread.join(self._patience_seconds)
        if self._thread.is_alive():
            warn(self._store, "it does not answer")

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
        try:
            self._send()
        except Exception as error:
            # Whatever is wrong with the store, the training is worth more.
            if not self._warned:
                warn(self._store, error)
            self._warned = True

    def _send(self) -> None:
        if self._run_id is None:
            self._run_id = take_run(self._store, self._training, self._parameters)
        last = self._done.is_set()
        while batch := self._waiting[:1000]:
            log_numbers(self._store, self._run_id, batch)
            with self._lock:
                del self._waiting[: len(batch)]
        if last:
            finish_run(self._store, self._run_id, self._status)
