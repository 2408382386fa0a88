"""Arms from Python: by name, by folder and by exported file."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

import flowshot
from flowshot.core.errors import FlowshotError
from flowshot.export.torchscript import export
from flowshot.models.autoencoders.vae.model import KIND
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.priors.own import OwnPrior
from tiny_vae import tiny_config

ROOT = Path(__file__).parents[2]
RATE, SAMPLES, SIZE = 8000, 2000, 4
ARM = "mine/no_nf/own"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one untrained VAE; the current folder is another."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["plan"] |= {"datasets": ["mine"], "autoencoders": ["no_nf"], "generators": [], "seeds": [3]}
    params["datasets"] = {
        "mine": {**params["clips"], "sample_rate": RATE, "clip_seconds": 0.25, "source": "folder", "path": "sounds"}
    }
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    torch.manual_seed(0)
    model = VAE(tiny_config(latent_size=SIZE), SAMPLES, RATE).eval()
    place = folder / "models/mine/no_nf/3"
    place.mkdir(parents=True)
    save_model(place, KIND, ModelCard("vae", model.config, "mine", RATE, SAMPLES, {}), model.state_dict())
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def labelled(project):
    """60 training clips, every third a kick, whose latents lie apart."""
    labels = ["kick" if row % 3 == 0 else "snare" if row > 3 else "rare" for row in range(60)]
    prepared, latents = project / "data/prepared/mine", project / "latents/mine/no_nf/3"
    prepared.mkdir(parents=True)
    latents.mkdir(parents=True)
    with (prepared / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["clip", "split", "group", "label"])
        writer.writeheader()
        for split, names in {"train": labels, "valid": ["kick"] * 2, "test": ["kick"] * 2}.items():
            np.save(prepared / f"{split}.npy", np.zeros((len(names), SAMPLES), np.float32))
            rows = [{"clip": f"{split}{i}", "split": split, "group": i, "label": each} for i, each in enumerate(names)]
            writer.writerows(rows)
    card = {"name": "mine", "source": "folder", "sample_rate": RATE, "clip_samples": SAMPLES}
    (prepared / "dataset.json").write_text(json.dumps(card))
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[[3.0]] if each == "kick" else [[-3.0]] for each in labels])
    np.save(latents / "train.npy", (centres + 0.3 * torch.randn(60, 4, SIZE, generator=generator)).numpy())
    return project


def test_importing_the_package_loads_no_torch():
    code = "import sys, flowshot; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stdout + result.stderr


def test_an_arm_samples_encodes_and_decodes(project):
    arm = flowshot.load(ARM, project=project)
    assert (arm.name, arm.seed, arm.sample_rate, arm.clip_samples, arm.latent_size) == (ARM, 3, RATE, SAMPLES, SIZE)
    clips = arm.sample(5, seed=1)
    assert clips.shape == (5, SAMPLES) and clips.dtype == torch.float32
    assert torch.equal(arm.sample(5, seed=1), clips) and not torch.equal(arm.sample(5, seed=2), clips)
    latents = arm.encode(clips)
    assert latents.shape == (5, SIZE) and torch.equal(arm.encode(clips.numpy()), latents)
    assert arm.encode(clips, seed=4).shape == (5, SIZE) and not torch.equal(arm.encode(clips, seed=4), latents)
    again = arm.decode(latents)
    assert again.shape == clips.shape and not again.requires_grad
    shown = arm.show(clips)._repr_html_()
    assert shown.count("<audio controls") == 5 and "data:audio/flac;base64," in shown


def test_a_folder_and_an_exported_file_give_the_same(project, tmp_path):
    arm = flowshot.load(ARM, project=project)
    folder = flowshot.load(project / "models/mine/no_nf/3")
    assert (folder.name, folder.seed) == (ARM, 3)
    clips = arm.sample(4, seed=2)
    assert torch.equal(folder.sample(4, seed=2), clips)
    model, _ = arm.encoding()
    export(ARM, model, OwnPrior(model.prior), RATE, 64).save(str(tmp_path / "arm.pt"))
    exported = flowshot.load(tmp_path / "arm.pt")
    facts = (exported.name, exported.sample_rate, exported.clip_samples, exported.latent_size)
    assert facts == (ARM, RATE, SAMPLES, SIZE)
    torch.testing.assert_close(exported.sample(4, seed=2), clips, atol=1e-4, rtol=0)
    torch.testing.assert_close(exported.encode(clips), arm.encode(clips), atol=1e-4, rtol=0)
    torch.testing.assert_close(exported.encode(clips, seed=1), arm.encode(clips, seed=1), atol=1e-4, rtol=0)
    torch.testing.assert_close(exported.decode(arm.encode(clips)), arm.decode(arm.encode(clips)), atol=1e-4, rtol=0)
    assert "<audio" in exported.show(clips[0])._repr_html_()


def test_what_is_no_arm_is_one_line(project, tmp_path):
    with pytest.raises(FlowshotError, match="no trained model for the plan's seeds"):
        flowshot.load("mine/other/own", project=project)
    with pytest.raises(FlowshotError, match="'a' is not an arm"):
        flowshot.load("a", project=project)
    (tmp_path / "odd.pt").write_text("odd")
    with pytest.raises(FlowshotError, match="was not written by `flowshot export`"):
        flowshot.load(tmp_path / "odd.pt")
    with pytest.raises(FlowshotError, match="temperature must be 0 or more"):
        flowshot.load(ARM, project=project).sample(1, temperature=-1)


def test_variations_lie_nearer_to_a_sound_than_draws_of_the_prior(project, tmp_path):
    arm = flowshot.load(ARM, project=project)
    time = np.arange(SAMPLES) / RATE
    soundfile.write(tmp_path / "kick.wav", 0.8 * np.sin(2 * np.pi * 90 * time) * np.exp(-time * 20), RATE)
    sound = torch.from_numpy(arm.read_sound(tmp_path / "kick.wav"))
    target = arm.encode(sound[None])
    generator = torch.Generator().manual_seed(0)
    near = arm.sampler(0.2, near=tmp_path / "kick.wav").sample(50, generator) - target
    away = arm.sampler().sample(50, generator) - target
    assert float(near.norm(dim=1).mean()) < 0.5 * float(away.norm(dim=1).mean())
    assert torch.equal(arm.sample(3, near=sound, seed=4), arm.sample(3, near=tmp_path / "kick.wav", seed=4))


def test_a_label_is_drawn_from_the_latents_of_its_clips(labelled):
    arm = flowshot.load(ARM, project=labelled)
    kicks = arm.sampler(label="kick").sample(100, torch.Generator().manual_seed(0))
    assert float((kicks > 0).float().mean()) > 0.99
    snares = arm.sampler(label="snare").sample(100, torch.Generator().manual_seed(0))
    assert float((snares < 0).float().mean()) > 0.99
    clips = arm.sample(2, label="kick")
    assert clips.shape == (2, SAMPLES) and torch.equal(arm.sample(2, label="kick"), clips)


def test_a_label_of_too_few_clips_is_refused_and_others_are_named(labelled):
    arm = flowshot.load(ARM, project=labelled)
    for label, count in (("rare", 2), ("gong", 0)):
        with pytest.raises(FlowshotError, match=f"has {count} training clips .* needs 20; .* kick, snare"):
            arm.sample(1, label=label)
