"""Distances between two sets: Frechet and kernel distances, and whether the sets could be of one distribution."""

import sys

from flowshot.core.mean_interval import student_interval
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics import frechet_estimate, kernel
from flowshot.scoring.metrics.kernel import KernelDistance
from flowshot.scoring.metrics.local_test import local_difference
from flowshot.scoring.metrics.null_test import null_p_value
from flowshot.scoring.metrics.paired import INFLUENCE
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.metrics.sources import SourceInfluence

HEAVY_TAILS = "heavy_tails"  # why a score has no interval: what `Comparison.heavy_tails` says
FEWEST_SOURCES = 5  # of an interval or a test


def fad(both: Comparison) -> Score:
    """The interval is for the distance that n clips of each set have on average, bias included."""
    found = both.frechet
    if both.heavy_tails:
        return both.score("fad", found.value, None, details={HEAVY_TAILS: both.heavy_tails})
    entry = _influence_entry(found.influence, found.pairs, frechet_estimate.LEAST)
    return both.score("fad", found.value, found.interval, 0.0, details=entry)


def fad_infinity(both: Comparison) -> Score:
    """The interval is for the limit; being without bias, it may lie below 0.

    With too few clips the line to the limit ends far above it, and no interval around its end would contain it.
    """
    found = both.frechet
    if found.infinity is None:
        raise Undefined("needs sets that can be halved, of at least 4 clips each")
    n, dimensions = both.sets.candidate.shape
    enough = min(n, len(both.sets.reference)) >= fewest_clips("fad_infinity", dimensions)
    known = enough and not both.heavy_tails
    return both.score("fad_infinity", found.infinity, found.infinity_interval if known else None)


def kid(both: Comparison) -> Score:
    """Under the cubic kernel."""
    if both.heavy_tails:
        return both.score("kid", both.cubic.value, None, details={HEAVY_TAILS: both.heavy_tails})
    return _kernel_score("kid", both, both.cubic)


def kad(both: Comparison) -> Score:
    """Under the Gaussian kernel as wide as the reference."""
    return _kernel_score("kad", both, both.gaussian)


def kad_p(both: Comparison) -> Score:
    """Whether the KAD could be chance."""
    found = both.gaussian
    if set(found.sources_x) & set(found.sources_y):
        raise Undefined("the sets share sources, so they are not two draws")
    _require_sources(both)
    return both.score("kad_p", null_p_value(found, both.config.resamples, both.draws("kad_p")), None)


def local_p(both: Comparison) -> Score:
    """Whether any kind of sound is more frequent in one set than chance allows, and which most."""
    _require_sources(both)
    sets = both.sets
    found = local_difference(sets.candidate, sets.reference, both.config.resamples, both.draws("local_p"))
    n = len(sets.candidate)
    names = sets.candidate_names if found.row < n else sets.reference_names
    details = {
        "most_different": names[found.row if found.row < n else found.row - n] if names else None,
        "candidates_near_it": found.share_x,
        "reference_near_it": found.share_y,
    }
    return both.score("local_p", found.p_value, None, details=details)


def _require_sources(both: Comparison) -> None:
    if min(map(len, map(set, both.groups))) < FEWEST_SOURCES:
        raise Undefined(f"needs at least {FEWEST_SOURCES} independent sources in each set")


def _kernel_score(metric: str, both: Comparison, found: KernelDistance) -> Score:
    """The interval is Student's t over sources, with the error of the infinitesimal jackknife."""
    sources = min(map(len, map(set, both.groups)))
    if sources < 2:
        print(
            f"{metric} ({both.sets.embedding}): all clips of a set come from one source; they are treated as "
            "independent, without an interval",
            file=sys.stderr,
        )
        return both.score(metric, found.value, None)
    error = found.influence.error if sources >= FEWEST_SOURCES else None
    interval = student_interval(found.value, error, both.config.confidence)
    entry = _influence_entry(found.influence, found.pairs, kernel.LEAST)
    return both.score(metric, found.value, interval, details=entry)


def _influence_entry(influence: SourceInfluence | None, pairs: tuple[float, float], least: float) -> dict[str, object]:
    """What a paired comparison of two candidates needs, see `flowshot.scoring.metrics.paired.Distance`."""
    if influence is None:
        return {}
    sources = zip(influence.sources_y, influence.y, strict=True)
    entry = {
        "candidate_variance": influence.candidate_variance,
        "reference": {str(source): float(value) for source, value in sources},
        "candidate_pairs": pairs[0],
        "mixed_pairs": pairs[1],
        "least": least,
    }
    return {INFLUENCE: entry}
