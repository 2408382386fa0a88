"""Where the page finds what the stages wrote."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json
from flowshot.core.plan import PlanConfig


@dataclass(frozen=True)
class Training:
    """One trained autoencoder: what `diagnostics.json` says, and the columns of `history.csv` as `(step, value)`."""

    dataset: str
    autoencoder: str
    seed: int
    diagnostics: dict[str, Any]
    curves: dict[str, tuple[tuple[float, float], ...]]


@dataclass(frozen=True)
class Sources:
    """The folders of a project. Scores are there; models, clips and datasets may be on another machine."""

    root: Path

    @property
    def scores(self) -> Path:
        """`scores/`."""
        return self.root / "scores"

    @property
    def models(self) -> Path:
        """`models/`."""
        return self.root / "models"

    @property
    def generated(self) -> Path:
        """`generated/`."""
        return self.root / "generated"

    @property
    def demonstrations(self) -> Path:
        """`demonstrations/`."""
        return self.root / "demonstrations"

    def prepared_dataset(self, name: str) -> PreparedDataset | None:
        """The dataset, or None where it was not prepared here; raises FlowshotError where it is damaged."""
        folder = self.root / "data" / "prepared" / name
        return read_prepared(folder) if (folder / "dataset.json").is_file() else None

    def audit(self, name: str) -> list[dict[str, str]]:
        """The rows of `audit.csv`; empty where the dataset was not prepared here."""
        file = self.root / "data" / "prepared" / name / "audit.csv"
        if not file.is_file():
            return []
        with file.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))

    def trainings(self, plan: PlanConfig, dataset: str) -> list[Training]:
        """What is known here of every training of the plan on `dataset`."""
        names = [(autoencoder, seed) for autoencoder in plan.autoencoders for seed in plan.seeds]
        found = []
        for autoencoder, seed in names:
            folder = self.models / dataset / autoencoder / str(seed)
            diagnostics = _read_if_there(folder / "diagnostics.json")
            curves = _curves(folder / "history.csv")
            if diagnostics or curves:
                found.append(Training(dataset, autoencoder, seed, diagnostics, curves))
        return found

    def run_id(self, plan: PlanConfig, dataset: str, autoencoder: str, prior: str, seed: int) -> str | None:
        """Under which id MLflow keeps an arm; None where it was not logged under this plan."""
        said = _read_if_there(self.scores / dataset / autoencoder / prior / f"{seed}.run.json")
        return said.get("run_id") if said.get("plan") == plan.name else None


def _read_if_there(file: Path) -> dict[str, Any]:
    return read_json(file) or {} if file.is_file() else {}


def _curves(history: Path) -> dict[str, tuple[tuple[float, float], ...]]:
    if not history.is_file():
        return {}
    try:
        with history.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        names = [name for name in (rows[0] if rows else {}) if name != "step"]
        return {
            name: values
            for name in names
            if (values := tuple((float(row["step"]), float(row[name])) for row in rows if row[name] not in ("", None)))
        }
    except (KeyError, ValueError) as error:
        raise FlowshotError(f"{history}: no history of a training ({error!r}); train it again") from None
