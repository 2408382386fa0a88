"""Where runs are kept: the database of this repository, and what is changed in it without MLflow."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.core.errors import FlowshotError


@dataclass(frozen=True)
class Store:
    """Where runs are kept: an MLflow tracking URI, and the folder that anchors the local one."""

    root: Path
    uri: str

    @property
    def database(self) -> Path | None:
        """The SQLite file of the local store; None where the user chose another store."""
        path = self.root / "mlflow.db"
        return path if self.uri == f"sqlite:///{path}" else None

    @property
    def artifacts(self) -> str | None:
        """The URI of the local store's artifacts; None where the user's store decides."""
        return (self.root / "mlartifacts").as_uri() if self.database else None


def find_store() -> Store:
    """The store of this repository, or the one that `MLFLOW_TRACKING_URI` names.

    DVC sets `DVC_ROOT` for its stages to the repository the user is in, also for `dvc exp run --queue` and
    `--temp`, whose working folder is deleted afterwards. Without it, the folder that holds `params.yaml`.

    Raises:
        FlowshotError: the folder's name cannot be part of a database URI.
    """
    here = Path.cwd()
    above = next((folder for folder in (here, *here.parents) if (folder / "params.yaml").is_file()), here)
    root = Path(os.environ.get("DVC_ROOT") or above).resolve()
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return Store(root, uri)
    if "?" in str(root):
        raise FlowshotError(
            f"{root}: MLflow keeps no database under a name with `?`; rename it, or set MLFLOW_TRACKING_URI"
        )
    return Store(root, f"sqlite:///{root / 'mlflow.db'}")


def create_database(database: Path, create: Callable[[str], object]) -> None:
    """Let `create` make an MLflow database at the address that it is given; `database` appears whole or not at all.

    MLflow cannot open the half that a process killed meanwhile would leave.
    """
    fresh = database.with_name(f"{database.name}.fresh")
    for left in (fresh, fresh.with_name(f"{fresh.name}-journal")):
        left.unlink(missing_ok=True)
    create(f"sqlite:///{fresh}")
    fresh.replace(database)


def change_database(store: Store, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """Change the local database where MLflow has no call for it: all of the statements or none."""
    with closing(sqlite3.connect(str(store.database), timeout=20)) as connection, connection:
        for statement, values in statements:
            connection.execute(statement, values)


def move_artifacts(store: Store, old: str) -> None:
    """Point the store of a repository that was moved or copied to where its artifacts are now.

    MLflow keeps absolute paths; the runs of a copy would write into the original.
    """
    runs = "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?"
    experiments = "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?"
    new = store.artifacts
    change_database(store, (runs, (new, len(old) + 1, len(old), old)), (experiments, (new, old)))
