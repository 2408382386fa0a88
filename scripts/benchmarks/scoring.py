"""How fast clips are compared."""

import importlib.util
import sys
import types
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measuring import SAMPLE_RATE, Numbers, decaying_noise, once, seconds
from flowshot.clips.held_out import NamedClips
from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.embedded import ClipSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder
from flowshot.scoring.metrics.frechet import frechet_distance
from flowshot.scoring.scores import score_against_reference


def embedding(count: int = 256) -> Numbers:
    """YAMNet, resampling and windows included."""
    config = project_params().section("score", ScoreConfig)
    yamnet, clips = embedder("yamnet", config.policy), decaying_noise(count)
    return {"clips per second": count / seconds(lambda: yamnet.embed(clips, SAMPLE_RATE))}


def frechet(dimensions: tuple[int, ...] = (512, 1024, 2048), count: int = 1000) -> Numbers:
    """The distance against that of frechet-audio-distance, from the same embeddings."""
    if importlib.util.find_spec("frechet_audio_distance") is None:
        return {"times faster": "not installed"}
    return {f"times faster, {d} dimensions, {count} clips": frechet_speed(d, count) for d in dimensions}


def frechet_speed(dimensions: int, count: int) -> float:
    """How many times faster."""
    # Importing that package asks a hub for the tokenizers of laion_clap, of which its distance uses nothing.
    sys.modules.setdefault("laion_clap", types.ModuleType("laion_clap"))
    from frechet_audio_distance.fad import FrechetAudioDistance  # after the module above

    peer = object.__new__(FrechetAudioDistance)  # its constructor loads a network
    peer.verbose = False
    x, y = numpy_generator(0, "bench", str(dimensions)).normal(size=(2, count, dimensions))

    def by_peer() -> float:
        moments = (*peer.calculate_embd_statistics(x), *peer.calculate_embd_statistics(y))
        return float(peer.calculate_frechet_distance(*moments))

    return seconds(by_peer, runs=1) / seconds(lambda: frechet_distance(x, y))


def scoring(count: int = 1000) -> Numbers:
    """Clips against as many, and against as many training clips, with every default metric and interval."""
    names = [[f"{role} {i}" for i in range(count)] for role in ("candidate", "reference", "training")]
    clips = [NamedClips(np.asarray(decaying_noise(count, seed)), each, each) for seed, each in enumerate(names)]
    sets = ClipSets(clips[0], clips[1], clips[2], SAMPLE_RATE)
    config = project_params().section("score", ScoreConfig)

    def score(cache: str) -> object:
        return score_against_reference(sets, config, seed=0, cache=EmbeddingCache(cache))

    with TemporaryDirectory() as cache:
        return {f"seconds, {count} against {count} clips": once(lambda: score(cache))}
