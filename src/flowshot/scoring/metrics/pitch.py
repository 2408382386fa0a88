"""Whether reconstructions keep the pitch of their originals, by a network that tracks the fundamental frequency."""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.scoring.metrics.waveform import require_pairs

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

VOICED = 0.5  # confidence from which a frame (16 ms) has a pitch, as the tracker is calibrated
CENTS = 50.0


class Pitch(NamedTuple):
    """Of every frame of clips: the fundamental frequency in Hz and the confidence, `[n, frames]`."""

    hertz: np.ndarray
    confidence: np.ndarray


class PitchKept(NamedTuple):
    """Of each pair of clips, as parts of the original's voiced frames, `[n]`; NaN for an original without any."""

    voiced: np.ndarray
    """Frames that are voiced in the reconstruction too."""
    within_50_cents: np.ndarray
    """Frames that are voiced in the reconstruction, at a pitch no farther than 50 cents from the original's."""


def track_pitch(clips: np.ndarray, sample_rate: int) -> Pitch:
    """The pitch of `clips: [n, samples]` between 47 and 2,094 Hz.

    By SwiftF0 (Nieradzik 2025, arXiv:2508.18440), a small convolutional network whose weights ship in its package. It
    answers with one pitch even where several sound.

    Raises:
        FlowshotError: the package is not installed.
    """
    found = [_tracker().detect(np.asarray(clip), sample_rate) for clip in clips]
    return Pitch(np.array([each.pitch_hz for each in found]), np.array([each.confidence for each in found]))


def pitch_kept(reconstructions: np.ndarray, originals: np.ndarray, sample_rate: int) -> PitchKept:
    """How much of the pitch of each of `originals: [n, samples]` is in the clip at its place in `reconstructions`.

    Raises:
        FlowshotError: as `require_pairs` and `track_pitch`.
    """
    require_pairs("pitch", reconstructions, originals)
    found, wanted = (track_pitch(clips, sample_rate) for clips in (reconstructions, originals))
    voiced = wanted.confidence >= VOICED
    kept = voiced & (found.confidence >= VOICED)
    right = kept & (np.abs(1200 * np.log2(found.hertz / wanted.hertz)) <= CENTS)
    frames = voiced.sum(1)
    with np.errstate(invalid="ignore"):
        return PitchKept(kept.sum(1) / frames, right.sum(1) / frames)


@cache
def _tracker() -> "SwiftF0":
    # Imported here: scoring without reconstructions needs neither the tracker nor its runtime.
    try:
        from swift_f0 import SwiftF0
    except ImportError:
        raise FlowshotError("the pitch of reconstructions needs the package swift-f0; run `make setup`") from None
    return SwiftF0(threads=1, spin=False)
