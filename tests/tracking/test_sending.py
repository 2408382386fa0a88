"""What a real MLflow store holds once records were sent."""

import multiprocessing
import shutil

import pytest
from tracked_project import ARM, Project, client, curve, runs, send

from flowshot.core.errors import FlowshotError
from flowshot.core.provenance import parameters_digest


def everything():
    """All that MLflow holds, but for what it decides itself."""
    held = {}
    for name, run in runs().items():
        metrics = {
            metric: [
                (one.step, one.value, one.timestamp) for one in client().get_metric_history(run.info.run_id, metric)
            ]
            for metric in run.data.metrics
        }
        files = [f.path for place in (None, "audio", "model") for f in client().list_artifacts(run.info.run_id, place)]
        texts = (run.data.params, run.data.tags, [used.dataset.digest for used in run.inputs.dataset_inputs])
        held[name] = (run.info.run_id, run.info.status, run.info.end_time, metrics, files, texts)
    return held


def test_an_arm_is_logged_with_everything_a_reader_compares(project):
    training = project.train()
    folder = project.score(clips=9, dvc_stage="score@synth-no_nf-own-0")
    prepared = project.root / "data/prepared/synth"
    prepared.mkdir(parents=True)
    (prepared / "dataset.json").write_text('{"name": "synth", "licence": "CC0"}')
    (prepared / "manifest.csv").write_text("clip,split\n0,train\n")
    training_id, run_id = send(training), send(folder)
    assert set(runs()) == {"synth/no_nf/seed0", "synth/no_nf/own/seed0"}
    run = runs()["synth/no_nf/own/seed0"]
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert run.data.params == {
        "autoencoder.channels": "[8, 16]",
        "autoencoder.prior_flow": "nsf",
        "train.beta": "1.0",
        "train.path": "null",
        "fit_prior.kind": "nsf",
        "score.folds": "2",
    }
    numbers = {
        "fad_yamnet": 20.5, "mrstft": 1.25, "kl": 12.5, "parameters": 900, "prior_nats": 31.5,
        "train_seconds": 10, "clips_per_second": 5, "training/loss": 2.0, "training/valid_loss": 3.0,
    }  # fmt: skip
    assert run.data.metrics == numbers
    assert curve(run) == [(0, 3.0), (10, 2.0)]
    first, last = client().get_metric_history(run_id, "training/loss")
    assert last.timestamp - first.timestamp == 8000
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == training_id
    names = ("plan", "dataset", "model", "prior", "seed")
    assert [tags[name] for name in names] == ["quick", "synth", "no_nf", "own", "0"]
    assert tags["parameters_digest"] == parameters_digest(ARM)
    assert "`dvc repro --force --single-item score@synth-no_nf-own-0`" in tags["mlflow.note.content"]
    audio = [file.path for file in client().list_artifacts(run_id, "audio")]
    assert audio == [f"audio/{i:02}.flac" for i in range(8)]
    files = {file.path for place in ("model", "prior", "scores") for file in client().list_artifacts(run_id, place)}
    model = {"model/config.json", "model/diagnostics.json", "model/history.csv"}
    assert files == {*model, "prior/nats.json", "scores/0.json"}
    (picture,) = (project.root / "mlartifacts").glob("*/artifacts/spectrograms.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, [tag.value for tag in used.tags]) == ("synth", ["evaluation"])
    assert not list((project.root).glob("mlruns"))

    before = everything()
    assert (send(training), send(folder)) == (training_id, run_id)
    assert everything() == before


def test_the_training_of_an_arm_is_made_from_its_record_where_it_is_missing(project):
    project.train(plan="thesis")  # made for another plan, whose weights this one shares
    send(project.score())
    found = runs()
    training = found["synth/no_nf/seed0"]
    assert found["synth/no_nf/own/seed0"].data.tags["mlflow.parentRunId"] == training.info.run_id
    assert (training.data.tags["plan"], training.info.status) == ("quick", "FINISHED")
    assert curve(training) == [(0, 3.0), (10, 2.0)]
    assert training.data.params["train.beta"] == "1.0" and "score.folds" not in training.data.params


def test_a_rerun_with_other_numbers_takes_the_place_of_the_run(project):
    training, arm = project.train(), project.score()
    send(training), send(arm)
    project.train(losses=(5.0,)), project.score(fad=10.0)
    training_id = send(training)
    assert runs()["synth/no_nf/own/seed0"].data.tags["mlflow.parentRunId"] == training_id
    send(arm)
    found = runs()
    assert len(found) == 2
    assert curve(found["synth/no_nf/seed0"]) == curve(found["synth/no_nf/own/seed0"]) == [(0, 5.0)]
    assert found["synth/no_nf/own/seed0"].data.metrics["fad_yamnet"] == 10.0


def test_other_parameters_and_experiments_are_other_runs_of_one_training(project, monkeypatch):
    project.train()
    first = send(project.score())
    second = send(project.score(parameters=ARM | {"fit_prior": {"kind": "maf"}}))
    monkeypatch.setenv("DVC_EXP_NAME", "bold-idea")
    third = send(project.score())
    assert len({first, second, third}) == 3
    kinds = [client().get_run(one).data.params["fit_prior.kind"] for one in (first, second, third)]
    assert kinds == ["nsf", "maf", "nsf"]
    parents = [client().get_run(one).data.tags["mlflow.parentRunId"] for one in (first, second, third)]
    assert parents[0] == parents[1] != parents[2]
    assert client().get_run(third).data.tags["dvc_experiment"] == "bold-idea"


def test_what_the_files_lack_is_left_out_and_what_is_infinite_too(project):
    folder = project.score()
    run = client().get_run(send(folder))
    assert "train_seconds" not in run.data.metrics and "mlflow.parentRunId" not in run.data.tags
    training = project.train(losses=(float("nan"), float("inf"), 2.0))
    assert curve(client().get_run(send(training))) == [(20, 2.0)]


def test_a_damaged_record_is_one_line(project):
    folder = project.train()
    (folder / "run.json").write_text('{"stage": "train"}')
    with pytest.raises(FlowshotError, match=r"run\.json: incomplete record without plan, .*run its stage again"):
        send(folder)


def test_eight_processes_at_once_make_one_store_and_one_run_each(repository):
    project = Project(repository)
    project.train()
    folders = [project.score(prior=f"prior{i}") for i in range(8)]
    # MLflow is imported once, by a process without threads: a fork of this one may inherit a lock that is held.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "flowshot.tracking.mlflow_runs"])
    started = [context.Process(target=send, args=(folder,)) for folder in folders]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 8
    assert not list(repository.glob(".mlflow*"))
    found = runs()
    assert set(found) == {"synth/no_nf/seed0", *(f"synth/no_nf/prior{i}/seed0" for i in range(8))}
    parent = found.pop("synth/no_nf/seed0")
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert all(curve(run) == [(0, 3.0), (10, 2.0)] for run in (parent, *found.values()))


def test_a_copied_repository_writes_into_its_own_store_alone(project, tmp_path, monkeypatch):
    send(project.train())
    copy = tmp_path / "copy"
    shutil.copytree(project.root, copy, ignore=shutil.ignore_patterns("copy"))
    original = sorted((project.root / "mlartifacts").rglob("*"))
    monkeypatch.chdir(copy)
    run = client().get_run(send(copy / "runs/train/synth/no_nf/0"))
    assert sorted((project.root / "mlartifacts").rglob("*")) == original
    assert run.info.artifact_uri == f"{(copy / 'mlartifacts').as_uri()}/{run.info.run_id}/artifacts"
    assert set(runs()) == {"synth/no_nf/seed0"}
    old = client().get_experiment_by_name(f"flowshot of {(project.root / 'mlartifacts').as_uri()}")
    assert len(client().search_runs([old.experiment_id])) == 1


def test_the_store_lies_in_the_real_repository_also_for_queued_experiments(project, monkeypatch):
    below = project.root / ".dvc/tmp/exps/abc"
    below.mkdir(parents=True)
    (below / "params.yaml").touch()
    monkeypatch.chdir(below)
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    send(Project(below).train())
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("DVC_ROOT")
    assert set(runs()) == {"synth/no_nf/seed0"}
    assert not (below / "mlflow.db").exists()
