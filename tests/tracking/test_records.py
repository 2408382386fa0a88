"""Records: what they say, where they may be, and which files belong to them."""

import json

import pytest
from tracked_project import ARM, Project

from flowshot.core.errors import FlowshotError
from flowshot.core.provenance import parameters_digest
from flowshot.core.records import alone, project_of, read_record, record_files, record_key


def test_a_record_says_what_was_done_and_from_what(repository, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "bold-idea")
    monkeypatch.setenv("DVC_STAGE", "score@synth-no_nf-own-0")
    folder = Project(repository).score()
    (folder / "mlflow.json").write_text("{}")
    Project(repository).score(extra=[1])
    record = json.loads((folder / "run.json").read_text())
    assert record == read_record(folder)
    names = ("stage", "plan", "dataset", "model", "prior", "seed", "seconds", "experiment", "dvc_stage", "extra")
    said = ["score", "quick", "synth", "no_nf", "own", 0, 10.0, "bold-idea", "score@synth-no_nf-own-0", [1]]
    assert [record[name] for name in names] == said
    assert record["parameters"] == ARM and record["parameters_digest"] == parameters_digest(ARM)
    assert {"revision", "machine", "written"} <= record.keys()
    assert not (folder / "mlflow.json").exists(), "the run of an earlier record"


def test_the_key_depends_on_names_parameters_and_experiment_and_on_nothing_else(repository):
    project = Project(repository)
    first = read_record(project.score())
    assert record_key(first) == record_key(first | {"seconds": 1, "machine": "other", "written": "later"})
    reordered = dict(reversed(first["parameters"].items()))
    assert record_key(first) == record_key(first | {"parameters": reordered})
    for other in ({"seed": 1}, {"prior": None}, {"plan": "x"}, {"experiment": "x"}, {"parameters": {}}):
        assert record_key(first) != record_key(first | other)


def test_a_record_has_a_place_below_runs(tmp_path):
    folder = tmp_path / "runs/train/synth/runs/0"  # a model may be called as it likes
    assert project_of(folder, "train") == tmp_path
    with pytest.raises(FlowshotError, match="must be in a folder below runs/score/"):
        project_of(folder, "score")


def test_files_of_an_arm_are_its_own_and_its_training_s(repository):
    project = Project(repository)
    project.train(), project.score(clips=9)
    Project(repository, model="other").train(), project.score(prior="nf")
    files = {str(path.relative_to(repository)) for path in record_files(repository, read_record(project.score()))}
    clips = {f"generated/synth/no_nf/own/0/listen/{i:02}.flac" for i in range(8)}
    model = {f"models/synth/no_nf/0/{name}" for name in ("config.json", "diagnostics.json", "history.csv")}
    records = {f"runs/{stage}/synth/no_nf/own/0/run.json" for stage in ("sample", "score")}
    training = {f"runs/train/synth/no_nf/0/{name}" for name in ("run.json", "times.csv")}
    assert files == clips | model | records | training | {
        "priors/synth/no_nf/own/0/nats.json",
        "scores/synth/no_nf/own/0.json",
    }


def test_locks_of_several_keys_may_be_nested(repository):
    with alone("ab" * 32), alone("cd" * 32), alone():
        assert [path.name for path in repository.iterdir()].count("mlflow.db.lock") == 1
