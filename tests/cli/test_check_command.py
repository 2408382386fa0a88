import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from exported_files import write_export
from flowshot.core.files import sha256_of_file
from flowshot.core.params import read_params
from flowshot.preparation.config import dataset_config
from flowshot.priors.after import NEEDS_FRAMES
from flowshot.sources.fetch import fetch

RAW = Path("data/raw/mine")


@pytest.fixture
def fetched(project, write_sounds):
    write_sounds(project / "sounds", 24)
    fetch("mine", dataset_config(read_params(), "mine"), RAW)
    return project


def test_a_folder_as_it_was_indexed_is_left_alone(fetched, found):
    assert found("check") == {"plan": "tiny", "arms": 4, "fetch_again": [], "take_again": [], "other_start": []}
    assert (RAW / "index.json").is_file()


@pytest.mark.parametrize(
    "change",
    [
        lambda sounds: (sounds / "new.wav").touch(),
        lambda sounds: (sounds / "a tone 0.wav").unlink(),
        lambda sounds: (sounds / "a tone 0.wav").write_bytes(b"other"),
        lambda sounds: (sounds / "a tone 0.wav").rename(sounds / "renamed.wav"),
    ],
    ids=["added", "removed", "rewritten", "renamed"],
)
def test_a_folder_that_changed_is_fetched_again(fetched, flowshot, change):
    change(fetched / "sounds")
    status, out, _ = flowshot("check")
    assert status == 0 and out.splitlines()[0] == "mine: sounds changed; `dvc repro` will fetch it again"
    assert not RAW.exists()
    assert flowshot("check")[1] == "params.yaml: plan tiny, 4 arms\n"


def test_a_folder_that_is_gone_or_empty_fails_and_leaves_its_index(fetched, fails):
    (fetched / "sounds").rename(fetched / "elsewhere")
    assert "sounds: does not exist" in fails("check")
    (fetched / "sounds").mkdir()
    assert "sounds: holds no files" in fails("check")
    assert (RAW / "index.json").is_file()


def test_raw_audio_of_another_source_is_never_removed(fetched, found):
    """The stage is stale by its parameters then, and replaces the audio only once it has something better."""
    (RAW / "index.json").rename(RAW / "audio")
    assert found("check")["fetch_again"] == []
    assert (RAW / "audio").exists()


def test_a_mistake_in_the_parameters_is_named(project, fails):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("beta:", "bet:"))
    assert "unknown key 'bet'; did you mean 'beta'?" in fails("check")


def test_a_package_that_an_autoencoder_of_the_plan_needs_is_asked_for_before_anything_runs(fetched, fails, monkeypatch):
    path = fetched / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["plan"]["autoencoders"] = ["no_nf", "rave"]
    path.write_text(yaml.safe_dump(params))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "autoencoders.rave: needs the package acids-rave" in fails("check")
    params["datasets"]["mine"]["clip_seconds"] = 10.0
    path.write_text(yaml.safe_dump(params))
    assert "clips have 80000 samples" in fails("check")


@pytest.fixture
def exported(fetched):
    """Names `mine.ts`, which is for the rate of the clips, as the plan's autoencoder; other settings may be given."""

    def name(**settings):
        path = fetched / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params["autoencoders"]["my_rave"] = {
            "kind": "exported_rave",
            "path": "mine.ts",
            "trust": False,
            "delay": 0,
            **settings,
        }
        params["plan"]["autoencoders"] = ["my_rave"]
        path.write_text(yaml.safe_dump(params))

    write_export(fetched / "mine.ts", rate=8000)
    return name


def test_an_exported_rave_is_checked_without_being_run_and_without_its_package(exported, fails, found, monkeypatch):
    monkeypatch.setattr("torch.jit.load", lambda *arguments, **named: pytest.fail("it was run"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exported()
    assert "mine.ts: not loaded" in fails("check")
    exported(trust=True)
    assert found("check")["take_again"] == []
    Path("mine.ts").unlink()
    assert "mine.ts: not found" in fails("check")


def test_a_prior_that_needs_frames_is_refused_for_every_autoencoder_without(exported, fails, found):
    exported(trust=True)
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text())
    params["plan"]["priors"] = ["own", "after"]
    path.write_text(yaml.safe_dump(params))
    assert found("check")["arms"] == 4
    params["plan"]["autoencoders"] = ["my_rave", "no_nf"]
    path.write_text(yaml.safe_dump(params))
    line = fails("check")
    assert line == f"error: params.yaml: plan tiny: no_nf: {NEEDS_FRAMES}"
    params["plans"] = {"later": {**params["plan"], "name": "later"}}
    params["plan"]["autoencoders"] = ["my_rave"]
    path.write_text(yaml.safe_dump(params))
    assert "plan later: no_nf: the prior `after` needs" in fails("check")


def test_a_model_of_an_exported_file_that_changed_is_made_again(exported, flowshot, found):
    exported(trust=True)
    models = [Path(f"models/mine/my_rave/{seed}") for seed in (3, 4)]
    for folder, digest in zip(models, (sha256_of_file(Path("mine.ts")), "0" * 64), strict=True):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"files": {"exported.ts": digest}}))
    status, out, _ = flowshot("check")
    assert status == 0 and out.splitlines()[0].startswith("models/mine/my_rave/4: the exported file changed")
    assert models[0].exists() and not models[1].exists()
    assert found("check")["take_again"] == []


def test_a_model_whose_start_model_changed_since_is_told(fetched, save_vae, found):
    save_vae(3)
    path = fetched / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["autoencoders"]["fine"] = {"train": {"start_from": "mine/no_nf/3"}}
    params["plan"] |= {"autoencoders": ["fine"], "seeds": [3]}
    path.write_text(yaml.safe_dump(params))
    record, weights = fetched / "runs/train/mine/fine/3/run.json", fetched / "models/mine/no_nf/3/weights.safetensors"
    assert found("check")["other_start"] == []
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"parameters": {"start": sha256_of_file(weights)}}))
    assert found("check")["other_start"] == []
    weights.write_bytes(b"of another training")
    (line,) = found("check")["other_start"]
    assert line.startswith(
        "mine/fine/3: its start model mine/no_nf/3 has changed since it was trained; run `dvc repro --force"
    )
    assert "--single-item train@mine-fine-3`" in line
    weights.unlink()
    assert found("check")["other_start"] == [], "it is trained, and there is nothing to do"
    record.unlink()
    (line,) = found("check")["other_start"]
    assert line.startswith("mine/fine/3: its start model mine/no_nf/3 must be trained first")
