"""Distances between two sets: Frechet and kernel distances, and whether the sets could be of one distribution."""

import sys

import numpy as np

from flowshot.core.mean_interval import student_interval
from flowshot.scoring.comparison.base import Comparison, Undefined
from flowshot.scoring.metrics.kernel import Kernel, gaussian_kernel, kernel_distance, polynomial_kernel
from flowshot.scoring.metrics.permutation import independent_clips, permutation_p_value
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.metrics.sources import SourceInfluence

# Under this name the details of a score hold what a paired comparison needs.
INFLUENCE = "influence"
FEWEST_SOURCES = 5  # of an interval


def fad(both: Comparison) -> Score:
    """The interval is for the distance that n clips of each set have on average, bias included."""
    found = both.frechet
    return both.score("fad", found.value, found.interval, 0.0, details=_influence_entry(found.influence))


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
    return _kernel_score("kid", both, polynomial_kernel)


def kad(both: Comparison) -> Score:
    """Under the Gaussian kernel as wide as the reference."""
    return _kernel_score("kad", both, gaussian_kernel(both.bandwidth))


def kid_p(both: Comparison) -> Score:
    """Whether the KID could be chance."""
    return _p_value("kid_p", both, polynomial_kernel)


def kad_p(both: Comparison) -> Score:
    """Whether the KAD could be chance."""
    return _p_value("kad_p", both, gaussian_kernel(both.bandwidth))


def _kernel_score(metric: str, both: Comparison, kernel: Kernel) -> Score:
    """The interval is Student's t over sources, with the error of the infinitesimal jackknife."""
    sets, sources = both.sets, [len(set(groups)) for groups in both.groups]
    if min(sources) < 2:
        print(
            f"{metric} ({sets.embedding}): all clips of a set come from one source; they count as independent, "
            "without interval",
            file=sys.stderr,
        )
        return both.score(metric, kernel_distance(sets.candidate, sets.reference, kernel=kernel).value, None)
    found = kernel_distance(sets.candidate, sets.reference, *both.groups, kernel)
    error = found.influence.error if min(sources) >= FEWEST_SOURCES else None
    interval = student_interval(found.value, error, both.config.confidence)
    return both.score(metric, found.value, interval, details=_influence_entry(found.influence))


def _p_value(metric: str, both: Comparison, kernel: Kernel) -> Score:
    sets, (groups_x, groups_y) = both.sets, both.groups
    if set(groups_x) & set(groups_y):
        raise Undefined("the sets share sources, so they are not two draws")
    generator = both.draws(metric)
    chosen_x, chosen_y = independent_clips(groups_x, generator), independent_clips(groups_y, generator)
    n = min(len(chosen_x), len(chosen_y))
    if n < 2:
        raise Undefined("needs at least 2 independent clips in each set")
    clips = np.concatenate([sets.candidate[chosen_x], sets.reference[chosen_y]])
    value = permutation_p_value(kernel(clips, clips), len(chosen_x), both.config.permutations, generator)
    return both.score(metric, value, None, n=n)


def _influence_entry(influence: SourceInfluence | None) -> dict[str, object]:
    """What a paired comparison of two candidates needs: the reference's sources, and the candidates' variance."""
    if influence is None:
        return {}
    x, sources = influence.x, zip(influence.sources_y, influence.y, strict=True)
    entry = {
        "candidate_variance": len(x) / (len(x) - 1) * float(np.square(x).sum()),
        "reference": {str(source): float(value) for source, value in sources},
    }
    return {INFLUENCE: entry}
