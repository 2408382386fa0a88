import importlib.util
import os
import pickle
from io import BytesIO

import numpy as np
import pytest
import torch

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics import cdpam
from flowshot.scoring.metrics.cdpam import SAMPLE_RATE, TENSORS_ONLY, cdpam_distance

INSTALLED = importlib.util.find_spec("cdpam") is not None
installed = pytest.mark.skipif(not INSTALLED, reason="the optional package cdpam is not installed")


def pairs():
    """A decaying tone and one a semitone up; decaying noise and another that lasts longer. 8,000 samples each."""
    time = np.arange(8000) / SAMPLE_RATE
    noises = [np.random.default_rng(seed).standard_normal(8000) for seed in (0, 1)]
    originals = [0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-9 * time), 0.3 * noises[0] * np.exp(-9 * time)]
    made = [0.3 * np.sin(2 * np.pi * 466 * time) * np.exp(-9 * time), 0.3 * noises[1] * np.exp(-6 * time)]
    return np.array(made, dtype=np.float32), np.array(originals, dtype=np.float32)


@installed
def test_distances_are_those_of_the_package():
    """cdpam 0.0.6 with torch 2.11 on a CPU gave these."""
    made, originals = pairs()
    assert cdpam_distance(made, originals, SAMPLE_RATE, 2) == pytest.approx([0.1506782, 0.2272920], rel=1e-4)
    assert cdpam_distance(made, made, SAMPLE_RATE, 2) == pytest.approx([0, 0])


@pytest.mark.skipif(INSTALLED, reason="the optional package cdpam is installed")
def test_without_the_package_it_says_what_to_install():
    with pytest.raises(FlowshotError, match="EXTRAS=cdpam"):
        cdpam_distance(*pairs(), SAMPLE_RATE, 1)


@pytest.mark.parametrize(("most", "compared"), [(0, []), (1, [0]), (3, [0, 4, 9]), (99, list(range(10)))])
def test_the_pairs_that_are_compared_are_spread_over_all(monkeypatch, most, compared):
    monkeypatch.setattr(cdpam, "_distance", lambda made, originals, sample_rate: made[:, 0])
    clips = np.arange(10, dtype=np.float32)[:, None]
    found = cdpam_distance(clips, clips, 16000, most)
    assert np.flatnonzero(np.isfinite(found)).tolist() == compared
    assert found[compared] == pytest.approx(compared)


def test_a_file_of_weights_is_read_without_running_what_it_names():
    tensors = {"state": {"weight": torch.arange(3.0)}}
    file = BytesIO()
    torch.save(tensors, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    read = torch.load(file, weights_only=False, pickle_module=TENSORS_ONLY)
    assert (read["state"]["weight"] == tensors["state"]["weight"]).all()
    with pytest.raises(FlowshotError, match=r"system.*is no tensor"):
        TENSORS_ONLY.load(BytesIO(pickle.dumps({"state": os.system})))
