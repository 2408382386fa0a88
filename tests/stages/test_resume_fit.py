"""The `fit_prior` stage, killed and started again. `FLOWSHOT_KILLS=10` tries as many moments; two by default."""

import os
import shutil
import time

import numpy as np
import pytest
import yaml

KILLS = int(os.environ.get("FLOWSHOT_KILLS", "2"))
NETWORK = {"layers": 1, "width": 8, "steps": 150, "batch_size": 16}
PRIORS = {
    "nf": NETWORK,
    "rectified_flow": NETWORK,
    "rave": NETWORK | {"skip": 8},
    "gmm": {"components": 4},
    "platune": NETWORK | {"attributes": ["brightness", "bass"]},
}
FILES = {"config.json", "nats.json", "prior.safetensors"}


@pytest.fixture(scope="module")
def trained(tone_project_at, start_train_stage, start_stage, tmp_path_factory):
    """A project with a trained autoencoder, whose priors are small."""
    folder = tone_project_at(tmp_path_factory.mktemp("trained"), "no_nf", {}, {"steps": 2, "batch_size": 4})
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for prior, changes in PRIORS.items():
        params["fit_prior"][prior] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert start_train_stage(folder, "no_nf").wait() == 0
    assert start_stage(folder, "encode", "no_nf", "0").wait() == 0
    shutil.rmtree(folder / ".flowshot")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(trained, start_stage, tmp_path_factory):
    """The files of a prior's whole fit, but for the time it took, and the seconds of the stage."""
    known = {}

    def fit(prior):
        if prior not in known:
            folder = shutil.copytree(trained, tmp_path_factory.mktemp("whole") / prior)
            start = time.monotonic()
            assert start_stage(folder, "fit_prior", "no_nf", prior, "0").wait() == 0
            known[prior] = fitted(folder, prior), time.monotonic() - start
        return known[prior]

    return fit


def fitted(folder, prior):
    """The contents of what the stage writes that must not depend on how often it began."""
    written = folder / "priors/tones/no_nf" / prior / "0"
    assert {path.name for path in written.iterdir()} == FILES
    return {name: (written / name).read_bytes() for name in ("nats.json", "prior.safetensors")}


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_fit_ends_as_if_it_had_not_been_killed(kill, uninterrupted, trained, start_stage, killed, tmp_path):
    prior = list(PRIORS)[kill % len(PRIORS)]
    expected, seconds = uninterrupted(prior)
    folder = killed(
        lambda folder: start_stage(folder, "fit_prior", "no_nf", prior, "0", checkpoint_seconds=0.0),
        (shutil.copytree(trained, tmp_path / str(i)) for i in range(20)),
        # Spread over the stage, which begins with the import of torch.
        seconds * np.random.default_rng(kill).uniform(0.5, 1.0),
    )
    assert start_stage(folder, "fit_prior", "no_nf", prior, "0").wait() == 0
    assert fitted(folder, prior) == expected
    assert [path for path in (folder / ".flowshot").rglob("*") if path.is_file()] == []
    assert [path.name for path in (folder / "priors").rglob(".*")] == []


def test_two_people_who_fit_the_same_at_once_get_one_right_result(uninterrupted, trained, start_stage, tmp_path):
    expected, _ = uninterrupted("nf")
    folder = shutil.copytree(trained, tmp_path / "project")
    both = [start_stage(folder, "fit_prior", "no_nf", "nf", "0", checkpoint_seconds=0.0) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    # The second may begin when the first has ended, and does the same again.
    assert 0 in [process.returncode for process in both], errors
    for process, error in zip(both, errors, strict=True):
        if process.returncode:
            assert error.startswith("error: .flowshot/checkpoints/priors/tones/no_nf/nf/0/") and error.count("\n") == 1
            assert "another process is already running this stage" in error
    assert fitted(folder, "nf") == expected
    assert [path for path in (folder / ".flowshot").rglob("*") if path.is_file()] == []
