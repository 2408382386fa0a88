"""Intervals of means and proportions over clips with independent sources, and from any standard error."""

from collections.abc import Hashable, Sequence

import numpy as np


def mean_standard_error(values: np.ndarray, groups: Sequence[Hashable]) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of the mean of `values: [n]`, or None with fewer than 2 sources.

    The values of one source may depend on each other: Cochran (1977), "Sampling techniques", eq. 6.13, the
    variance of a ratio of two totals over clusters.
    """
    sources = list(dict.fromkeys(groups))
    if len(sources) < 2:
        return None
    position = {source: i for i, source in enumerate(sources)}
    residuals = np.bincount([position[group] for group in groups], weights=values - values.mean())
    factor = len(sources) / (len(sources) - 1)
    return float(np.sqrt(factor * np.square(residuals).sum()) / len(values)), float(len(sources) - 1)


def student_quantile(freedom: float, confidence: float) -> float:
    """The quantile of Student's t: the interval's half width in standard errors at this confidence."""
    # Imported here: it takes half a second, and metrics are usable without scipy.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))


def student_interval(
    value: float, error: tuple[float, float] | None, confidence: float
) -> tuple[float, float] | tuple[None, None]:
    """The interval that a standard error with its degrees of freedom gives; None twice if there is none."""
    if error is None:
        return None, None
    standard_error, freedom = error
    margin = student_quantile(freedom, confidence) * standard_error
    return value - margin, value + margin


def proportion_interval(
    value: float, error: tuple[float, float] | None, sources: int, confidence: float
) -> tuple[float, float] | tuple[None, None]:
    """The interval of a proportion between 0 and 1; None twice if it has no error.

    Wilson (1927), "Probable inference", with the number of independent draws that the standard error implies, or the
    number of sources where the proportion is 0 or 1, for which the error is 0 and says nothing. Unlike a t interval
    it stays within 0 and 1, and it is never empty.
    """
    if error is None:
        return None, None
    standard_error, freedom = error
    draws = value * (1 - value) / standard_error**2 if standard_error > 0 and 0 < value < 1 else float(sources)
    t = student_quantile(freedom if freedom > 0 else sources - 1, confidence)
    centre = (value + t**2 / (2 * draws)) / (1 + t**2 / draws)
    margin = t / (1 + t**2 / draws) * np.sqrt(value * (1 - value) / draws + t**2 / (4 * draws**2))
    # Rounding may put the end of an interval a hair inside the value 0 or 1.
    return min(value, max(0.0, float(centre - margin))), max(value, min(1.0, float(centre + margin)))
