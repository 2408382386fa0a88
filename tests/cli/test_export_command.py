"""What is exported gives the model's audio in a process that has neither this package nor nflows."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from defaults import COMMITTED
from flowshot.cli.export import LARGEST_DIFFERENCE, LARGEST_ONNX_DIFFERENCE, require_small
from flowshot.core.errors import FlowshotError
from flowshot.core.randomness import derive_seed, torch_generator
from flowshot.export.onnx import export_onnx, mixture_of, real_spectrum
from flowshot.export.torchscript import GivenNoise, export, largest_difference, largest_gap
from flowshot.generation.sampling import sample_clips
from flowshot.models.autoencoders.registry import load_autoencoder
from flowshot.models.autoencoders.vae.model import KIND
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard, save_model
from flowshot.priors.own import OwnPrior
from flowshot.priors.registry import make_prior, prior_config
from tiny_vae import tiny_config

# The file is to be loaded by this function, as long as torch has it.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")

KINDS = {
    "no_nf": {},
    "nf_both": {"posterior_flow": "iaf", "prior_flow": "nsf"},
}
SMALL = {
    "own": {},
    "gmm": {},
    "nf": {"layers": 2, "width": 8},
    "rectified_flow": {"layers": 1, "width": 8, "solver_steps": 3},
    "platune": {"layers": 1, "width": 8, "solver_steps": 3, "attributes": ("brightness", "bass")},
}
SAMPLES = 500  # no multiple of bands and strides
# Runs in a process of its own, and finds neither package.
PROGRAM = """
import json, sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flowshot", "nflows"):
            raise ModuleNotFoundError(f"hidden: {name}", name=name)
sys.meta_path.insert(0, Hide())
import torch
found = {}
for file in sys.argv[2:]:
    model = torch.jit.load(file)
    given = torch.linspace(-0.5, 0.5, 3 * model.clip_samples).reshape(3, -1)
    latents = model.encode(given)
    found[file] = {
        "encode": latents, "encode_draw": model.encode_draw(given, 5), "decode": model.decode(latents),
        "sample": model.sample(7, 11), "facts": [model.sample_rate, model.clip_samples, model.latent_size, model.arm],
    }
assert not {"flowshot", "nflows"} & set(sys.modules)
torch.save(found, sys.argv[1])
"""


def stirred(module, seed=0):
    """Flows start as the identity; every weight is moved, so that one that is left out shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module


def autoencoder(samples=SAMPLES, **changes):
    torch.manual_seed(0)
    config = tiny_config(strides=(4, 2), latent_size=5, flow_width=16, flow_layers=2, **changes)
    return stirred(VAE(config, samples, 8000).eval())


def fitted(name, model):
    prior = make_prior(name, replace(prior_config(COMMITTED, name), **SMALL[name]), model)
    latents = torch.randn(60, 5, generator=torch.Generator().manual_seed(1)) * 2 + 1
    if name == "gmm":
        prior.fit(latents, latents, torch.Generator().manual_seed(2))
    elif hasattr(prior, "whitening"):
        prior.whitening.fit(latents)
        stirred(prior)
        if name == "platune":
            prior.known = torch.rand(9, 2, generator=torch.Generator().manual_seed(3))
    return prior.eval() if isinstance(prior, torch.nn.Module) else prior


@pytest.fixture(scope="module")
def arms():
    kinds = {f"{kind}-own": (autoencoder(**flows), "own") for kind, flows in KINDS.items()}
    model = autoencoder()
    others = {f"no_nf-{name}": (model, name) for name in SMALL if name != "own"}
    return {name: (model, fitted(prior, model)) for name, (model, prior) in (kinds | others).items()}


@pytest.fixture(scope="module")
def elsewhere(arms, tmp_path_factory):
    """What the exported arms give in a process without this package."""
    folder = tmp_path_factory.mktemp("exported")
    for name, (model, prior) in arms.items():
        export(name, model, prior, 8000, batch_size=3).save(str(folder / f"{name}.pt"))
    command = [sys.executable, "-I", "-c", PROGRAM, "found.pt", *(f"{name}.pt" for name in arms)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return torch.load(folder / "found.pt", weights_only=True)


@torch.no_grad()
def test_every_kind_of_arm_gives_the_same_audio_without_this_package(arms, elsewhere):
    given = torch.linspace(-0.5, 0.5, 3 * SAMPLES).reshape(3, -1)
    for name, (model, prior) in arms.items():
        found = elsewhere[f"{name}.pt"]
        latents = model.encode_mean(given)
        expected = {
            "encode": latents,
            "encode_draw": model.encode(given, torch.Generator().manual_seed(5)).squeeze(1),
            "decode": model.decode(latents),
            # 7 clips in batches of 3, so that the last one is smaller.
            "sample": torch.from_numpy(sample_clips(model, prior, 7, 3, torch.Generator().manual_seed(11)).clips),
        }
        for method, values in expected.items():
            difference = float((found[method] - values).abs().max())
            assert difference < LARGEST_DIFFERENCE, f"{name} {method} differs by {difference}"
            assert values.std() > 1e-3, f"{name} {method} says nothing"
        assert found["facts"] == [8000, SAMPLES, 5, name]


@pytest.fixture(scope="module")
def runtime():
    """The package onnxruntime, where it and onnx are installed."""
    for name in ("onnx", "onnxruntime"):
        package = pytest.importorskip(name, reason=f"{name} is missing: make setup EXTRAS=onnx")
    return package


def test_every_kind_of_arm_gives_the_same_audio_in_onnxruntime(arms, tmp_path, runtime):
    with pytest.raises(FlowshotError, match=r"no_nf-platune: this prior cannot be exported, because its sampling"):
        export_onnx(tmp_path, "no_nf-platune", *arms["no_nf-platune"], 8000)
    for name, (model, prior) in arms.items():
        if name == "no_nf-platune":
            continue
        folder = tmp_path / name
        folder.mkdir()
        assert export_onnx(folder, name, model, prior, 8000) < LARGEST_ONNX_DIFFERENCE
        about = json.loads((folder / "arm.json").read_text())
        assert (about["opset"], about["sample_rate"], about["clip_samples"], about["latent_size"]) == (
            17,
            8000,
            SAMPLES,
            5,
        )
        # As somebody does who has these files alone.
        generator = torch.Generator().manual_seed(0)
        sessions = {graph: runtime.InferenceSession(str(folder / f"{graph}.onnx")) for graph in about["graphs"]}
        noise = {"noise": torch.randn(7, 5, generator=generator)}
        if name == "no_nf-gmm":
            noise["uniform"] = torch.rand(7, generator=generator)
        (drawn_latents,) = sessions["prior"].run(None, {key: value.numpy() for key, value in noise.items()})
        assert drawn_latents.shape == (7, 5) and drawn_latents.std() > 0.1
        # Stirred flows draw latents so large that rounding is heard.
        latents = torch.randn(7, 5, generator=generator).numpy()
        shape = [7, *about["graphs"]["decode"]["inputs"]["noise"][1:]]
        drawn = torch.randn(shape, generator=generator)
        (clips,) = sessions["decode"].run(None, {"latents": latents, "noise": drawn.numpy()})
        with torch.no_grad(), GivenNoise(drawn):
            expected = model.decode(torch.from_numpy(latents))
        assert float((torch.from_numpy(clips) - expected).abs().max()) < LARGEST_ONNX_DIFFERENCE
        zeros = torch.zeros(7, 5).numpy()
        inputs = {each.name: {"clips": clips, "noise": zeros}[each.name] for each in sessions["encode"].get_inputs()}
        (means,) = sessions["encode"].run(None, inputs)
        with torch.no_grad():
            assert float((torch.from_numpy(means) - model.encode_mean(torch.from_numpy(clips))).abs().max()) < 1e-3


@pytest.mark.parametrize("size", [1, 7, 30, 1024, 4096])
def test_a_spectrum_by_products_of_matrices_is_that_of_the_library(size):
    signal = torch.randn(3, 2, size, generator=torch.Generator().manual_seed(size))
    expected = torch.view_as_real(torch.fft.rfft(signal))
    torch.testing.assert_close(real_spectrum(signal), expected, atol=1e-4 * size**0.5, rtol=0)


def test_a_mixture_of_uniform_and_normal_noise_is_that_of_the_prior(arms):
    _, prior = arms["no_nf-gmm"]
    generator = torch.Generator().manual_seed(0)
    ours = mixture_of(prior)(torch.rand(20_000, generator=generator), torch.randn(20_000, 5, generator=generator))
    theirs = prior.sample(20_000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(torch.cov(ours.T), torch.cov(theirs.T), atol=0.3, rtol=0)


@pytest.mark.usefixtures("runtime")
def test_a_prior_that_cannot_be_a_graph_is_one_line(tmp_path):
    model = autoencoder()
    with pytest.raises(FlowshotError, match=r"mine/no_nf/odd: this prior cannot be exported, .* torch.rand;"):
        export_onnx(tmp_path, "mine/no_nf/odd", model, StepByStep(model.prior), 8000)


def test_other_flows_and_pooling_are_exported(tmp_path):
    model = autoencoder(pooling="mean", posterior_flow="realnvp", prior_flow="maf")
    prior = OwnPrior(model.prior)
    export("a", model, prior, 8000, 3).save(str(tmp_path / "a.pt"))
    assert largest_difference(tmp_path / "a.pt", model, prior, 3) < LARGEST_DIFFERENCE


class StepByStep(OwnPrior):
    """A prior that draws one dimension after the other."""

    def sample(self, count, generator):
        return torch.cat([torch.rand(count, 1, generator=generator) for _ in range(5)], dim=1)


def test_a_prior_that_cannot_be_exported_is_one_line():
    model = autoencoder()
    with pytest.raises(FlowshotError, match=r"mine/no_nf/odd: this prior cannot be exported, .* torch.rand;"):
        export("mine/no_nf/odd", model, StepByStep(model.prior), 8000, 3)


def test_wrong_shapes_are_refused_with_what_was_expected():
    model = autoencoder()
    exported = export("a", model, OwnPrior(model.prior), 8000, 3)
    for call in (lambda: exported.encode(torch.zeros(2, 7)), lambda: exported.encode_draw(torch.zeros(SAMPLES), 1)):
        with pytest.raises(torch.jit.Error, match="clip_samples"):
            call()
    with pytest.raises(torch.jit.Error, match="latent_size"):
        exported.decode(torch.zeros(2, 6))


@pytest.fixture
def trained(project):
    model = autoencoder(2000, **KINDS["nf_both"])
    folder = project / "models/mine/no_nf/3"
    folder.mkdir(parents=True)
    save_model(folder, KIND, ModelCard("vae", model.config, "mine", 8000, 2000, {}), model.state_dict())
    return load_autoencoder(folder)[0]


def test_the_command_writes_a_file_that_samples_as_flowshot_sample_does(trained, found, flowshot, fails):
    report = found("export", "mine/no_nf/own", "--format", "torchscript", "--out", "below/arm.pt")
    assert report["largest_difference"] < LARGEST_DIFFERENCE and report["bytes"] == Path("below/arm.pt").stat().st_size
    assert (report["sample_rate"], report["clip_samples"], report["latent_size"]) == (8000, 2000, 5)
    seed = derive_seed(0, "sample", "mine", "no_nf", "own")
    assert report["seed_of_sample_0"] == seed
    generator = torch_generator(0, "sample", "mine", "no_nf", "own")
    expected = sample_clips(trained, OwnPrior(trained.prior), 4, 64, generator).clips
    clips = torch.jit.load("below/arm.pt").sample(4, seed)
    torch.testing.assert_close(clips, torch.from_numpy(expected), atol=LARGEST_DIFFERENCE, rtol=0)
    assert "below/arm.pt: exists" in fails("export", "mine/no_nf/own", "--out", "below/arm.pt")
    status, out, err = flowshot("export", "mine/no_nf/own", "--out", "below/arm.pt", "--force")
    assert status == 0 and err == "" and f"sample(n, {seed})" in out


def test_an_arm_that_is_not_there_and_an_unknown_format_are_told(project, save_vae, flowshot, fails):
    assert "no trained model" in fails("export", "mine/no_nf/own", "--out", "x.pt")
    save_vae()
    assert "is a folder" in fails("export", "mine/no_nf/own", "--out", ".")
    assert "cannot be read" in fails("export", "mine/no_nf/gmm", "--out", "x.pt")
    assert flowshot("export", "mine/no_nf/own", "--format", "keras", "--out", "x.pt")[0] == 2
    assert not Path("x.pt").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(trained):
    """Python's limit of a file's size stands for the disk; in a process of its own, which torch would abort."""
    code = (
        "import resource, sys; from flowshot.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))\n"
        "sys.exit(main(['export', 'mine/no_nf/own', '--out', 'arm.pt']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result.stderr
    assert "arm.pt: cannot be written (File too large); free space" in result.stderr
    assert not [path.name for path in Path().iterdir() if "arm.pt" in path.name]


@pytest.mark.usefixtures("runtime")
def test_the_command_writes_a_folder_of_graphs(trained, found, fails):
    report = found("export", "mine/no_nf/own", "--format", "onnx", "--out", "graphs")
    assert report["largest_difference"] < LARGEST_ONNX_DIFFERENCE and report["opset"] == 17
    assert sorted(path.name for path in Path("graphs").iterdir()) == [
        "arm.json",
        "decode.onnx",
        "encode.onnx",
        "prior.onnx",
    ]
    assert "graphs: is not empty" in fails("export", "mine/no_nf/own", "--format", "onnx", "--out", "graphs")


def test_a_difference_that_is_not_a_number_or_of_another_shape_is_never_small():
    clip, broken = torch.zeros(1, 4), torch.tensor([[0.0, float("nan"), 0.0, 0.0]])
    assert largest_gap([(clip, clip + 0.5), (clip, clip + 0.25)]) == 0.5
    assert largest_gap([(clip, clip), (clip, torch.zeros(2, 4))]) == float("inf")
    for pairs in ([(clip, broken), (clip, clip)], [(clip, clip), (broken, clip)]):
        with pytest.raises(FlowshotError, match="differs from the original by nan"):
            require_small("an/arm", largest_gap(pairs), LARGEST_DIFFERENCE)
