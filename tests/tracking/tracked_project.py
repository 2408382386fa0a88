"""A project whose stages have written records and content, and what MLflow holds of it."""

import json
from pathlib import Path

import numpy as np
import soundfile

from flowshot.core.records import write_record
from flowshot.tracking import mlflow_runs
from flowshot.tracking.mlflow_runs import EXPERIMENT, find_store, open_store
from flowshot.tracking.run import read_run

TRAINING = {"autoencoder": {"channels": [8, 16], "prior_flow": "nsf"}, "train": {"beta": 1.0, "path": None}}
ARM = TRAINING | {"fit_prior": {"kind": "nsf"}, "score": {"folds": 2}}


class Project:
    """What the stages of one dataset, model and seed leave in the current folder."""

    def __init__(self, root, dataset="synth", model="no_nf"):
        self.root, self.dataset, self.model = root, dataset, model

    def record(self, stage, place, prior=None, parameters=TRAINING, seconds=10.0, **more):
        names = {"plan": "quick", "dataset": self.dataset, "model": self.model, "seed": 0}
        write_record(place, stage=stage, prior=prior, parameters=parameters, seconds=seconds, **{**names, **more})
        return place

    def train(self, losses=(3.0, 2.0), parameters=TRAINING, **more):
        model = self.root / "models" / self.dataset / self.model / "0"
        model.mkdir(parents=True, exist_ok=True)
        write_history(model / "history.csv", losses)
        (model / "config.json").write_text("{}")
        (model / "diagnostics.json").write_text('{"n": 5, "kl": 12.5, "parameters": 900, "verdict": "healthy"}')
        folder = self.root / "runs/train" / self.dataset / self.model / "0"
        self.record("train", folder, parameters=parameters, **more)
        (folder / "times.csv").write_text("step,seconds\n0,1.0\n10,9.0\n")
        return folder

    def score(self, prior="own", fad=20.5, parameters=ARM, clips=0, **more):
        names = Path(self.dataset, self.model, prior, "0")
        for top in ("generated", "priors", "scores"):
            (self.root / top / names).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "priors" / names).mkdir(exist_ok=True)
        (self.root / "priors" / names / "nats.json").write_text('{"prior_nats": 31.5, "n": 7}')
        for i in range(clips):
            listen = self.root / "generated" / names / "listen"
            listen.mkdir(parents=True, exist_ok=True)
            tone = 0.5 * np.sin(2 * np.pi * (200 + 100 * i) * np.arange(4000) / 16000)
            soundfile.write(listen / f"{i:02}.flac", tone, 16000)
        rows = [("fad", "yamnet", fad), ("mrstft", "none", 1.25)]
        scores = [
            {"metric": m, "embedding": e, "value": v, "ci_low": None, "ci_high": None, "n": 5} for m, e, v in rows
        ]
        (self.root / "scores" / names).with_suffix(".json").write_text(json.dumps(scores))
        self.record("sample", self.root / "runs/sample" / names, prior, {}, seconds=4.0, clips=20)
        return self.record("score", self.root / "runs/score" / names, prior, parameters, **more)


def write_history(path, losses):
    rows = [f"{10 * i},{loss},{loss if i == 0 else ''}" for i, loss in enumerate(losses)]
    path.write_text("\n".join(["step,loss,valid_loss", *rows, ""]))


def send(folder):
    return mlflow_runs.send(find_store(), read_run(folder))


def client():
    return open_store(find_store())[0]


def runs():
    """Every run by name; there are no twins."""
    experiment = client().get_experiment_by_name(EXPERIMENT)
    found = client().search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found), "twins"
    return {run.info.run_name: run for run in found}


def curve(run, metric="training/loss"):
    """Every point that MLflow holds, by step; MLflow itself sorts by time, which is invented here."""
    return sorted((one.step, one.value) for one in client().get_metric_history(run.info.run_id, metric))
