"""The `train` stage, as DVC runs it, where the latent collapses and that is to be an error."""

import csv
import json
import math

import pytest

from flowshot.optimisation.progress import HISTORY_COLUMNS

VALIDATION_COLUMNS = HISTORY_COLUMNS[4:-3]


@pytest.fixture
def workplace(tone_project):
    """A project in which the latent loss is far too dear, for so long that no last bit decides what becomes of it."""
    dear = {"train": {"beta": 1000.0, "beta_warmup_steps": 0, "loss": {"fft_sizes": [128, 32]}}}
    settings = {"validate_every": 200, "on_collapse": "fail", "learning_rate": 0.02}
    return tone_project("dear", dear, {"steps": 600, "batch_size": 4}, **settings)


def test_a_collapsed_latent_ends_the_stage_with_its_verdict_and_the_model_stays(workplace, train_stage):
    result = train_stage(workplace, "dear")
    assert result.returncode == 1
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("error: tones/dear/0: collapsed: KL ") and "models/tones/dear/0" in line
    assert "Traceback" not in result.stderr and result.stdout == ""
    model = workplace / "models/tones/dear/0"
    names = {"weights.safetensors", "config.json", "history.csv", "diagnostics.json"}
    assert {file.name for file in model.iterdir()} == names
    found = json.loads((model / "diagnostics.json").read_text(encoding="utf-8"))
    assert found["verdict"] == "collapsed" and found["reason"] in line
    with (model / "history.csv").open(newline="", encoding="utf-8") as file:
        validated = [row for row in csv.DictReader(file) if row["valid_loss"]]
    assert len(validated) == 3
    assert all(math.isfinite(float(row[name])) for row in validated for name in VALIDATION_COLUMNS)
