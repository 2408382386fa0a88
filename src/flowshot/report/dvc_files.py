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
from flowshot.report.results import Frame
from flowshot.scoring.metrics.score import NO_EMBEDDING

HEARD = ["fad", "kid", "coverage"]  # under the first embedding that was used
OF_MODEL = ["mrstft", "kl", "active_units"]  # stand with the reconstructions of an autoencoder
CURVES = [
    "seconds", "train_loss", "train_reconstruction", "train_kl",
    "valid_loss", "valid_reconstruction", "valid_kl", "mutual_information", "active_units",
]  # fmt: skip


def write_metrics(frame: pd.DataFrame, folder: Path) -> None:
    """Write the main numbers of every arm, mean over seeds: `DATASET/MODEL/PRIOR.json`, `DATASET/real.json`."""
    embedding = next(iter(in_order(set(frame["embedding"]))), NO_EMBEDDING)
    keys = ["dataset", "autoencoder", "prior", "metric"]
    means: Frame = frame[frame["embedding"].isin([embedding, NO_EMBEDDING])].groupby(keys)["value"].mean().unstack()
    means = means.reindex(columns=[*HEARD, *OF_MODEL])
    for (dataset, model, prior), numbers in means.iterrows():
        if (dataset, model, RECONSTRUCTION) in means.index:
            numbers[OF_MODEL] = means.loc[(dataset, model, RECONSTRUCTION), OF_MODEL]
        found = {str(name): float(value) for name, value in numbers.dropna().items()}
        if found and prior != RECONSTRUCTION:
            write_json(folder / dataset / ("real.json" if model == REAL else f"{model}/{prior}.json"), found)


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
