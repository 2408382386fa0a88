"""What a run is and what it holds, whatever keeps the runs."""

import csv
import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from flowshot.core.files import sha256_of_file
from flowshot.core.provenance import parameters_digest

PREPARED = Path("data/prepared")
CURVES = "training/"  # metrics with one prefix share a section of charts

Status = Literal["FINISHED", "FAILED", "KILLED"]


class Number(NamedTuple):
    """One value of one metric."""

    metric: str
    value: float
    milliseconds: int  # since the epoch
    step: int


@dataclass(frozen=True)
class RunIdentity:
    """What a run is of: a training where `prior` is None, else an arm, which samples from that training."""

    plan: str
    dataset: str
    autoencoder: str
    seed: int
    prior: str | None = None

    @property
    def name(self) -> str:
        """What the run is called, e.g. `samples/nf_prior/seed0`, or for an arm `samples/nf_prior/own/seed0`."""
        parts = (self.dataset, self.autoencoder, self.prior, f"seed{self.seed}")
        return "/".join(part for part in parts if part is not None)

    @property
    def training(self) -> "RunIdentity":
        """The training that an arm samples from."""
        return dataclasses.replace(self, prior=None)

    @property
    def description(self) -> str:
        """What the run is of and what is found in it, as Markdown."""
        model = f"the autoencoder `{self.autoencoder}`, trained on `{self.dataset}` with seed {self.seed}"
        if self.prior is None:
            about = (
                f"The training of {model.replace(', trained', '')}. What samples from it is in the runs nested here."
            )
            stage = f"train@{self.dataset}-{self.autoencoder}-{self.seed}"
        elif self.prior == "reconstruction":
            about = f"The test clips through {model}: what its decoder can reach under any prior."
            stage = f"reconstruct@{self.dataset}-{self.autoencoder}-{self.seed}"
        else:
            about = f"Clips drawn from the prior `{self.prior}` of {model}."
            stage = f"score@{self.dataset}-{self.autoencoder}-{self.prior}-{self.seed}"
        heard = "" if self.prior is None else " `audio/` has clips to listen to, `spectrograms.png` pictures of them."
        again = f"Plan `{self.plan}`. Again: `dvc repro --force --single-item {stage}`"
        return f"{about}{heard}\n\n{again}"

    def key(self, parameters: Mapping[str, Any], experiment: str = "") -> str:
        """What tells this run from every other: equal for equal names, parameters and DVC experiment."""
        return parameters_digest({**dataclasses.asdict(self), "parameters": parameters, "experiment": experiment})


@dataclass(frozen=True)
class DatasetRecord:
    """The dataset that a run is of: `digest` tells one preparation of it from any other."""

    name: str
    digest: str
    source: str
    profile: dict[str, Any]


def read_dataset_record(name: str) -> DatasetRecord | None:
    """The record of a prepared dataset of the current folder; None where it is not there."""
    folder = PREPARED / name
    card, manifest = folder / "dataset.json", folder / "manifest.csv"
    if not (card.is_file() and manifest.is_file()):
        return None
    known = json.loads(card.read_text(encoding="utf-8"))
    wanted = ("sample_rate", "clip_samples", "licence", "origin", "incomplete", "counts")
    profile = {key: known[key] for key in wanted if key in known}
    return DatasetRecord(name, sha256_of_file(manifest)[:12], str(folder.resolve()), profile)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def curve_numbers(row: Mapping[str, Any], step: int, milliseconds: int) -> list[Number]:
    """The columns of a history row as metrics `training/<column>`; empty cells (no number) are left out."""
    values = {name: value for name, value in row.items() if value not in (None, "") and name != "step"}
    return [Number(CURVES + name, float(value), milliseconds, step) for name, value in values.items()]


def read_curves(history: Path) -> list[Number]:
    """The curves of a `history.csv`, which has a column `step` and one row per logged step."""
    milliseconds = now()
    with history.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [number for row in rows for number in curve_numbers(row, int(float(row["step"])), milliseconds)]


def read_final_metrics(scores_file: Path) -> list[Number]:
    """The values of a scores file as metrics such as `fad_yamnet`, or `mrstft` where no embedding is used."""
    milliseconds = now()
    scores = json.loads(scores_file.read_text(encoding="utf-8"))
    named = [(score["metric"], score["embedding"], float(score["value"])) for score in scores]
    return [Number(name if by == "none" else f"{name}_{by}", value, milliseconds, 0) for name, by, value in named]
