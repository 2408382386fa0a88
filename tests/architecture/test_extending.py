"""A generator and a prior are added by the three places that docs/extending.md names, and by nothing else."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from import_graph import ROOT

CONFIG = '''"""A test's own."""
from dataclasses import dataclass
import torch
from flowshot.core.sections import Section
'''
GENERATOR = f"""{CONFIG}
from flowshot.models.base.model import ClipModel
from flowshot.models.base.kind import ModelKind

@dataclass(frozen=True)
class HumConfig(Section):
    loudness: float

class Hum(ClipModel):
    def __init__(self, config, clip_samples, sample_rate):
        super().__init__(clip_samples, sample_rate)
        self.register_buffer("loudness", torch.tensor(config.loudness))

    def sample(self, count, generator):
        return self.loudness * (torch.rand(count, self.clip_samples, generator=generator) - 0.5)

KIND = ModelKind(config=HumConfig, build=lambda card, folder: Hum(card.config, card.clip_samples, card.sample_rate))
"""
TRAINING = '''"""A test's own."""
from flowshot.optimisation.progress import Trained, copy_weights

def train(model, job):
    return Trained(copy_weights(model), 0, [], [], "")
'''
PRIOR = f"""{CONFIG}
from flowshot.densities.distributions import standard_normal_log_prob
from flowshot.optimisation.checkpoint import NO_CHECKPOINT
from flowshot.priors.base import LatentPrior

@dataclass(frozen=True)
class ShiftedConfig(Section):
    scale: float

class Shifted(LatentPrior):
    def __init__(self, config, size):
        super().__init__()
        self.scale = config.scale
        self.register_buffer("mean", torch.zeros(size))

    def fit(self, latents, validation, generator, checkpoint=NO_CHECKPOINT):
        self.mean = self.scale * latents.mean(0)

    def sample(self, count, generator):
        return self.mean + torch.randn(count, len(self.mean), generator=generator)

    def log_prob(self, latents):
        return standard_normal_log_prob(latents - self.mean)
"""
PROGRAM = """
import dataclasses, torch, types
from pathlib import Path
import flowshot
assert Path(flowshot.__path__[0]).is_relative_to(Path.cwd()), flowshot.__path__
from flowshot.core.params import read_params
from flowshot.models.base.kind import ModelCard
from flowshot.models.base.kind import save_model
from flowshot.models.generators.registry import load_generator, read_generator
from flowshot.priors.registry import make_prior, prior_config
from flowshot.training.job import train_function, training_config

params, seed = read_params(), lambda: torch.Generator().manual_seed(0)
assert params.plan.generators == ("hum",) and params.plan.priors == ("shifted",)
entry = read_generator(params, "hum")
training_config(params, "generators", entry)
card = ModelCard(entry.kind_name, entry.config, "drums", 16000, 64, {})
model = entry.kind.build(card, None)
trained = train_function(entry)(model, None)
Path("model").mkdir()
save_model(Path("model"), entry.kind, card, trained.best)
loaded, read = load_generator(Path("model"))
assert read == card and torch.equal(loaded.sample(3, seed()), model.sample(3, seed()))
assert loaded.sample(3, seed()).shape == (3, 64)

config = prior_config(params, "shifted")
latents = types.SimpleNamespace(latent_size=5)
prior = make_prior("shifted", config, latents)
prior.fit(torch.ones(10, 5), torch.ones(10, 5), seed())
Path("prior").mkdir()
prior.save(Path("prior"))
again = make_prior("shifted", config, latents)
again.load(Path("prior"))
assert torch.equal(again.sample(3, seed()), prior.sample(3, seed())) and float(again.mean[0]) == 2.0
print("both drew")
"""


def replace_once(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """What a person edits, copied."""
    for folder in ("src", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_generator_and_a_prior_are_added_by_three_places_each(project):
    package = project / "src/flowshot"
    kind = package / "models/generators/hum"
    kind.mkdir()
    (kind / "model.py").write_text(GENERATOR)
    (kind / "training.py").write_text(TRAINING)
    line = '    "hum": "flowshot.models.generators.hum",\n'
    replace_once(package / "models/generators/registry.py", "KINDS = {\n", "KINDS = {\n" + line)
    (package / "priors/shifted.py").write_text(PRIOR)
    replace_once(
        package / "priors/registry.py",
        "PRIORS: dict[str, PriorKind] = {\n",
        "from flowshot.priors.shifted import Shifted, ShiftedConfig\n\nPRIORS: dict[str, PriorKind] = {\n"
        '    "shifted": PriorKind(ShiftedConfig, lambda config, model: Shifted(config, model.latent_size)),\n',
    )
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["generators"]["hum"] = {"kind": "hum", "loudness": 0.5}
    params["fit_prior"]["shifted"] = {"scale": 2.0}
    params["plan"] |= {"generators": ["hum"], "priors": ["shifted"]}
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")

    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    for command, expected in (
        ([sys.executable, "-c", PROGRAM], "both drew"),
        # dvc.yaml was not touched, and has the stages of both.
        ([sys.executable, "-m", "dvc", "stage", "list", "--name-only"], "hum"),
    ):
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and expected in done.stdout, done.stderr
    assert "shifted" in done.stdout
