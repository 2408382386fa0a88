"""How loud a sound is, as a number that a network can use."""

import math

from torch import Tensor

# Power below this, relative to full scale, is silence.
SILENT_POWER = 1e-8


def log_level(power: Tensor) -> Tensor:
    """The logarithm of `power`: about -2 for silence (-80 dB) and 2 for full scale."""
    return (power + SILENT_POWER).log() * (4 / -math.log(SILENT_POWER)) + 2
