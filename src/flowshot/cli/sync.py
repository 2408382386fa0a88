"""`flowshot sync`: tell MLflow what it could not be told when it happened, or all that there is."""

import argparse
import os
from pathlib import Path

from flowshot.cli.base import Commands, Outcome, add_command
from flowshot.cli.terminal import working
from flowshot.core.errors import FlowshotError
from flowshot.core.files import one_process_at, write_json
from flowshot.core.records import (
    LOGGED,
    RECORD,
    UNSENT,
    project_of,
    read_record,
    repository,
    unsent_records,
)


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Send to MLflow what it misses, because its server was away when a training or a scoring ended."
    examples = ("flowshot sync", "flowshot sync --all", "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 flowshot sync")
    parser = add_command(commands, "sync", description, examples, run)
    parser.add_argument("--all", action="store_true", help="send every run of this project, also what was sent before")


def run(arguments: argparse.Namespace) -> Outcome:
    """Send every run that is kept, with `--all` also those of `runs/`; what was sent is kept no longer."""
    waiting = _waiting(arguments.all)
    if not waiting:
        return Outcome({"sent": []}, "nothing is waiting for MLflow")
    sent: list[str] = []
    problems: list[str] = []
    away: dict[str, str] = {}
    with one_process_at(repository() / UNSENT), working("sending to MLflow"):
        for folder, uri in _waiting(arguments.all):
            try:
                sent.append(_send(folder, uri, away))
            except FlowshotError as error:
                problems.append(str(error))
    done = f"sent {_runs(len(sent))} to MLflow"
    if problems:
        why = "; ".join(dict.fromkeys(problems))
        raise FlowshotError(f"{done}, {_runs(len(problems))} not: {why}; run `flowshot sync` again")
    return Outcome({"sent": sent}, done)


def _waiting(everything: bool) -> list[tuple[Path, str]]:
    """Record folders, and for which store each is meant where the user names none: trainings first."""
    stages = ("train", "train_generator", "score") if everything else ()
    found = [path.parent for stage in stages for path in sorted(Path("runs", stage).rglob(RECORD))]
    kept = unsent_records()
    return [*sorted(kept, key=lambda one: read_record(one[0])["prior"] is not None), *((one, "") for one in found)]


def _send(folder: Path, meant_for: str, away: dict[str, str]) -> str:
    """Send one run; its folder below `runs/`. A store that was away is not asked again, as that takes long."""
    # Imported here: it is not needed where nothing is kept.
    from flowshot.tracking.mlflow_runs import find_store, one_line, open_store, send_record

    store = meant_for if meant_for and "MLFLOW_TRACKING_URI" not in os.environ else find_store()
    if store in away:
        raise FlowshotError(away[store])
    try:
        with one_line(store):
            open_store(store)
    except FlowshotError as error:
        away[store] = str(error)
        raise
    place = folder.resolve().relative_to(project_of(folder, read_record(folder)["stage"]))
    original, content = repository() / place, (folder / RECORD).read_bytes()
    with one_line(store):
        logged = send_record(store, folder)
    if (original / RECORD).is_file() and (original / RECORD).read_bytes() == content:
        write_json(original / LOGGED, logged)
    return str(place)


def _runs(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'}"
