"""The stages that score: floor, samples and reconstructions, and clips that cannot be embedded."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from toy_scores import ALL, PAIRED, RATE, metrics_of, named, run_stage, sounds, workplace, write_arm

from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.scoring.scores import reconstruction_scores, reference_clips

__all__ = ["workplace"]  # the fixture that gives every test a folder with a prepared dataset


def test_on_request_the_stage_skips_a_broken_reconstruction_lists_it_and_lowers_n() -> None:
    clips = 0.9 * reference_clips(read_prepared("data/prepared/toy")).clips
    clips[2, 5] = np.nan
    write_arm("reconstruction", clips)
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
    with pytest.raises(FlowshotError, match="reconstruction of clip 4: it or its original holds NaN"):
        reconstruction_scores(*both, RATE, 0.95)
    found = reconstruction_scores(*both, RATE, 0.95, skip=True)
    wanted = reconstruction_scores(*(each.at(np.array(kept)) for each in both), RATE, 0.95)
    assert [each.value for each in found] == [each.value for each in wanted] and found[0].n == 5
    assert [one["clip"] for one in found[0].details["skipped"]] == ["clip 4"]


def test_the_stages_score_floor_samples_and_reconstructions() -> None:
    reference = reference_clips(read_prepared("data/prepared/toy")).clips
    write_arm("own", 0.1 * np.random.default_rng(0).normal(size=reference.shape).astype(np.float32))
    write_arm("reconstruction", 0.9 * reference)
    for name, arguments in (
        ("floor.py", ["toy"]),
        *(("score.py", ["toy", "no_nf", p, "0"]) for p in ("own", "reconstruction")),
    ):
        result = run_stage(name, *arguments)
        assert result.returncode == 0, result.stderr
    floor, own = metrics_of("scores/toy/real/real/0.json"), metrics_of("scores/toy/no_nf/own/0.json")
    reconstruction = metrics_of("scores/toy/no_nf/reconstruction/0.json")
    # Only yamnet has the first; the clips of the reference are no independent ones.
    shared = set(ALL.metrics) - {"label_diversity", "local_p"} | {"constant_tone", "tonality"}
    paired = {*PAIRED, "voiced_kept", "pitch_within_50_cents"}
    assert set(floor) == shared - {"kad_p"} - {"recall", "coverage", "vendi"}  # at another n
    assert set(own) == shared
    assert set(reconstruction) == shared - {"kad_p"} | paired
    for scores in (own, reconstruction):
        assert {scores[name]["n"] for name in ("fad", "kid", "vendi")} == {30}
    # The floor of FAD is for as many clips as the default plan draws; other metrics have what half of 46 clips allow.
    assert floor["fad"]["n"] == 256 and floor["kid"]["n"] in (22, 23, 24)
    assert floor["kid"]["reference_n"] + floor["kid"]["n"] in (45, 46, 47)
    assert reconstruction["fad"]["value"] < floor["fad"]["value"] < own["fad"]["value"]


def test_a_failing_stage_says_one_line_and_leaves_earlier_scores_alone() -> None:
    write_arm("nf", sounds(16, 0)[:, :-1])
    earlier = Path("scores/toy/no_nf/nf/0.json")
    earlier.parent.mkdir(parents=True)
    earlier.write_text("earlier")
    result = run_stage("score.py", "toy", "no_nf", "nf", "0")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "clips of the same length" in result.stderr
    assert earlier.read_text() == "earlier"
    shutil.rmtree("data")
    result = run_stage("floor.py", "toy")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
