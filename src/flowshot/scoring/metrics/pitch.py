"""Whether reconstructions keep the pitch of their originals, by a network that tracks the fundamental frequency."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

VOICED = 0.5  # confidence from which a frame (16 ms) has a pitch, as the tracker is calibrated
CENTS = 50.0


def track_pitch(clips: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The pitch of `clips: [n, samples]` between 47 and 2,094 Hz, and the confidence in it, both `[n, frames]`.

    By SwiftF0 (Nieradzik 2025, arXiv:2508.18440), a small convolutional network whose weights ship in its package. It
    answers with one pitch even where several sound.
    """
    found = [_tracker().detect(np.asarray(clip), sample_rate) for clip in clips]
    return np.array([each.pitch_hz for each in found]), np.array([each.confidence for each in found])


def pitch_kept(reconstructions: np.ndarray, originals: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of the pitch of each of `originals: [n, samples]` is in the clip at its place in `reconstructions`.

    Returns:
        The share of the original's voiced frames that are voiced in the reconstruction too, and of those that are, at a
        pitch within 50 cents of the original's: `[n]` each, NaN for an original without voiced frames.
    """
    found, confidence = track_pitch(reconstructions, sample_rate)
    wanted, confidence_of_original = track_pitch(originals, sample_rate)
    voiced = confidence_of_original >= VOICED
    kept = voiced & (confidence >= VOICED)
    right = kept & (np.abs(1200 * np.log2(found / wanted)) <= CENTS)
    frames = voiced.sum(1)
    with np.errstate(invalid="ignore"):
        return kept.sum(1) / frames, right.sum(1) / frames


@cache
def _tracker() -> "SwiftF0":
    from swift_f0 import SwiftF0  # brings a runtime of its own, and only reconstructions need it

    return SwiftF0(threads=1, spin=False)
