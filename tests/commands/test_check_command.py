import importlib.util
from pathlib import Path

import pytest
import yaml

from flowshot.datasets.fetch import fetch
from flowshot.params import read_params

RAW = Path("data/raw/mine")


@pytest.fixture
def fetched(project, write_sounds):
    write_sounds(project / "sounds")
    fetch("mine", read_params().dataset("mine"), RAW)
    return project


def test_a_folder_as_it_was_indexed_is_left_alone(fetched, found):
    assert found("check") == {"plan": "tiny", "arms": 4, "fetch_again": []}
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
    assert "unknown key" in fails("check")


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
