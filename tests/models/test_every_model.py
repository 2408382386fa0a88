"""What every kind of model of both registries must do; a new kind is held to the same without a test of its own."""

import contextlib
import dataclasses
import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from defaults import COMMITTED
from exported_files import write_export
from flowshot.core.errors import FlowshotError, Interrupted
from flowshot.core.params import Params, merge
from flowshot.models.autoencoders import registry as autoencoders
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.models.base.model import ClipModel
from flowshot.models.generators import registry as generators
from flowshot.optimisation.checkpoint import Checkpoint
from prepared_folders import write_prepared
from seeded import generator
from training_jobs import job_on

SAMPLES, RATE = 256, 16000
READ = {
    **dict.fromkeys(autoencoders.KINDS, (autoencoders.read_autoencoder, autoencoders.load_autoencoder)),
    **dict.fromkeys(generators.KINDS, (generators.read_generator, generators.load_generator)),
}
# Values at which a model of a kind takes a second, where params.yaml has larger ones, and what it needs of files.
SMALL = {
    "vae": {
        "bands": 4, "latent_size": 4, "channels": [8, 8], "strides": [4, 4], "posterior_flow": "iaf",
        "prior_flow": "nsf", "flow_layers": 1, "flow_width": 8,
    },
    "rave": {"latent_size": 4, "capacity": 2},
    "crash": {"channels": [4, 4, 4], "factors": [2, 2], "sampler_steps": 3},
    "drumgan": {"fft_size": 64, "hop": 16, "latent_size": 4, "widths": [4, 4]},
    "exported_rave": {"path": "export.ts", "trust": True, "delay": 0},
}  # fmt: skip
TRAIN = {"loss": {"fft_sizes": [128, 32]}, "precision": "float32", "log_every": 1, "validate_every": 2}


def waves(count, seed=0):
    pitch = np.random.default_rng(seed).uniform(0.001, 0.02, (count, 1))
    return (0.8 * np.sin(2 * np.pi * pitch * np.arange(SAMPLES) + 1)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with a prepared dataset `waves`, and an exported RAVE."""
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "export.ts")
    write_prepared(
        tmp_path / "data/prepared/waves", {"train": waves(8), "valid": waves(4, 1), "test": waves(3, 2)}, RATE
    )
    return tmp_path


def entry_of(kind):
    """An entry of this kind, read from parameters as the committed ones."""
    section = "autoencoders" if kind in autoencoders.KINDS else "generators"
    committed = [entry for entry in COMMITTED.values[section].values() if entry.get("kind", "vae") == kind]
    entry = merge(committed[0] if committed else {}, {"kind": kind, **SMALL.get(kind, {})})
    params = Params(COMMITTED.path, {**COMMITTED.values, section: {"tiny": entry}})
    return READ[kind][0](params, "tiny")


def built(kind, seed=0):
    entry = entry_of(kind)
    try:
        entry.kind.check("tiny", entry.config, SAMPLES, RATE)
    except FlowshotError as error:
        if "make setup EXTRAS" not in str(error):
            raise
        pytest.skip(str(error))
    torch.manual_seed(seed)
    card = ModelCard(kind, entry.config, "waves", RATE, SAMPLES, {})
    return entry, card, entry.kind.build(card, None)


def trained(kind, checkpoint=None, steps=4):
    entry, card, model = built(kind)
    settings = {} if checkpoint is None else {"checkpoint": checkpoint}
    job = job_on(waves(8), waves(4, 1), steps=steps, train_section=TRAIN, **settings)
    found = importlib.import_module(f"{entry.package}.training").train(model, job)
    model.load_state_dict(found.best)
    return entry, card, model.eval(), found


every_kind = pytest.mark.parametrize("kind", READ)


@every_kind
def test_a_trained_model_comes_back_and_draws_equal_clips(kind, folder):
    entry, card, model, found = trained(kind)
    (folder / "model").mkdir()
    save_model(folder / "model", entry.kind, card, found.best)
    loaded, read = READ[kind][1](folder / "model")
    assert isinstance(loaded, ClipModel) and not loaded.training
    assert dataclasses.replace(read, files={}) == card
    assert set(read.files) == set(entry.kind.files(card.config))
    assert json.loads((folder / "model/config.json").read_text())["kind"] == kind
    with torch.no_grad():
        expected, clips = (each.sample(5, generator(3)) for each in (model, loaded))
        assert torch.equal(expected, clips)
        assert not torch.equal(loaded.sample(5, generator(4)), clips)
    assert clips.shape == (5, SAMPLES) and clips.dtype == torch.float32 and clips.abs().max() <= 1
    assert (loaded.clip_samples, loaded.sample_rate) == (SAMPLES, RATE)


@every_kind
def test_a_damaged_model_is_one_line(kind, folder):
    entry, card, _, found = trained(kind, steps=1)
    (folder / "model").mkdir()
    save_model(folder / "model", entry.kind, card, found.best)
    weights = folder / "model/weights.safetensors"
    for content in (weights.read_bytes()[:-1], b""):
        weights.write_bytes(content)
        with pytest.raises(FlowshotError, match="dvc repro") as caught:
            READ[kind][1](Path("model"))
        assert "\n" not in str(caught.value)


@every_kind
def test_equal_seeds_give_equal_trainings_and_an_interrupted_one_resumes(kind, folder):
    expected, asked = trained(kind)[-1], itertools.count(1)
    with contextlib.suppress(Interrupted):
        trained(kind, Checkpoint(folder / "state", lambda: next(asked) == 2))
    again = trained(kind, Checkpoint(folder / "state"))[-1]
    assert expected.best_step == again.best_step and expected.history == again.history
    assert expected.best.keys() == again.best.keys()
    assert all(torch.equal(value, again.best[name]) for name, value in expected.best.items())


@pytest.mark.parametrize("kind", autoencoders.KINDS)
@torch.no_grad()
def test_an_autoencoder_encodes_and_decodes(kind, folder):
    _, _, model = built(kind)
    assert isinstance(model.eval(), Autoencoder)
    clips, size = torch.from_numpy(waves(3)), model.latent_size
    dimensions, frames = model.latent_shape
    assert dimensions * frames == size
    latents = model.encode(clips, generator(), draws=2)
    assert latents.shape == (3, 2, size) and torch.equal(latents, model.encode(clips, generator(), draws=2))
    assert model.encode_mean(clips).shape == (3, size)
    decoded = model.decode(latents[:, 0], generator())
    assert decoded.shape == clips.shape and decoded.abs().max() <= 1
    found = model(clips, generator())
    assert found.clips.shape == clips.shape and found.kl.shape == (3,) and torch.isfinite(found.kl).all()
    drawn = model.prior.sample(4, generator())
    assert drawn.shape == (4, size) and torch.isfinite(model.prior.log_prob(drawn)).all()
