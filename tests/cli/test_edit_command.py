"""What `flowshot edit` and `flowshot sample --attribute` do with an arm of the prior platune, and what they refuse."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

import flowshot
from flowshot.clips.attributes import attributes
from flowshot.core.params import read_params
from flowshot.core.randomness import torch_generator
from flowshot.priors.registry import make_prior, prior_config, save_prior
from prepared_folders import write_prepared
from prior_fits import fit

ARM = "mine/no_nf/platune"
SCRIPT = Path(__file__).parents[2] / "scripts/edits.py"
NAMES = ["brightness", "bass"]


@pytest.fixture
def prior(project, save_vae):
    """A small fitted prior of a tiny autoencoder, as it was stored, and the autoencoder."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["fit_prior"]["platune"] |= {"attributes": NAMES, "layers": 1, "width": 8, "steps": 3, "solver_steps": 4}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    model = save_vae()
    prior = make_prior("platune", prior_config(read_params(), "platune"), model)
    latents = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    fit(prior, latents, latents, torch.Generator().manual_seed(1))
    folder = Path(f"priors/{ARM}/3")
    folder.mkdir(parents=True)
    save_prior(folder, prior, prior_config(read_params(), "platune"))
    return flowshot.load(ARM).prior, model.eval()


@pytest.fixture
def sound(write_sounds):
    return next(write_sounds(Path("sounds"), 1).iterdir())


def read(folder):
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(Path(folder).iterdir())])


@torch.no_grad()
def test_an_edit_writes_the_decoded_latent_and_says_what_moved(prior, found, sound):
    fitted, model = prior
    clip = torch.from_numpy(flowshot.load(ARM).read_sound(sound))[None]
    expected, read_off = fitted.edit(model.encode_mean(clip), {"bass": 0.2})
    given = found("edit", sound, "--arm", ARM, "--attribute", "bass=+0.2", "--out", "edited")
    clips = read("edited")
    assert clips.shape == (1, 2000) and given["moves"] == {"bass": 0.2}
    np.testing.assert_allclose(clips, model.decode(expected), atol=1e-4)
    assert given["read"] == pytest.approx(dict(zip(NAMES, read_off[0].tolist(), strict=True)), abs=1e-4)
    measured = attributes(torch.from_numpy(clips), 8000)[0].tolist()
    assert list(given["after"].values()) == pytest.approx(measured, abs=1e-3)
    found("edit", sound, "--arm", ARM, "--attribute", "bass=-0.2", "--out", "other")
    assert not np.allclose(read("other"), clips, atol=1e-4)


@torch.no_grad()
def test_samples_have_what_is_asked(prior, found):
    fitted, model = prior
    given = found("sample", ARM, "--n", 3, "--attribute", "bass=0.6", "--out", "a")
    assert given["attributes"] == {"bass": 0.6}
    draws = torch_generator(0, "sample", *ARM.split("/"))
    asked = fitted.draw_attributes(3, draws, {"bass": 0.6})
    np.testing.assert_allclose(read("a"), model.decode(fitted.sample_asked(asked, draws), draws), atol=1e-4)


def test_wrong_uses_are_one_line(prior, fails, flowshot, sound):
    call = ("--attribute", "warmth=+0.1", "--out", "x")
    assert "knows no attribute 'warmth'; use one of: brightness, bass" in fails("edit", sound, "--arm", ARM, *call)
    other = fails("edit", sound, "--arm", "mine/no_nf/own", "--attribute", "bass=+0.1", "--out", "x")
    assert "mine/no_nf/own: cannot be conditioned on attributes; use an arm with the prior `platune`" in other
    for text in ("bass=0.3", "bass", "bass=+2", "bass=+x"):
        status, _, err = flowshot("edit", sound, "--arm", ARM, "--attribute", text, "--out", "x")
        assert status == 2 and "expected NAME=+AMOUNT" in err.splitlines()[-1]
    status, _, err = flowshot("sample", ARM, "--near", sound, "--attribute", "bass=0.3", "--out", "x")
    assert status == 2 and "`flowshot edit` moves them" in err.splitlines()[-1]
    soundfile.write("silent.wav", np.zeros(2000), 8000)
    line = fails("edit", "silent.wav", "--arm", ARM, "--attribute", "bass=+0.1", "--out", "x")
    assert "silent.wav: silent" in line and not Path("x").exists()


def test_a_sound_that_is_longer_than_a_clip_is_cut_and_said(prior, flowshot, write_sounds):
    sound = next(write_sounds(Path("long"), 1, seconds=0.5).iterdir())
    status, _, err = flowshot("edit", sound, "--arm", ARM, "--attribute", "bass=+0.1", "--out", "x")
    assert status == 0 and "is longer than a clip; what follows the first 0.25 s of sound is cut off" in err


def test_the_script_of_edits_says_how_far_each_attribute_the_others_and_the_style_move(prior):
    clips = np.random.default_rng(0).normal(0, 0.1, (12, 2000)).astype(np.float32)
    write_prepared(Path("data/prepared/mine"), dict.fromkeys(("train", "valid", "test"), clips), 8000)
    script, arm = runpy.run_path(str(SCRIPT)), flowshot.load(ARM)
    kept = script["rows"](arm, arm.prior, 0.0, 10)
    moved = script["rows"](arm, arm.prior, 0.3, 10)
    assert [row[0] for row in kept] == NAMES and {row[1] for row in kept} == {"10"}
    # Nothing asked: nothing but the steps of the solver. Something asked: the style is heard to move too.
    assert all(float(row[4]) < 0.5 * float(other[4]) for row, other in zip(kept, moved, strict=True))
    assert all(row[2].startswith(("+0.00", "-0.00")) for row in kept)
