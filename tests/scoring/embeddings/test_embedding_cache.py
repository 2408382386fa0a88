import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache, cache_key
from flowshot.scoring.embeddings.logmel import LogMel

POLICY = default(PolicyConfig, "score.policy")
OTHER_POLICIES: list[dict] = [
    {"window_seconds": 0.1},
    {"window_seconds": 0.1, "hop": 0.5},
    {"level": "peak"},
    {"level": "peak", "level_db": -20.0},
]


class CountingLogMel(LogMel):
    def __init__(self) -> None:
        super().__init__(POLICY)
        self.calls = 0

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        self.calls += 1
        return super().embed(clips, sample_rate)


@pytest.fixture
def clips() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 2000)).astype(np.float32)


def test_the_same_clips_are_embedded_once(tmp_path: Path, clips: np.ndarray) -> None:
    each, cache = CountingLogMel(), EmbeddingCache(tmp_path / "new" / "folder")
    first, second = cache.embed(each, clips, 16000), cache.embed(each, clips.copy(), 16000)
    assert each.calls == 1
    assert (first == second).all()
    assert (first == LogMel(POLICY).embed(clips, 16000)).all()


@pytest.mark.parametrize("damage", ["cut off", "emptied", "no array"])
def test_a_damaged_entry_is_computed_again_and_mended(
    tmp_path: Path, clips: np.ndarray, damage: str, capsys: pytest.CaptureFixture
) -> None:
    each, cache = CountingLogMel(), EmbeddingCache(tmp_path)
    truth = cache.embed(each, clips, 16000)
    (entry,) = tmp_path.iterdir()
    data = entry.read_bytes()
    entry.write_bytes({"cut off": data[:200], "emptied": b"", "no array": b"0" * 99}[damage])
    assert (cache.embed(each, clips, 16000) == truth).all()
    assert each.calls == 2
    assert str(entry) in capsys.readouterr().err
    cache.embed(each, clips, 16000)
    assert each.calls == 2


def test_everything_that_matters_changes_the_key(clips: np.ndarray) -> None:
    class OtherWeights(LogMel):
        weights_sha256 = "0" * 64

    class OtherName(LogMel):
        name = "other"

    other_libraries = LogMel(POLICY)
    other_libraries.runtime = "numpy 3.0.0"
    louder = clips.copy()
    louder[5, 1999] += 1e-3
    keys = [
        cache_key(LogMel(POLICY), clips, 16000),
        cache_key(LogMel(POLICY), clips, 44100),
        cache_key(LogMel(POLICY), louder, 16000),
        cache_key(LogMel(POLICY), clips[::-1], 16000),
        cache_key(LogMel(POLICY), clips.reshape(12, 1000), 16000),
        cache_key(OtherWeights(POLICY), clips, 16000),
        cache_key(other_libraries, clips, 16000),
        *(cache_key(LogMel(replace(POLICY, **policy)), clips, 16000) for policy in OTHER_POLICIES),
        cache_key(OtherName(POLICY), clips, 16000),
    ]
    assert len(set(keys)) == len(keys)


def test_memory_mapped_clips_have_the_key_of_their_content(tmp_path: Path, clips: np.ndarray) -> None:
    np.save(tmp_path / "clips.npy", clips)
    mapped = np.load(tmp_path / "clips.npy", mmap_mode="r")
    assert cache_key(LogMel(POLICY), mapped, 16000) == cache_key(LogMel(POLICY), clips, 16000)


def test_a_failure_leaves_no_entry(tmp_path: Path, clips: np.ndarray) -> None:
    clips[4, 3] = np.nan
    with pytest.raises(FlowshotError, match="clip 4"):
        EmbeddingCache(tmp_path).embed(LogMel(POLICY), clips, 16000)
    assert list(tmp_path.iterdir()) == []


def test_what_was_used_longest_ago_is_pruned_and_the_newest_never(tmp_path: Path, clips: np.ndarray) -> None:
    each = CountingLogMel()
    size = EmbeddingCache(tmp_path / "one").embed(each, clips, 16000).nbytes + 128  # header
    cache = EmbeddingCache(tmp_path / "small", largest_bytes=2 * size)
    sets = [clips + i for i in range(3)]
    for i, one in enumerate(sets[:2]):
        cache.embed(each, one, 16000)
        os.utime(cache.folder / f"{cache_key(each, one, 16000)}.npy", (i, i))
    cache.embed(each, sets[0], 16000)  # used again, now the most recent
    cache.embed(each, sets[2], 16000)
    kept = {path.stem for path in cache.folder.iterdir()}
    assert kept == {cache_key(each, sets[0], 16000), cache_key(each, sets[2], 16000)}
    tiny = EmbeddingCache(tmp_path / "tiny", largest_bytes=0)
    for one in sets:
        tiny.embed(each, one, 16000)
        assert [path.stem for path in tiny.folder.iterdir()] == [cache_key(each, one, 16000)]


def test_two_who_want_the_same_at_once_embed_it_once(tmp_path: Path, clips: np.ndarray) -> None:
    class Slow(CountingLogMel):
        def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
            time.sleep(0.3)
            return super().embed(clips, sample_rate)

    each = Slow()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: EmbeddingCache(tmp_path).embed(each, clips, 16000), range(2)))
    assert each.calls == 1 and (found[0] == found[1]).all()
