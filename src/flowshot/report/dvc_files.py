"""What `dvc metrics` and `dvc plots` read: few numbers for each arm, and the curves of all trainings in one file.

DVC shows a file a row, so that every arm has a file of its own; `dvc.yaml` names their folder, and the templates of the
plots lie in `.dvc/plots/`. All of it is a part of the report, on which no stage depends.
"""

import json
from pathlib import Path

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.registry import EMBEDDINGS
from flowshot.report.results import REAL, RECONSTRUCTION

# Under the first embedding that was used, and without one.
HEARD = ("fad", "kid", "coverage")
ALONE = {RECONSTRUCTION: ("mrstft", "kl", "active_units")}
CURVES = (
    "train_loss", "train_reconstruction", "train_kl",
    "valid_loss", "valid_reconstruction", "valid_kl", "mutual_information", "active_units",
)  # fmt: skip


def write_metrics(frame: pd.DataFrame, folder: Path) -> None:
    """Write the main numbers of every arm, mean over seeds: `DATASET/AUTOENCODER/PRIOR.json`, `DATASET/real.json`."""
    used = set(frame["embedding"])
    embedding = next((name for name in EMBEDDINGS if name in used), "none")
    for (dataset, autoencoder, prior), rows in frame.groupby(["dataset", "autoencoder", "prior"], sort=True):
        names = [(name, embedding) for name in HEARD] + [(name, "none") for name in ALONE.get(str(prior), ())]
        means = rows.groupby(["metric", "embedding"])["value"].mean()
        numbers = {name: float(means[name, by]) for name, by in names if (name, by) in means.index}
        place = folder / str(dataset)
        path = place / "real.json" if autoencoder == REAL else place / str(autoencoder) / f"{prior}.json"
        if numbers:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


def write_curves(plan: PlanConfig, models_folder: Path, path: Path) -> bool:
    """Write the validations of all trainings as one CSV, `training` and `step` first; False where there are none."""
    found = []
    for dataset in plan.datasets:
        for autoencoder in plan.autoencoders:
            for seed in plan.seeds:
                file = models_folder / dataset / autoencoder / str(seed) / "history.csv"
                if file.is_file():
                    history = pd.read_csv(file).reindex(columns=["step", *CURVES])
                    history.insert(0, "training", f"{dataset}/{autoencoder}/seed{seed}")
                    found.append(history[history["valid_loss"].notna()])
    if not found:
        return False
    pd.concat(found).to_csv(path, index=False, lineterminator="\n")
    return True
