from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from flowshot.cli import sample
from flowshot.core.params import read_params
from flowshot.core.randomness import torch_generator
from flowshot.generation.sampling import sample_clips
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.priors.own import OwnPrior
from flowshot.priors.registry import make_prior, prior_config, save_prior

ARM = "mine/no_nf/own"


def read(folder):
    return np.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(Path(folder).iterdir())])


@pytest.fixture
def fit_gmm():
    def fit(model, seed=3):
        prior = make_prior("gmm", prior_config(read_params(), "gmm"), model)
        latents = torch.randn(40, 4, generator=torch_generator(0, "test"))
        prior.fit(latents, latents, torch_generator(1, "test"))
        folder = Path(f"priors/mine/no_nf/gmm/{seed}")
        folder.mkdir(parents=True)
        save_prior(folder, prior, prior_config(read_params(), "gmm"))

    return fit


def test_clips_are_written_as_flac_of_the_models_rate_and_length(save_vae, found):
    save_vae()
    report = found("sample", ARM, "--n", 5, "--seed", 1, "--out", "drawn")
    assert report == {
        "arm": ARM, "model_seed": 3, "seed": 1, "out": str(Path("drawn").resolve()), "clips": 5, "sample_rate": 8000,
        "seconds": 0.25, "temperature": 1.0, "near": None, "label": None, "no_copies": False,
    }  # fmt: skip
    assert [path.name for path in sorted(Path("drawn").iterdir())] == [f"{index:04d}.flac" for index in range(5)]
    assert soundfile.info("drawn/0000.flac").samplerate == 8000
    assert read("drawn").shape == (5, 2000)


def test_the_clips_are_those_of_the_sample_stage_for_the_same_seed_and_number(save_vae, flowshot):
    save_vae()
    assert flowshot("sample", ARM, "--n", 6, "--seed", 3, "--out", "drawn")[0] == 0
    model, _ = load_autoencoder(Path("models/mine/no_nf/3"))
    expected = sample_clips(
        model, OwnPrior(model.prior), 6, 64, torch_generator(3, "sample", "mine", "no_nf", "own")
    ).clips
    np.testing.assert_allclose(read("drawn"), expected, atol=2e-7)  # 24 bits


def test_the_seed_decides_the_clips(save_vae, flowshot):
    save_vae()
    for seed, out in ((1, "a"), (1, "b"), (2, "c")):
        assert flowshot("sample", ARM, "--n", 3, "--seed", seed, "--out", out)[0] == 0
    np.testing.assert_array_equal(read("a"), read("b"))
    assert not np.allclose(read("a"), read("c"), atol=1e-4)


def test_pieces_that_bound_the_memory_give_every_clip_once(save_vae, flowshot, monkeypatch):
    monkeypatch.setattr(sample, "AT_ONCE", 2)
    save_vae()
    assert flowshot("sample", ARM, "--n", 5, "--out", "drawn")[0] == 0
    assert len(np.unique(read("drawn"), axis=0)) == 5


def test_a_fitted_prior_is_loaded(save_vae, fit_gmm, flowshot, fails):
    model = save_vae()
    line = fails("sample", "mine/no_nf/gmm", "--out", "drawn")
    assert "priors/mine/no_nf/gmm/3/prior.safetensors: cannot be read" in line and not Path("drawn").exists()
    fit_gmm(model)
    assert flowshot("sample", "mine/no_nf/gmm", "--n", 3, "--out", "drawn")[0] == 0
    assert read("drawn").shape == (3, 2000)


def test_a_prior_of_other_parameters_is_named(save_vae, fit_gmm, fails):
    fit_gmm(save_vae())
    Path("priors/mine/no_nf/gmm").rename("priors/mine/no_nf/nf")
    assert "priors/mine/no_nf/nf/3: was fitted with other parameters" in fails("sample", "mine/no_nf/nf", "--out", "x")


def test_the_first_trained_seed_of_the_plan_is_the_default(save_vae, found):
    save_vae(4)
    save_vae(9)
    assert found("sample", ARM, "--n", 1, "--out", "a")["model_seed"] == 4
    assert found("sample", ARM, "--n", 1, "--out", "b", "--model-seed", 9)["model_seed"] == 9


def test_an_arm_that_is_not_trained_or_not_defined_is_named(save_vae, fails):
    save_vae(9)
    line = fails("sample", ARM, "--out", "x")
    assert "models/mine/no_nf: no trained model for the plan's seeds (3, 4)" in line
    assert "models/mine/no_nf/5: no usable model" in fails("sample", ARM, "--model-seed", 5, "--out", "x")
    assert "there is no prior 'sung'" in fails("sample", "mine/no_nf/sung", "--model-seed", 9, "--out", "x")
    assert not Path("x").exists()


def test_weights_that_are_not_finite_write_nothing(save_vae, fails):
    from safetensors.torch import load_file, save_file

    save_vae()
    path = Path("models/mine/no_nf/3/weights.safetensors")
    save_file({name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}, path)
    assert "NaN or infinity" in fails("sample", ARM, "--out", "x")
    assert not Path("x").exists()


def test_a_folder_with_something_in_it_is_replaced_only_by_force(save_vae, flowshot, fails):
    save_vae()
    Path("drawn").mkdir()
    assert flowshot("sample", ARM, "--n", 2, "--out", "drawn")[0] == 0
    assert "drawn: is not empty" in fails("sample", ARM, "--n", 3, "--out", "drawn")
    assert len(list(Path("drawn").iterdir())) == 2
    assert flowshot("sample", ARM, "--n", 3, "--out", "drawn", "--force")[0] == 0
    assert len(list(Path("drawn").iterdir())) == 3


@pytest.mark.parametrize(
    ("out", "message"), [(".", "is the current folder"), ("..", "is the current folder"), ("a file", "not a folder")]
)
def test_what_must_not_be_replaced_is_refused_even_by_force(save_vae, fails, out, message):
    save_vae()
    Path("a file").touch()
    assert message in fails("sample", ARM, "--out", out, "--force")
    assert Path("params.yaml").exists() and Path("a file").exists()


def test_an_output_that_cannot_be_written_is_named(save_vae, fails):
    save_vae()
    Path("a file").touch()
    assert "cannot be written" in fails("sample", ARM, "--out", "a file/below")


def test_a_generator_draws_without_a_prior_as_its_stage_does(project, generated, found):
    from flowshot.models.base.kind import ModelCard, save_model
    from flowshot.models.generators.copies.model import KIND, CopiesConfig

    path = project / "params.yaml"
    path.write_text(path.read_text().replace("generators: []", "generators: [copies]"))
    folder = Path("models/mine/copies/3")
    folder.mkdir(parents=True)
    save_model(folder, KIND, ModelCard("copies", CopiesConfig(), "mine", 8000, 2000, {}), {"count": torch.tensor(4)})
    report = found("sample", "mine/copies", "--n", 6, "--seed", 3, "--out", "drawn")
    assert (report["arm"], report["model_seed"]) == ("mine/copies/direct", 3)
    training = np.load("data/prepared/mine/train.npy")
    rows = torch.randint(4, (6,), generator=torch_generator(3, "sample", "mine", "copies"))
    np.testing.assert_allclose(read("drawn"), training[rows], atol=2e-7)


@pytest.mark.parametrize("command", ["export", "interpolate"])
def test_what_needs_a_latent_refuses_a_generator(project, generated, fails, command):
    from flowshot.models.base.kind import ModelCard, save_model
    from flowshot.models.generators.copies.model import KIND, CopiesConfig

    folder = Path("models/mine/copies/3")
    folder.mkdir(parents=True)
    save_model(folder, KIND, ModelCard("copies", CopiesConfig(), "mine", 8000, 2000, {}), {"count": torch.tensor(4)})
    assert "mine/copies" in fails(command, "mine/copies", "--out", "x")


def test_the_command_passes_on_how_draws_are_controlled(save_vae, write_sounds, found, flowshot, fails):
    save_vae()
    write_sounds(Path("near sounds"), 1)
    sound = str(next(Path("near sounds").iterdir()))
    report = found("sample", ARM, "--n", 4, "--near", sound, "--temperature", 0, "--out", "near")
    assert (report["near"], report["temperature"]) == (sound, 0) and len(read("near")) == 4
    assert flowshot("sample", ARM, "--near", sound, "--label", "kick", "--out", "x")[0] == 2
    assert flowshot("sample", ARM, "--temperature", -1, "--out", "x")[0] == 2
    assert "nowhere.wav: is not a file" in fails("sample", ARM, "--near", "nowhere.wav", "--out", "x")
    assert "mine: no prepared dataset" in fails("sample", ARM, "--label", "kick", "--out", "x")


def test_no_clip_that_is_written_is_nearer_to_a_training_clip_than_real_ones_are(save_vae, generated, found):
    from defaults import default
    from flowshot.scoring.config import PolicyConfig
    from flowshot.scoring.embeddings.registry import embedder

    save_vae()
    np.save("data/prepared/mine/valid.npy", np.load("data/prepared/mine/valid.npy")[:, ::-1])
    embed = embedder("logmel", default(PolicyConfig, "score.policy")).embed
    training, valid = (embed(np.load(f"data/prepared/mine/{split}.npy"), 8000) for split in ("train", "valid"))
    least = np.quantile(np.linalg.norm(valid[:, None] - training[None], axis=-1).min(1), 0.05)
    found("sample", ARM, "--n", 6, "--no-copies", "--out", "drawn")
    drawn = embed(read("drawn"), 8000)
    assert len(drawn) == 6
    assert (np.linalg.norm(drawn[:, None] - training[None], axis=-1).min(1) > least - 1e-6).all()


def test_an_arm_that_only_copies_is_told(project, generated, fails):
    from flowshot.models.base.kind import ModelCard, save_model
    from flowshot.models.generators.copies.model import KIND, CopiesConfig

    folder = Path("models/mine/copies/3")
    folder.mkdir(parents=True)
    save_model(folder, KIND, ModelCard("copies", CopiesConfig(), "mine", 8000, 2000, {}), {"count": torch.tensor(4)})
    line = fails("sample", "mine/copies", "--n", 2, "--no-copies", "--out", "x")
    assert "only 0 of 40 clips are not copies of training clips" in line and not Path("x").exists()


def test_a_prior_that_was_fitted_with_other_parameters_is_one_line(save_vae, fit_gmm, fails, project):
    fit_gmm(save_vae())
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["fit_prior"]["gmm"]["iterations"] += 1  # the weights would fit all the same
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    line = fails("sample", "mine/no_nf/gmm", "--out", "drawn")
    assert line.endswith("was fitted with other parameters than those of fit_prior.gmm; run `dvc repro`")
