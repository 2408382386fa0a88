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
SPARE = 3  # clips that may be nearer than those that single precision takes for the nearest
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

    def at(self, rows: np.ndarray) -> "NearestTraining":
        """The same of the clips in these rows."""
        return NearestTraining(self.row[rows], self.distance[rows], self.authentic[rows])


def nearest_others(clips: np.ndarray) -> np.ndarray:
    """How far each of `clips: [n, d]` is from the nearest other one, `[n]`; n is 2 or more."""
    return _nearest(clips, clips, 2)[1][:, 1]  # a clip is the nearest of itself


def nearest_training(clips: np.ndarray, training: np.ndarray, apart: np.ndarray) -> NearestTraining:
    """Compare `clips: [n, d]` with `training: [t, d]`, which are `apart: [t]` from the nearest of each other.

    A clip is a copy where it lies closer to a training clip than the nearest other training clip does: Alaa et al.
    (2022), "How faithful is your synthetic data?" (arXiv:2102.08921), section 3.3.
    """
    rows, found = _nearest(clips, training, 1)
    row, distance = rows[:, 0], found[:, 0]
    return NearestTraining(row, distance, distance > apart[row])


def _nearest(clips: np.ndarray, training: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the `count` nearest of `training: [t, d]` and the distances to them, nearest first, `[n, count]`.

    A few are looked for in single precision, in half the time, and measured in double.
    """
    origin = training.mean(axis=0)
    rough = (training - origin).astype(np.float32)
    norms = np.einsum("td,td->t", rough, rough)
    few = min(count + SPARE, len(training))
    rows, found = [], []
    for piece in np.array_split(clips, -(-len(clips) // PIECE)):  # all distances of 10,000 clips would take a gigabyte
        squared = norms - 2 * ((piece - origin).astype(np.float32) @ rough.T)  # less the clip's own norm
        near = np.argpartition(squared, few - 1, axis=1)[:, :few]
        apart = np.stack([np.linalg.norm(piece - training[each], axis=1) for each in near.T], axis=1)
        order = np.lexsort((near, apart), axis=1)[:, :count]
        rows.append(np.take_along_axis(near, order, axis=1))
        found.append(np.take_along_axis(apart, order, axis=1))
    return np.concatenate(rows), np.concatenate(found)


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
