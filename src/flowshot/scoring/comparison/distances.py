"""Distances between two sets: Frechet and kernel distances, and whether the sets could be of one distribution."""

import sys

import numpy as np

from flowshot.core.mean_interval import student_interval
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics.kernel import KernelDistance
from flowshot.scoring.metrics.null_test import null_p_value
from flowshot.scoring.metrics.paired import INFLUENCE, REPEATED
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.metrics.sources import SourceInfluence

FEWEST_SOURCES = 5  # of an interval or a test


def fad(both: Comparison) -> Score:
    """The interval is for the distance that n clips of each set have on average, bias included."""
    found = both.frechet
    return both.score(
        "fad", found.value, found.interval, 0.0, details=_influence_entry(found.influence, found.repeated)
    )


def fad_infinity(both: Comparison) -> Score:
    """The interval is for the limit; being without bias, it may lie below 0.

    With too few clips the line to the limit ends far above it, and no interval around its end would contain it.
    """
    found = both.frechet
    if found.infinity is None:
        raise Undefined("needs sets that can be halved, of at least 4 clips each")
    n, dimensions = both.sets.candidate.shape
    enough = min(n, len(both.sets.reference)) >= fewest_clips("fad_infinity", dimensions)
    return both.score("fad_infinity", found.infinity, found.infinity_interval if enough else None)


def kid(both: Comparison) -> Score:
    """Under the cubic kernel."""
    return _kernel_score("kid", both, both.cubic)


def kad(both: Comparison) -> Score:
    """Under the Gaussian kernel as wide as the reference."""
    return _kernel_score("kad", both, both.gaussian)


def kid_p(both: Comparison) -> Score:
    """Whether the KID could be chance."""
    return _p_value("kid_p", both, both.cubic)


def kad_p(both: Comparison) -> Score:
    """Whether the KAD could be chance."""
    return _p_value("kad_p", both, both.gaussian)


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
    return both.score(metric, found.value, interval, details=_influence_entry(found.influence, found.repeated))


def _p_value(metric: str, both: Comparison, found: KernelDistance) -> Score:
    if set(found.sources_x) & set(found.sources_y):
        raise Undefined("the sets share sources, so they are not two draws")
    if min(map(len, map(set, both.groups))) < FEWEST_SOURCES:
        raise Undefined(f"needs at least {FEWEST_SOURCES} independent sources in each set")
    return both.score(metric, null_p_value(found, both.config.resamples, both.draws(metric)), None)


def _influence_entry(influence: SourceInfluence | None, repeated: float) -> dict[str, object]:
    """What a paired comparison of two candidates needs, see `flowshot.scoring.metrics.paired`."""
    if influence is None:
        return {}
    x, sources = influence.x, zip(influence.sources_y, influence.y, strict=True)
    entry = {
        "candidate_variance": len(x) / (len(x) - 1) * float(np.square(x).sum()),
        "reference": {str(source): float(value) for source, value in sources},
    }
    return {INFLUENCE: entry, REPEATED: repeated}
