"""One word for a latent, and the numbers that led to it."""

from collections.abc import Sequence

import numpy as np

# Below the first, of dimensions in use or of the relative rise of the loss, the latent is not used; below the second,
# of dimensions, only in part.
COLLAPSED, PARTLY_COLLAPSED = 0.05, 0.75
# A loss that falls by more than this part over the last half of a training would have gone on falling.
STILL_FALLING = 0.1


def judge(used: int, latent_size: int, relative_gap: float, history: Sequence[float] | None = None) -> tuple[str, str]:
    """A verdict and the numbers that led to it, in one sentence.

    Args:
        used: dimensions that vary over clips and reach the decoder.
        latent_size: all dimensions.
        relative_gap: rise of the reconstruction loss when clips get one another's latents, as a part of that loss.
        history: the reconstruction loss of training, row by row, where it is known: without much of a gap, a latent
            that reaches the decoder is not ignored but not yet learned from, if that loss was still falling.
    """
    fraction = used / latent_size
    # Asked this way round, a gap that is no number is not called healthy.
    advice = ""
    if fraction >= COLLAPSED > relative_gap and history is not None and still_falling(history):
        verdict, advice = "untrained", " The reconstruction loss was still falling: train it for more steps."
    elif not (fraction >= COLLAPSED and relative_gap >= COLLAPSED):
        verdict = "collapsed"
    elif fraction < PARTLY_COLLAPSED:
        verdict = "partly_collapsed"
    else:
        verdict = "healthy"
    return verdict, (
        f"{used} of {latent_size} dimensions vary over clips and reach the decoder, and exchanging the latents of "
        f"clips raises the reconstruction loss by {100 * relative_gap:.1f} %.{advice}"
    )


def still_falling(losses: Sequence[float]) -> bool:
    """Whether a line through the logarithms of the last half of `losses` falls by more than `STILL_FALLING`."""
    last = np.log(np.maximum(losses[len(losses) // 2 :], 1e-12))
    if len(last) < 3:
        return True  # too few to say that it stopped
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    return bool(np.exp(slope * (len(last) - 1)) < 1 - STILL_FALLING)
