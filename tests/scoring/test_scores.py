import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_scores import ALL, LOGMEL, PAIRED, RATE, SAMPLES, named, sounds, workplace

from flowshot.clips.held_out import NamedClips
from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.scoring.comparison.embedded import ClipSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.scores import (
    read_clips,
    reconstruction_scores,
    reference_clips,
    score_against_reference,
    tone_scores,
    write_scores,
)

__all__ = ["workplace"]  # the fixture that gives every test a folder with a prepared dataset


def score(
    candidate: np.ndarray,
    reference: np.ndarray,
    config: ScoreConfig = LOGMEL,
    *,
    training: NamedClips | None = None,
    paired: bool = False,
    seed: int = 0,
    cache: EmbeddingCache | None = None,
) -> list[Score]:
    candidates = named(candidate, "test") if paired else NamedClips.independent(candidate)
    return score_against_reference(
        ClipSets(candidates, named(reference, "test"), training, RATE), config, seed, cache or EmbeddingCache("cache")
    )


def test_a_shared_tone_is_scored_over_what_sounds_and_not_at_all_where_nothing_does() -> None:
    clips = sounds(6, 0)
    clips[4:] = 0.0
    shared, tonal = tone_scores(clips, RATE)
    assert (shared.metric, shared.embedding, shared.n) == ("constant_tone", "none", 4)
    assert shared.details["hertz"] > 0
    assert (tonal.metric, tonal.embedding, tonal.n) == ("tonality", "none", 4)
    assert 0 < tonal.value < 1
    assert tone_scores(np.zeros_like(clips), RATE) == []


def test_the_reference_is_the_test_split_with_its_sources() -> None:
    prepared = read_prepared("data/prepared/toy")
    reference = reference_clips(prepared)
    assert (reference.clips == prepared.clips("test")).all() and reference.groups == prepared.groups("test")


def test_every_metric_under_every_embedding_has_a_score_within_its_interval() -> None:
    scores = score(sounds(20, 5), sounds(20, 6))
    assert [(each.metric, each.embedding, each.n) for each in scores] == [("fad", "logmel", 20), ("kid", "logmel", 20)]
    for each in scores:
        assert each.ci_low is not None and each.ci_high is not None
        assert each.ci_low <= each.value <= each.ci_high


def test_values_do_not_depend_on_the_seed_and_scores_repeat() -> None:
    first, again, other = (score(sounds(20, 5), sounds(20, 6), seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert [each.value for each in first] == [each.value for each in other]
    assert first != other


def test_sets_may_differ_in_number_of_clips_and_scores_say_both() -> None:
    for each in score(sounds(30, 5), sounds(20, 6), ALL, training=named(sounds(25, 7), "train")):
        assert (each.n, each.details["reference_n"]) == (30, 20) or each.metric.endswith("_p")
        assert each.ci_low is None or each.ci_low <= each.value <= each.ci_high
    broken = sounds(30, 5)
    broken[7, 100] = np.nan
    for each in score(broken, sounds(20, 6), replace(LOGMEL, on_bad_clip="skip")):
        assert (each.n, each.details["reference_n"]) == (29, 20)
        assert [(one["set"], one["clip"]) for one in each.details["skipped"]] == [("candidate", "clip 7")]


def test_distances_grow_with_what_is_wrong() -> None:
    real, generator = sounds(20, 5), np.random.default_rng(0)
    grades = [real + level * generator.normal(size=real.shape).astype(np.float32) for level in (0.001, 0.01, 0.1)]
    by_grade = [score(grade, sounds(20, 6)) for grade in grades]
    for metric in range(2):
        values = [scores[metric].value for scores in by_grade]
        assert values == sorted(values)


def test_clips_against_themselves_are_at_distance_zero() -> None:
    clips = sounds(12, 5)
    for each in score(clips, clips, paired=True):
        assert each.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_silent_and_constant_clips_get_a_finite_score(constant: float) -> None:
    clips = np.full((20, SAMPLES), constant, dtype=np.float32)
    for each in score(clips, sounds(20, 6)):
        assert each.value > 0
    for each in score(clips, clips, paired=True):
        assert each.value == 0


def test_a_set_from_one_source_is_scored_without_intervals_and_says_so(capsys: pytest.CaptureFixture) -> None:
    reference = replace(named(sounds(10, 6), "test"), groups=["one track"] * 10)
    scores = score_against_reference(
        ClipSets(NamedClips.independent(sounds(10, 5)), reference, None, RATE), LOGMEL, 0, EmbeddingCache("cache")
    )
    assert [(each.ci_low, each.ci_high) for each in scores] == [(None, None)] * 2
    assert "one source" in capsys.readouterr().err


def test_a_nan_clip_is_named_and_nothing_is_left_out() -> None:
    clips = sounds(20, 5)
    clips[7, 100] = np.nan
    with pytest.raises(FlowshotError, match="candidate: clip 7 holds NaN"):
        score(clips, sounds(20, 6))


def test_a_nan_clip_is_skipped_on_request_listed_and_lowers_n() -> None:
    candidate, reference = sounds(20, 5), sounds(20, 6)
    candidate[7, 100], reference[3, 0] = np.nan, np.inf
    kept = [i for i in range(20) if i not in (3, 7)]
    found = score(candidate, reference, replace(LOGMEL, on_bad_clip="skip"))
    for each in found:
        assert each.n == 18
        assert [(one["set"], one["clip"]) for one in each.details["skipped"]] == [
            ("candidate", "clip 3"), ("candidate", "clip 7"), ("reference", "clip 3"), ("reference", "clip 7")
        ]  # fmt: skip
        reasons = [one["reason"] for one in each.details["skipped"]]
        assert ["NaN" in reason for reason in reasons] == [False, True, True, False]
    alone = score(candidate[kept], reference[kept])
    assert [each.value for each in found] == [each.value for each in alone]


def test_too_few_clips_that_can_be_embedded_are_one_line() -> None:
    broken = np.full((5, SAMPLES), np.nan, dtype=np.float32)
    with pytest.raises(FlowshotError, match=r"logmel: 0 clips of each set .* at least 2"):
        score(broken, sounds(5, 0), replace(LOGMEL, on_bad_clip="skip"))


def test_every_number_says_how_it_was_measured(tmp_path: Path) -> None:
    config = replace(LOGMEL, policy=replace(LOGMEL.policy, level="peak", level_db=-20.0))
    scores = score(sounds(20, 5), sounds(20, 6), config)
    write_scores(tmp_path / "scores.json", scores)
    for entry in json.loads((tmp_path / "scores.json").read_text()):
        assert (entry["embedder"], entry["dimensions"], len(entry["weights_sha256"])) == ("logmel", 128, 64)
        assert entry["policy"]["level"] == "peak" and entry["policy"]["level_db"] == -20 and entry["skipped"] == []
        assert "numpy" in entry["runtime"]


def test_the_policy_changes_the_numbers() -> None:
    soft, real = 0.01 * sounds(20, 5), sounds(20, 6)
    levelled = score(soft, real, replace(LOGMEL, policy=replace(LOGMEL.policy, level="peak")))
    assert levelled[0].value < 0.5 * score(soft, real)[0].value


@pytest.mark.parametrize(
    ("candidate", "config", "words"),
    [
        (sounds(20, 0)[:, :-1], LOGMEL, "clips of the same length"),
        (sounds(1, 0), LOGMEL, "at least 2 clips"),
        (
            sounds(20, 0),
            replace(LOGMEL, embeddings=("logmell",)),
            "'logmell' is not an embedding; use one of: .*logmel",
        ),
        (sounds(20, 0), replace(LOGMEL, metrics=("fid",)), "'fid' is not a metric; use one of: fad, fad_infinity, kid"),
    ],
)
def test_what_cannot_be_scored_is_one_line(candidate: np.ndarray, config: ScoreConfig, words: str) -> None:
    with pytest.raises(FlowshotError, match=words):
        score(candidate, sounds(20, 6), config)


def test_both_sets_are_kept_in_the_cache(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    score(sounds(20, 5), sounds(20, 6), cache=cache)
    assert len(list(cache.folder.iterdir())) == 2


def test_written_scores_keep_the_contract(tmp_path: Path) -> None:
    scores = [Score("fad", "yamnet", 4.0, 3.5, 4.5, 20), Score("parameters", "none", 100.0, None, None, 1)]
    write_scores(tmp_path / "deep/scores.json", scores)
    entries = json.loads((tmp_path / "deep/scores.json").read_text())
    assert entries[0] == {"metric": "fad", "embedding": "yamnet", "value": 4.0, "ci_low": 3.5, "ci_high": 4.5, "n": 20}
    assert entries[1]["ci_low"] is None


def test_of_reconstructions_whose_originals_have_a_pitch_it_is_scored() -> None:
    time = np.arange(RATE, dtype=np.float32) / RATE
    tones = np.stack([0.5 * np.sin(2 * np.pi * pitch * time) for pitch in (220.0, 330.0, 440.0)])
    clips = np.concatenate([tones, np.zeros_like(tones[:1])])
    originals = named(clips, "test")
    sharp = np.concatenate([0.5 * np.sin(2 * np.pi * 233.1 * time)[None], clips[1:]])
    found = {
        each.metric: each for each in reconstruction_scores(replace(originals, clips=sharp), originals, RATE, 0.95)
    }
    assert found["voiced_kept"].value > 0.9 and found["voiced_kept"].n == 3
    assert found["pitch_within_50_cents"].value == pytest.approx(2 / 3, abs=0.05)
    silent = named(np.zeros_like(clips), "test")
    assert not {"voiced_kept", "pitch_within_50_cents"} & {
        each.metric for each in reconstruction_scores(silent, silent, RATE, 0.95)
    }


def test_reconstructions_are_scored_in_pairs_with_an_interval() -> None:
    clips = sounds(10, 5)
    noisy = clips + 0.01 * np.random.default_rng(0).normal(size=clips.shape).astype(np.float32)
    originals = replace(named(clips, "test"), groups=[str(i // 2) for i in range(10)])
    found = reconstruction_scores(replace(originals, clips=noisy), originals, RATE, 0.95)
    assert [each.metric for each in found[:4]] == PAIRED
    for each in found[:4]:
        assert (each.embedding, each.n) == ("none", 10)
        assert each.ci_low is not None and each.ci_high is not None
        assert each.ci_low < each.value < each.ci_high
    one = replace(originals, groups=["a"] * 10)
    exact = reconstruction_scores(one, one, RATE, 0.95)
    assert [(each.value, each.ci_low, each.ci_high) for each in exact[:4]] == [
        (0.0, None, None), (0.0, None, None), (100.0, None, None), (1.0, None, None)
    ]  # fmt: skip


def test_every_metric_of_the_plan_has_a_value_an_interval_and_n() -> None:
    scores = score(sounds(20, 5), sounds(20, 6), ALL, training=named(sounds(30, 7), "train"))
    assert [(each.metric, each.embedding) for each in scores] == [
        *((metric, "logmel") for metric in ALL.metrics if metric != "label_diversity"),
        ("authenticity", "mel"), ("training_distance", "mel"),
    ]  # fmt: skip
    for each in scores:
        assert each.n == 20
        if each.metric.endswith("_p"):
            assert 0.01 <= each.value <= 1 and each.ci_low is None
        elif each.metric == "fad_infinity":
            assert each.ci_low is None  # of 20 clips in 128 dimensions
        else:
            assert each.ci_low is not None and each.ci_high is not None
            assert each.ci_low < each.value < each.ci_high or each.ci_low < each.value == each.ci_high == 1.0


def test_copies_of_training_clips_are_found_and_named() -> None:
    training = named(sounds(30, 7), "train")
    copied = sounds(20, 5)
    copied[:5] = training.clips[10:15]
    scores = {(each.metric, each.embedding): each for each in score(copied, sounds(20, 6), ALL, training=training)}
    for space in ("logmel", "mel"):
        found = scores["authenticity", space]
        assert found.value <= 0.75
        closest = found.details["closest"]
        assert {(pair["candidate"], pair["training"]) for pair in closest[:5]} == {
            (f"clip {i}", f"clip {10 + i}") for i in range(5)
        }
        assert not any(pair["authentic"] for pair in closest[:5])
        assert closest[4]["distance"] < 1e-6 < closest[5]["distance"]


def test_classes_of_sound_are_counted_where_the_embedding_knows_them() -> None:
    pytest.importorskip("ai_edge_litert")
    config = replace(LOGMEL, embeddings=("yamnet", "logmel"), metrics=("label_diversity",))
    tones, noise = sounds(12, 5), 0.1 * np.random.default_rng(0).normal(size=(12, SAMPLES)).astype(np.float32)
    mixed = np.concatenate([tones[:6], noise[:6]])
    (found,) = score(np.tile(tones[:1], (12, 1)), mixed, config)
    assert (found.metric, found.embedding, found.n) == ("label_diversity", "yamnet", 12)
    assert found.value < 1
    assert score(mixed, mixed, config)[0].value == 1


def test_metrics_that_few_clips_do_not_have_are_said_to_be_left_out(capsys: pytest.CaptureFixture) -> None:
    scores = score(sounds(3, 5), sounds(3, 6), ALL)
    assert [each.metric for each in scores] == ["fad", "kid", "kad", "vendi"]
    said = capsys.readouterr().err
    assert "fad_infinity (logmel): needs sets that can be halved, of at least 4 clips each; it is left out" in said
    assert "recall (logmel): 5 nearest neighbours need at least 6 clips in each set, found 3; it is left out" in said


def test_distances_keep_what_a_paired_comparison_of_arms_needs() -> None:
    for each in score(sounds(20, 5), sounds(20, 6), ALL):
        if each.metric in ("fad", "kid", "kad"):
            influence = each.details["influence"]
            assert list(influence["reference"]) == [f"test {i}" for i in range(20)]
            assert all(influence[name] > 0 for name in ("candidate_variance", "candidate_pairs", "mixed_pairs"))
            assert 0 < influence["least"] < 1


def test_tails_too_heavy_for_intervals_are_said_once(capsys: pytest.CaptureFixture) -> None:
    candidate = np.zeros_like(sounds(40, 5))
    candidate[7] = sounds(1, 6)[0]
    found = {each.metric: each for each in score(candidate, sounds(20, 7), ALL)}
    assert found["kid"].ci_low is None and found["kad"].ci_low is not None
    assert capsys.readouterr().err.count("logmel: tails are too heavy for intervals") == 1


def test_a_file_that_is_no_array_of_clips_is_refused_in_one_line(tmp_path: Path) -> None:
    for content in (b"", b"no array", b"\x93NUMPY"):
        (tmp_path / "clips.npy").write_bytes(content)
        with pytest.raises(FlowshotError, match="no array of clips"):
            read_clips(tmp_path / "clips.npy")
    np.save(tmp_path / "clips.npy", np.array([{}], dtype=object))
    with pytest.raises(FlowshotError, match="no array of clips"):
        read_clips(tmp_path / "clips.npy")
    np.save(tmp_path / "clips.npy", np.zeros((3, 4), dtype=np.int16))
    with pytest.raises(FlowshotError, match="floating-point clips"):
        read_clips(tmp_path / "clips.npy")
