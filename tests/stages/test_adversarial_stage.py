"""The `train` stage with a second phase, as DVC runs it."""

import csv
import json
import math
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {"adversarial", "feature_matching", "discriminator", "score_real", "score_fake"}


@pytest.fixture
def workplace(tone_project):
    """A project with the autoencoder `adversarial` as the committed parameters name it, in half of its few steps."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    entry = params["autoencoders"]["adversarial"]
    entry["train"]["adversarial"]["share"] = 0.5
    return tone_project("adversarial", entry, {"steps": 6, "batch_size": 4}, validate_every=2, log_every=1)


def test_the_stage_trains_with_the_phase_as_the_committed_parameters_name_it(workplace, train_stage):
    result = train_stage(workplace, "adversarial")
    assert result.returncode == 0, result.stderr
    model = workplace / "models/tones/adversarial/0"
    with (model / "history.csv").open(newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    assert len(history) == 6 and set(history[0]) >= COLUMNS
    assert all(not row[name] for row in history[:3] for name in COLUMNS)
    assert all(math.isfinite(float(row[name])) for row in history[3:] for name in COLUMNS)
    assert json.loads((model / "diagnostics.json").read_text(encoding="utf-8"))["best_step"] == 6
