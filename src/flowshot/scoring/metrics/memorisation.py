"""Are candidates copies of training clips? By nearest neighbours, in any embedding.

Authenticity: Alaa et al. (2022), "How faithful is your synthetic data?" (arXiv:2102.08921), section 3.3: a candidate is
a copy where it lies closer to a training clip than the nearest other training clip does.
"""

from dataclasses import dataclass

import numpy as np

from flowshot.scoring.metrics.neighbours import distances, radii


@dataclass(frozen=True)
class NearestTraining:
    """For each of n clips the nearest training clip (its row), the distance to it, and whether this is no copy."""

    row: np.ndarray
    distance: np.ndarray
    authentic: np.ndarray


def nearest_training(clips: np.ndarray, training: np.ndarray) -> NearestTraining:
    """Compare `clips: [n, d]` with `training: [t, d]`.

    Raises:
        FlowshotError: fewer than 2 training clips.
    """
    apart = radii(distances(training, training), 1)
    between = distances(clips, training)
    row = between.argmin(axis=1)
    distance = between[np.arange(len(clips)), row]
    return NearestTraining(row, distance, distance > apart[row])


def relative_training_distance(candidates: np.ndarray, held_out: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """How far candidates are from training clips, as a multiple of how far real unseen clips are.

    Takes the distances of each candidate `[n]` and of each held-out clip `[m]` to its nearest training clip. Returns
    the ratio of their means and the influences of both sets, `[n]` and `[m]` with mean 0. 1 is as far as real clips
    are, and copies are at 0. The ratio is NaN where all held-out clips are copies themselves.
    """
    scale = float(held_out.mean())
    if scale == 0:
        return float("nan"), np.zeros(len(candidates)), np.zeros(len(held_out))
    ratio = float(candidates.mean()) / scale
    return ratio, candidates / scale - ratio, -ratio * (held_out / scale - 1)
