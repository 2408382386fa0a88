"""What the stages left in a project. Scores are needed; all else may be on another machine, and is then unknown."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from flowshot.clips.prepared import PreparedDataset, read_prepared
from flowshot.core.files import read_json
from flowshot.core.plan import DIRECT, EXTERNAL, REAL, RECONSTRUCTION, PlanConfig
from flowshot.scoring.metrics.score import NO_EMBEDDING, Score

Arm = tuple[str, str, str, int]  # dataset, model, prior, seed
# What `diagnostics.json` of a model says of its latents, from `n` clips, and of its training.
LATENT = ("kl", "mutual_information", "marginal_kl", "active_units")
TRAINING = ("reconstruction_gap", "parameters")
# Of autoencoders of a dataset whose factors of variation are known.
FACTORS = ("mig", "disentanglement", "completeness", "informativeness")
OWN = "own"  # the prior that an autoencoder was trained with: what is known of the model is known of this arm
BASELINES = ("copies",)  # kinds of generators that are no rivals: they say what another kind of answer would score


@dataclass(frozen=True)
class Training:
    """One trained model: its `diagnostics.json`, the `run.json` of its training, and its `history.csv` by step."""

    model: str
    seed: int
    diagnostics: dict[str, Any]
    run: dict[str, Any]
    history: pd.DataFrame

    def curve(self, column: str) -> "pd.Series[float]":
        """The values of a column of the history by step, where it has any; a model that learns nothing has none."""
        return self.history[column].dropna() if column in self.history else pd.Series(dtype=float)


@dataclass(frozen=True)
class Project:
    """The folders of a project."""

    root: Path

    def scores(self, arm: Arm) -> Path:
        """The scores of an arm."""
        return self.root.joinpath("scores", *arm[:3], f"{arm[3]}.json")

    def run(self, stage: str, *names: object, file: str = "run.json") -> dict[str, Any]:
        """What is timed and dated of a stage; empty where that is not known here."""
        return _read_if_there(self.root.joinpath("runs", stage, *map(str, names), file))

    def is_baseline(self, dataset: str, generator: str, seed: int) -> bool:
        """Whether a generator is no rival, by the kind in its `config.json`, or by its name."""
        said = _read_if_there(self.root / "models" / dataset / generator / str(seed) / "config.json")
        return said.get("kind", generator) in BASELINES

    def measured(self, arm: Arm) -> Iterator[Score]:
        """The numbers of an arm that are no scores of its clips; what is not known here is left out."""
        dataset, model, prior, seed = arm
        if model in (REAL, EXTERNAL):
            return
        if prior in (OWN, RECONSTRUCTION, DIRECT):
            said = _read_if_there(self.root / "models" / dataset / model / str(seed) / "diagnostics.json")
            for name in (name for name in (*LATENT, *TRAINING, *FACTORS) if name in said):
                clips = int(said.get("n", 1)) if name in LATENT else 1
                yield Score(name, NO_EMBEDDING, float(said[name]), None, None, clips)
            run = self.run("train", dataset, model, seed)
            batch, seconds = run.get("parameters", {}).get("budget", {}).get("batch_size"), run.get("seconds")
            if batch is not None and "steps" in said:
                yield Score("clips_seen", NO_EMBEDDING, float(said["steps"] * batch), None, None, 1)
            if seconds is not None:
                yield Score("train_seconds", NO_EMBEDDING, float(seconds), None, None, 1)
        taken = self.run("sample", *arm)
        if taken.get("seconds") and taken.get("clips"):
            speed, clips = taken["clips"] / taken["seconds"], int(taken["clips"])
            yield Score("clips_per_second", NO_EMBEDDING, speed, None, None, clips)
        nats = _read_if_there(self.root.joinpath("priors", *map(str, arm), "nats.json"))
        if nats.get("prior_nats") is not None:  # a prior may have no density
            for name, unit in (("prior_nats", 1), ("prior_bits", nats["dimensions"] * math.log(2))):
                low, high = (None if nats.get(end) is None else nats[end] / unit for end in ("ci_low", "ci_high"))
                yield Score(name, NO_EMBEDDING, nats["prior_nats"] / unit, low, high, int(nats["n"]))

    def prepared(self, name: str) -> PreparedDataset | None:
        """The dataset, or None where it was not prepared here; raises FlowshotError where it is damaged."""
        folder = self.root / "data" / "prepared" / name
        return read_prepared(folder) if (folder / "dataset.json").is_file() else None

    def trainings(self, plan: PlanConfig, dataset: str) -> list[Training]:
        """What is known here of every training of the plan on `dataset`; `seconds` of its history where they are."""
        found = []
        for training in product([dataset], plan.models, map(str, plan.seeds)):
            folder = self.root.joinpath("models", *training)
            times = self.root.joinpath("runs", "train", *training, "times.csv")
            history, diagnostics = pd.DataFrame(), _read_if_there(folder / "diagnostics.json")
            if (folder / "history.csv").is_file():
                history = pd.read_csv(folder / "history.csv").astype(float).set_index("step")
            if len(history) and times.is_file():
                history["seconds"] = pd.read_csv(times).astype(float).groupby("step")["seconds"].last()
            if diagnostics or len(history):
                run = self.run("train", *training)
                found.append(Training(training[1], int(training[2]), diagnostics, run, history))
        return found

    def run_id(self, plan: PlanConfig, arm: Arm) -> str | None:
        """Under which id MLflow keeps an arm; None where it was not logged under this plan."""
        said = self.run("score", *arm) | self.run("score", *arm, file="mlflow.json")
        return said.get("run_id") if said.get("plan", plan.name) == plan.name else None


def stage_of(stage: str, arm: Arm) -> str:
    """The stage `sample` or `score` of an arm as `dvc repro` names it."""
    dataset, model, prior, seed = arm
    if model == REAL:
        return f"floor@{dataset}"
    if (stage, prior) == ("sample", DIRECT):
        return f"sample_generator@{dataset}-{model}-{seed}"
    kind = {DIRECT: "_generator", RECONSTRUCTION: "_reconstruction"}.get(prior, "")
    return f"{stage}{kind}@{dataset}-{model}-{prior}-{seed}"


def _read_if_there(file: Path) -> dict[str, Any]:
    return dict(read_json(file)) if file.is_file() else {}
