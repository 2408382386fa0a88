"""`flowshot sync`: tell MLflow what it could not be told when it happened."""

import argparse
import os
from collections.abc import Iterable

from flowshot.cli.base import Commands, Outcome, add_command
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import one_process_at
from flowshot.tracking.local_store import Store, find_store
from flowshot.tracking.unsent import UNSENT, Unsent, find_unsent, forget_sent


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Send to MLflow what was not logged, because its server was away when a training or a scoring ended."
    examples = ("flowshot sync", "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 flowshot sync")
    add_command(commands, "sync", description, examples, run)


def run(arguments: argparse.Namespace) -> Outcome:
    """Send every run that is kept; what was sent is kept no longer."""
    here = find_store()
    if not find_unsent(here):
        return Outcome({"sent": []}, "nothing is waiting for MLflow")
    sent: list[str] = []
    problems: list[str] = []
    with one_process_at(here.root / UNSENT), working("sending to MLflow"):
        for one in find_unsent(here):
            if problem := _send(_store_of(one, here), one, problems):
                problems.append(problem)
            else:
                sent.append(one.record.facts.identity.name)
                forget_sent(here, one)
    done = f"sent {_runs(len(sent))} to MLflow"
    if problems:
        why = "; ".join(dict.fromkeys(problems))
        raise FlowshotError(f"{done}, {_runs(len(problems))} not: {why}; run `flowshot sync` again")
    return Outcome({"sent": sent}, done)


def _store_of(one: Unsent, here: Store) -> Store:
    """The store that the user names now, or else the one that was named then."""
    if os.environ.get("MLFLOW_TRACKING_URI") or one.uri is None:
        return here
    return Store(here.root, one.uri)


def _send(store: Store, one: Unsent, problems: Iterable[str]) -> str | None:
    """Send it; or say why that was not possible. A store that was away is not asked again: that may take minutes."""
    # Imported here: it is not needed where nothing is kept.
    from flowshot.tracking.mlflow_runs import ask, send, short

    away = f"{store.uri} is away: "
    if known := next((problem for problem in problems if problem.startswith(away)), None):
        return known
    try:
        ask(store)
    except Exception as error:
        return f"{away}{short(error)}"
    try:
        send(store, one.record)
    except Exception as error:
        # Whatever MLflow raises: this run stays, and the next one may be sent.
        return f"{one.record.facts.identity.name} at {store.uri}: {short(error)}"
    return None


def _runs(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'}"
