"""What `dvc metrics` and `dvc plots` read: few numbers for each arm, and the curves of all trainings in one file.

DVC shows a file a row, so that every arm has a file of its own; the templates of the plots lie in `.dvc/plots/`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from flowshot.core.files import write_json
from flowshot.core.plan import REAL, RECONSTRUCTION
from flowshot.report.project import Training
from flowshot.report.registry import in_order
from flowshot.scoring.metrics.score import NO_EMBEDDING

# Under the first embedding that was used, and without one.
HEARD = ("fad", "kid", "coverage")
ALONE = {RECONSTRUCTION: ("mrstft", "kl", "active_units")}
CURVES = [
    "seconds", "train_loss", "train_reconstruction", "train_kl",
    "valid_loss", "valid_reconstruction", "valid_kl", "mutual_information", "active_units",
]  # fmt: skip


def write_metrics(frame: pd.DataFrame, folder: Path) -> None:
    """Write the main numbers of every arm, mean over seeds: `DATASET/MODEL/PRIOR.json`, `DATASET/real.json`."""
    embedding = next(iter(in_order(set(frame["embedding"]))), NO_EMBEDDING)
    for (dataset, model, prior), rows in frame.groupby(["dataset", "autoencoder", "prior"], sort=True):
        names = [(name, embedding) for name in HEARD] + [(name, NO_EMBEDDING) for name in ALONE.get(str(prior), ())]
        means = rows.groupby(["metric", "embedding"])["value"].mean()
        numbers = {name: float(means[name, by]) for name, by in names if (name, by) in means.index}
        place = folder / str(dataset)
        if numbers:
            write_json(place / "real.json" if model == REAL else place / str(model) / f"{prior}.json", numbers)


def write_curves(trainings: Mapping[str, Sequence[Training]], path: Path) -> None:
    """Write the validations of all trainings as one CSV, `training` and `step` first; nothing where there are none."""
    curves = {
        f"{dataset}/{one.model}/seed{one.seed}": one.history.reindex(columns=CURVES)
        for dataset, known in trainings.items()
        for one in known
    }
    if curves:
        shown = pd.concat(curves, names=["training", "step"]).dropna(subset="valid_loss").reset_index()
        if len(shown):
            shown.astype({"step": int}).to_csv(path, index=False, lineterminator="\n")
