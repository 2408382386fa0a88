"""What commands do with DrumGAN and CRASH: ask for attributes, vary, inpaint and export; and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from flowshot.api.load import load
from flowshot.core.params import read_params
from flowshot.core.randomness import derive_seed
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.models.generators.registry import read_generator

RATE, SAMPLES = 8000, 2000
SMALL = {
    "crash": {"channels": [4, 4, 4], "factors": [4, 5], "sampler_steps": 6, "sampler": "ancestral"},
    "drumgan": {"fft_size": 128, "hop": 64, "latent_size": 4, "widths": [4, 4]},
    "unasked": {"kind": "drumgan", "fft_size": 128, "hop": 64, "latent_size": 4, "widths": [4], "condition": "none"},
    "copies": {},
}


@pytest.fixture
def save(project, monkeypatch):
    """Saves a tiny untrained generator of the dataset `mine`, and returns it."""
    # Exports always draw in float32; untrained weights take bfloat16's rounding to other clips.
    monkeypatch.setattr("flowshot.models.generators.crash.model.is_fast_at_bfloat16", lambda device: False)

    def save(name):
        params = yaml.safe_load((project / "params.yaml").read_text())
        usual = params["generators"].get(name) or params["generators"]["drumgan"]
        params["generators"][name] = {**usual, **SMALL[name]}
        (project / "params.yaml").write_text(yaml.safe_dump(params))
        entry = read_generator(read_params(), name)
        entry.kind.check(name, entry.config, SAMPLES, RATE)
        torch.manual_seed(0)
        card = ModelCard(entry.kind_name, entry.config, "mine", RATE, SAMPLES, {})
        model = entry.kind.build(card, None)
        if hasattr(model, "known"):
            model.known.uniform_()
        folder = project / f"models/mine/{name}/3"
        folder.mkdir(parents=True)
        save_model(folder, entry.kind, card, model.state_dict())
        return model.eval()

    return save


def read(folder):
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(Path(folder).iterdir())])


def test_attributes_are_asked_for(save, found):
    model = save("drumgan")
    given = found(
        "sample", "mine/drumgan", "--n", 3, "--attribute", "brightness=0.8", "--attribute", "bass=0", "--out", "a"
    )
    assert given["attributes"] == {"brightness": 0.8, "bass": 0.0}
    draws = torch.Generator().manual_seed(derive_seed(0, "sample", "mine", "drumgan"))
    asked = model.draw_attributes(3, draws, given["attributes"])
    with torch.no_grad():
        np.testing.assert_allclose(read("a"), model.sample_asked(asked, draws).numpy(), atol=2e-7)


def test_wrong_attributes_are_one_line(save, fails, flowshot, save_vae):
    save("drumgan"), save("unasked"), save_vae()
    call = ("--attribute", "warmth=0.5", "--out", "a")
    line = fails("sample", "mine/drumgan", *call)
    assert "mine/drumgan/direct: knows no attribute 'warmth'; use one of: brightness, " in line
    for arm in ("mine/unasked", "mine/no_nf/own"):
        assert f"{arm}: cannot be conditioned on attributes" in fails("sample", arm, *call).replace("/direct", "")
    for text, said in (
        ("brightness=1.5", "must be between 0 and 1"),
        ("bass", "expected NAME=VALUE"),
        ("bass=nan", "between"),
    ):
        status, _, err = flowshot("sample", "mine/drumgan", "--attribute", text, "--out", "a")
        assert status == 2 and said in err.splitlines()[-1]


def test_variations_of_a_file_are_written(save, found, write_sounds):
    save("crash")
    sound = next(write_sounds(Path("sounds"), 1).iterdir())
    given = found("variations", "mine/crash", sound, "--level", 0.2, "--n", 3, "--out", "near")
    assert (given["clips"], given["level"], given["sample_rate"]) == (3, 0.2, RATE)
    clips = read("near")
    assert clips.shape == (3, SAMPLES) and len(np.unique(clips, axis=0)) == 3
    found("variations", "mine/crash", sound, "--level", 0.2, "--n", 3, "--out", "again")
    np.testing.assert_array_equal(read("again"), clips)


def test_a_part_of_a_file_is_inpainted(save, found, fails, write_sounds):
    save("crash")
    sound = next(write_sounds(Path("sounds"), 1, seconds=0.1).iterdir())
    assert (
        found("inpaint", "mine/crash", sound, "--from", 0.02, "--to", 0.05, "--n", 2, "--out", "mended")["to"] == 0.05
    )
    one, other = read("mended")
    np.testing.assert_array_equal(one[:160], other[:160])
    np.testing.assert_array_equal(one[400:], other[400:])
    assert not np.allclose(one[160:400], other[160:400], atol=0.01)
    line = fails("inpaint", "mine/crash", sound, "--from", 0.05, "--to", 0.2, "--out", "x")
    assert "has 0.1 s of sound, but --to is 0.2" in line


def test_wrong_uses_and_models_of_another_kind_are_one_line(save, fails, flowshot, write_sounds):
    save("crash"), save("copies")
    sound = next(write_sounds(Path("sounds"), 1).iterdir())
    assert "its model is of kind `copies`, which cannot make variations" in fails(
        "variations", "mine/copies", sound, "--out", "x"
    )
    assert "missing.wav: is not a file" in fails("variations", "mine/crash", "missing.wav", "--out", "x")
    for call in (
        ("variations", "mine/crash", sound, "--level", 0),
        ("inpaint", "mine/crash", sound, "--from", 1, "--to", 1),
    ):
        status, _, err = flowshot(*call, "--out", "x")
        assert status == 2 and "argument --" in err.splitlines()[-1]
    assert not Path("x").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["crash", "drumgan", "unasked"])
def test_an_exported_generator_draws_the_clips_of_the_model(save, found, flowshot, name):
    save(name)
    given = found("export", f"mine/{name}", "--out", "arm.pt")
    assert given["largest_difference"] < 1e-5 and "sample(n, seed)" in given["methods"]
    loaded = torch.jit.load("arm.pt")
    assert flowshot("sample", f"mine/{name}", "--n", 3, "--out", "drawn")[0] == 0
    np.testing.assert_allclose(loaded.sample(3, given["seed_of_sample_0"]).numpy(), read("drawn"), atol=1e-5)
    assert (loaded.sample_rate, loaded.clip_samples, loaded.arm) == (RATE, SAMPLES, f"mine/{name}/direct")


def test_what_cannot_be_exported_is_refused_before_anything_is_written(save, fails):
    save("copies")
    assert "cannot be exported" in fails("export", "mine/copies", "--out", "arm.pt")
    save("drumgan")
    line = fails("export", "mine/drumgan", "--format", "onnx", "--out", "graphs")
    assert "kind drumgan cannot be exported as ONNX; use `flowshot sample`" in line and not Path("graphs").exists()


@pytest.fixture
def described(generated):
    """The prepared dataset with what a card says of it."""
    card = Path("data/prepared/mine/dataset.json")
    facts = {
        "origin": "a test",
        "licence": "CC0",
        "packages": [],
        "counts": {"clips": {"train": 4, "valid": 4, "test": 9}},
    }
    card.write_text(json.dumps(json.loads(card.read_text()) | facts))


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["crash", "drumgan"])
def test_a_generator_from_python_draws_the_clips_of_the_command_however_it_was_stored(save, found, described, name):
    save(name)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["sample"]["batch_size"] = 2  # a CRASH draws noise at every step of a batch
    Path("params.yaml").write_text(yaml.safe_dump(params))
    found("sample", f"mine/{name}", "--n", 5, "--seed", 1, "--out", "drawn")
    found("card", f"mine/{name}", "--out", "published")
    found("export", f"mine/{name}", "--out", "arm.pt")
    for source in (f"mine/{name}", f"models/mine/{name}/3", "published", "arm.pt"):
        arm = load(source)
        assert arm.name == f"mine/{name}/direct" and getattr(arm, "seed", 3) == 3
        np.testing.assert_allclose(arm.sample(5, seed=1).numpy(), read("drawn"), atol=1e-4)


def test_a_published_arm_reads_sounds_as_the_project_of_the_current_folder_says(save, found, described):
    save("crash")
    found("card", "mine/crash", "--out", "a/b/c/published")
    assert load("a/b/c/published").project == Path()


def test_a_forgotten_prior_or_one_too_many_is_one_line(save, fails, save_vae):
    save("crash"), save_vae()
    line = fails("sample", "mine/no_nf", "--out", "x")
    assert "mine/no_nf: is an autoencoder; add a prior, as in mine/no_nf/own" in line
    line = fails("sample", "mine/crash/own", "--out", "x")
    assert "mine/crash/own: names a generator, which has no prior; use mine/crash" in line
