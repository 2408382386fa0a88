"""What the stages do with clips that cannot be embedded."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_scores import RATE, named, reference_clips, run_stage, sounds, workplace, write_arm

from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.scoring.scores import reconstruction_scores

__all__ = ["workplace"]  # the fixture that gives every test a folder with a prepared dataset


@pytest.fixture
def broken_reconstruction() -> None:
    """Reconstructions of which the third is NaN."""
    clips = 0.9 * reference_clips(read_prepared("data/prepared/toy")).clips
    clips[2, 5] = np.nan
    write_arm("reconstruction", clips)


def test_the_stage_fails_and_names_the_clip(broken_reconstruction: None) -> None:
    result = run_stage("score.py", "toy", "no_nf", "reconstruction", "0")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "candidate: clip 2 holds NaN or infinity" in result.stderr
    assert not Path("scores/toy/no_nf/reconstruction/0.json").exists()


def test_on_request_the_stage_skips_it_lists_it_and_lowers_n(broken_reconstruction: None) -> None:
    result = run_stage("score.py", "toy", "no_nf", "reconstruction", "0", on_bad_clip="skip")
    assert result.returncode == 0, result.stderr
    entries = json.loads(Path("scores/toy/no_nf/reconstruction/0.json").read_text())
    checked = [entry for entry in entries if entry["metric"] in ("fad", "kid", "mrstft", "si_sdr")]
    assert {entry["n"] for entry in checked} == {29} and len(checked) == 4
    for entry in checked:
        assert "clip 2" in {one["clip"] for one in entry["skipped"]}


def test_pairs_are_compared_without_the_broken_ones_only_on_request() -> None:
    originals = sounds(6, 0)
    reconstructions = 0.9 * originals
    reconstructions[4, 0] = np.inf
    kept = [0, 1, 2, 3, 5]
    both = named(reconstructions, "test"), named(originals, "test")
    with pytest.raises(FlowshotError):
        reconstruction_scores(*both, RATE, 0.95)
    found = reconstruction_scores(*both, RATE, 0.95, skip=True)
    wanted = reconstruction_scores(*(each.at(np.array(kept)) for each in both), RATE, 0.95)
    assert [each.value for each in found] == [each.value for each in wanted] and found[0].n == 5
    assert [one["clip"] for one in found[0].details["skipped"]] == ["clip 4"]
