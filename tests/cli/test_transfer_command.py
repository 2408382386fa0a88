"""What `flowshot transfer` makes of two sounds on a latent with frames, and what it refuses on one vector."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

import flowshot as package
from exported_files import TinyExport
from flowshot.core.params import read_params
from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.priors.registry import make_prior, prior_config, save_prior

RATE, SAMPLES = 8000, 2000
ARM = "mine/given/after"


@pytest.fixture
def sounds(write_sounds):
    return sorted(write_sounds(Path("sounds"), 2).iterdir())


@pytest.fixture
def prior(project):
    """A prior that is not fitted, of an exported autoencoder with frames; its weights are far from 0."""
    torch.jit.script(TinyExport(RATE)).save("tiny.ts")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["autoencoders"]["given"] = {"kind": "exported_rave", "path": "tiny.ts", "trust": True, "delay": 0}
    params["fit_prior"]["after"] |= {"layers": 1, "width": 8, "timbre": 2, "structure": 2, "solver_steps": 3}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    entry = read_autoencoder(read_params(), "given")
    card = ModelCard(entry.kind_name, entry.config, "mine", RATE, SAMPLES, {})
    model = entry.kind.build(card, None)
    folder = project / "models/mine/given/3"
    folder.mkdir(parents=True)
    save_model(folder, entry.kind, card, model.state_dict())
    torch.manual_seed(0)
    prior = make_prior("after", prior_config(read_params(), "after"), model)
    with torch.no_grad():
        for parameter in prior.networks.parameters():
            parameter.normal_(0, 0.3)
    place = Path(f"priors/{ARM}/3")
    place.mkdir(parents=True)
    save_prior(place, prior, prior_config(read_params(), "after"))
    return prior


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
def test_a_transfer_decodes_what_the_prior_makes_of_both_sounds(prior, found, sounds):
    first, second = sounds
    call = ("transfer", "--timbre", first, "--structure", second, "--arm", ARM, "--n", 2)
    given = found(*call, "--out", "a")
    assert (given["clips"], given["timbre"], given["structure"]) == (2, str(first), str(second))
    arm = package.load(ARM)
    latents = [arm.encode(arm.read_sound(file)[None]).expand(2, -1) for file in sounds]
    expected = arm.decode(prior.transfer(*latents, torch_generator(0, "transfer", *ARM.split("/"))))
    clips = np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(Path("a").iterdir())])
    np.testing.assert_allclose(clips, expected.numpy(), atol=1e-4)
    assert not np.allclose(clips[0], clips[1], atol=1e-3), "both have the same noise"


def test_on_one_vector_and_with_another_prior_it_is_one_line(save_vae, fails, sounds):
    save_vae()
    call = ("transfer", "--timbre", sounds[0], "--structure", sounds[1], "--out", "x", "--arm")
    line = fails(*call, "mine/no_nf/after")
    assert "needs a latent with several frames, such as rave's; this autoencoder encodes a clip" in line
    line = fails(*call, "mine/no_nf/own")
    assert "does not separate timbre from structure; use an arm with the prior `after`" in line
    assert not Path("x").exists()
