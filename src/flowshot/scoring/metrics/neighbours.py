"""Nearest neighbours in an embedding: fidelity and diversity of candidates, and copies of training clips.

`between: [n, m]` are the Euclidean distances from the n candidates to the m real clips; a radius reaches from a clip to
its k-th nearest neighbour. Precision and recall: Kynkaanniemi et al. (2019), "Improved precision and recall metric for
assessing generative models" (arXiv:1904.06991), eq. 1 and 2. Density and coverage: Naeem et al. (2020), "Reliable
fidelity and diversity metrics for generative models" (arXiv:2002.09797), eq. 3 and 4, which one outlier among the real
clips cannot inflate.
"""

from dataclasses import dataclass

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.kernel import squared_distances

PIECE = 1000  # clips whose distances from training clips are held at a time
SORTED = 64  # nearest clips of a clip, far more than a neighbourhood has


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances of all pairs of rows of `x: [n, d]` and `y: [m, d]`, `[n, m]`."""
    return np.sqrt(squared_distances(x, y))


def radii(within: np.ndarray, neighbours: int) -> np.ndarray:
    """The distance of each clip to its `neighbours`-th nearest other one, `[n]`, from `within: [n, n]`.

    Raises:
        FlowshotError: a clip does not have that many others.
    """
    if len(within) <= neighbours:
        raise FlowshotError(
            f"{neighbours} nearest neighbours need at least {neighbours + 1} clips, found {len(within)}; add clips"
        )
    # The nearest of all is the clip itself, at distance 0.
    return np.asarray(np.partition(within, neighbours, axis=1)[:, neighbours])


class Nearest:
    """The nearest clips of every clip of a set, sorted once: radii within many parts of the set follow in no time."""

    def __init__(self, within: np.ndarray) -> None:
        """`within: [n, n]` are the distances of the set."""
        most = min(SORTED, len(within))
        near = np.argpartition(within, most - 1, axis=1)[:, :most]
        order = np.argsort(np.take_along_axis(within, near, axis=1), axis=1)
        self.within, self.near = within, np.take_along_axis(near, order, axis=1)

    def radii(self, part: np.ndarray, neighbours: int) -> np.ndarray:
        """As `radii` of the clips in the rows `part: [p]` among themselves, `[p]`."""
        if len(part) <= neighbours:
            return radii(self.within[np.ix_(part, part)], neighbours)  # says what is wrong
        kept = np.zeros(len(self.within), dtype=bool)
        kept[part] = True
        reached = kept[self.near[part]].cumsum(axis=1) > neighbours
        found = self.within[part, self.near[part, reached.argmax(axis=1)]]
        beyond = ~reached[:, -1]
        if beyond.any():
            found[beyond] = np.partition(self.within[np.ix_(part[beyond], part)], neighbours, axis=1)[:, neighbours]
        return np.asarray(found)


def precision(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of candidates that lie in the ball of some real clip, whose radii are `[m]`."""
    return float((between <= reference_radii).any(axis=1).mean())


def recall(between: np.ndarray, candidate_radii: np.ndarray) -> float:
    """The fraction of real clips that lie in the ball of some candidate, whose radii are `[n]`; it grows with n."""
    return float((between <= candidate_radii[:, None]).any(axis=0).mean())


def coverage(between: np.ndarray, reference_radii: np.ndarray) -> float:
    """The fraction of real clips with a candidate in their ball; it grows with n."""
    return float((between.min(axis=0) <= reference_radii).mean())


def density(between: np.ndarray, within: np.ndarray, neighbours: int) -> float:
    """In how many balls of real clips a candidate lies, over the k neighbours in a ball; about 1 if alike.

    `within: [m, m]` are the distances of the real clips. Where several real clips are equal (silent ones, say), a ball
    holds more than k others, and counts for one over their number: else one silent candidate would lie in hundreds.
    """
    reach = radii(within, neighbours)
    others = (within <= reach[:, None]).sum(axis=1) - 1
    return float(((between <= reach) / others).sum(axis=1).mean())


@dataclass(frozen=True)
class NearestTraining:
    """For each of n clips the nearest training clip (its row), the distance to it, and whether this is no copy."""

    row: np.ndarray
    distance: np.ndarray
    authentic: np.ndarray


def nearest_training(clips: np.ndarray, training: np.ndarray) -> NearestTraining:
    """Compare `clips: [n, d]` with `training: [t, d]`.

    A clip is a copy where it lies closer to a training clip than the nearest other training clip does: Alaa et al.
    (2022), "How faithful is your synthetic data?" (arXiv:2102.08921), section 3.3.

    Raises:
        FlowshotError: fewer than 2 training clips.
    """
    if len(training) < 2:
        raise FlowshotError(
            f"nearest training clips: needs at least 2 training clips, found {len(training)}; add clips"
        )
    # Piece by piece: all distances of 10,000 training clips would take a gigabyte. A clip is the nearest of itself.
    pieces = np.array_split(training, -(-len(training) // PIECE))
    apart = np.concatenate([np.partition(distances(piece, training), 1, axis=1)[:, 1] for piece in pieces])
    between = distances(clips, training)
    row = between.argmin(axis=1)
    distance = between[np.arange(len(clips)), row]
    return NearestTraining(row, distance, distance > apart[row])


def relative_training_distance(candidates: np.ndarray, held_out: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """How far candidates are from training clips, as a multiple of how far real unseen clips are.

    Takes the distances of each candidate `[n]` and of each held-out clip `[m]` to its nearest training clip. Returns
    the ratio of their means and the influences of both sets, `[n]` and `[m]` with mean 0. The ratio is NaN where all
    held-out clips are copies themselves.
    """
    scale = float(held_out.mean())
    if scale == 0:
        return float("nan"), np.zeros(len(candidates)), np.zeros(len(held_out))
    ratio = float(candidates.mean()) / scale
    return ratio, candidates / scale - ratio, -ratio * (held_out / scale - 1)
