"""Runs that MLflow could not be told of, kept below `.flowshot/tracking/unsent/` until it can.

A run has a folder named by its key: `run.json`, and copies of its files, because a later run may replace them, and the
folder of a DVC experiment is deleted.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder
from flowshot.tracking.local_store import Store
from flowshot.tracking.run_record import RunFacts, RunRecord
from flowshot.tracking.runs import DatasetRecord, Number, RunIdentity

UNSENT = Path(".flowshot/unsent")
RECORD, FILES = "run.json", "files"


@dataclass(frozen=True)
class Unsent:
    """A run that is kept.

    Args:
        folder: where.
        record: what MLflow is to be told.
        uri: of the store that could not be told; None: the database of the repository.
        content: of the file that says all this.
    """

    folder: Path
    record: RunRecord
    uri: str | None
    content: str


def keep_unsent(store: Store, record: RunRecord) -> None:
    """Keep a run, whole or not at all, in the place of an earlier one of the same key. Raises OSError."""
    with whole_folder(_folder(store, record.facts)) as fresh:
        files = [(place, file.name) for place, file in record.files if file.is_file()]
        for place, file in record.files:
            if (place, file.name) in files:
                (fresh / FILES / place).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, fresh / FILES / place / file.name)
        kept = {
            "uri": None if store.database else store.uri,
            "facts": dataclasses.asdict(record.facts),
            "training": record.training and dataclasses.asdict(record.training),
            "status": record.status,
            "numbers": record.numbers,
            "files": files,
        }
        # A loss may be infinite, which JSON proper has no word for and Python reads again.
        (fresh / RECORD).write_text(json.dumps(kept), encoding="utf-8")


def forget_unsent(store: Store, facts: RunFacts) -> None:
    """Keep nothing of this run: it is told, or begins anew."""
    shutil.rmtree(_folder(store, facts), ignore_errors=True)
    _remove_if_empty(store)


def find_unsent(store: Store) -> list[Unsent]:
    """The runs that are kept: trainings first, in whose runs those of their arms are nested.

    Raises:
        FlowshotError: one is damaged.
    """
    kept = [_read(folder) for folder in sorted((store.root / UNSENT).glob("[!.]*/"))]
    return sorted(kept, key=lambda one: (one.record.facts.identity.prior is not None, one.record.facts.identity.name))


def forget_sent(store: Store, sent: Unsent) -> None:
    """Remove what was read and is told by now, unless a newer one has taken its place."""
    with suppress(OSError):
        if (sent.folder / RECORD).read_text(encoding="utf-8") == sent.content:
            shutil.rmtree(sent.folder)
    _remove_if_empty(store)


def _folder(store: Store, facts: RunFacts) -> Path:
    return store.root / UNSENT / facts.key[:32]


def _remove_if_empty(store: Store) -> None:
    with suppress(OSError):
        (store.root / UNSENT).rmdir()


def _read(folder: Path) -> Unsent:
    try:
        content = (folder / RECORD).read_text(encoding="utf-8")
        kept = json.loads(content)
        record = RunRecord(
            facts=_facts(kept["facts"]),
            numbers=tuple(Number(*number) for number in kept["numbers"]),
            status=kept["status"],
            files=tuple((place, folder / FILES / place / name) for place, name in kept["files"]),
            training=kept["training"] and _facts(kept["training"]),
        )
        return Unsent(folder, record, kept["uri"], content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowshotError(f"{folder}: no run that was kept ({error}); remove it") from None


def _facts(kept: Mapping[str, Any]) -> RunFacts:
    dataset = kept["dataset"] and DatasetRecord(**kept["dataset"])
    return RunFacts(RunIdentity(**kept["identity"]), kept["parameters"], kept["experiment"], kept["tags"], dataset)
