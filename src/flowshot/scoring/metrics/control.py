"""Whether clips are as they were asked to be: attributes asked for against attributes measured."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flowshot.clips.attributes import ASKED, ATTRIBUTES, attributes_of
from flowshot.core.mean_interval import student_interval
from flowshot.scoring.metrics.score import Score

FEWEST = 5  # clips: the interval needs more than 3


def read_asked(folder: Path) -> dict[str, np.ndarray]:
    """The values `[n]` that clips in `folder` were asked for, by attribute; empty where nothing was asked."""
    path = folder / ASKED
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, np.array(rows, dtype=float).T, strict=True))


def control_scores(
    clips: np.ndarray, sample_rate: int, asked: Mapping[str, np.ndarray], confidence: float
) -> list[Score]:
    """How well `clips: [n, samples]` obey, by attribute, whose name stands in the place of an embedding's.

    * `control`: Spearman's rank correlation of what was asked for with what the clips have. The interval is Fisher's,
      with the variance 1.06 / (n - 3) of ranks (Fieller, Hartley & Pearson 1957).
    * `control_error`: the mean distance of the two, of attributes from 0 to 1.
    * `control_leak`: see `side_effects`.

    What is the same for all clips has no score.
    """
    if len(clips) < FEWEST or not asked:
        return []
    measured = attributes_of(clips, sample_rate).numpy()
    scores = [
        _error(name, np.abs(wanted - measured[:, ATTRIBUTES.index(name)]), confidence) for name, wanted in asked.items()
    ]
    for name, value in side_effects(asked, measured).items():
        scores.append(Score("control_leak", name, value, None, None, len(clips)))
    for name, wanted in asked.items():
        found = measured[:, ATTRIBUTES.index(name)]
        if np.ptp(wanted) == 0 or np.ptp(found) == 0:
            continue
        value = rank_correlation(wanted, found)
        error = None  # the interval of a perfect correlation would be a point
        if abs(value) < 1 - 1e-9:
            error = (float(np.sqrt(1.06 / (len(clips) - 3))), float(len(clips) - 3))
        ends = student_interval(float(np.arctanh(value)) if error else value, error, confidence)
        low, high = (None if end is None else float(np.tanh(end)) for end in ends)
        scores.append(Score("control", name, value, low, high, len(clips)))
    return scores


def side_effects(asked: Mapping[str, np.ndarray], measured: np.ndarray) -> dict[str, float]:
    """How far the other attributes move where one is asked for one standard deviation more, and no other is.

    A linear regression of all that was `measured: [n, attributes]` on all that was asked, both in standard deviations;
    for each attribute the root mean square of its coefficients for the others. Empty where fewer than two vary.
    """
    names = [name for name, wanted in asked.items() if np.ptp(wanted) > 0]
    found = measured[:, [ATTRIBUTES.index(name) for name in names]]
    if len(names) < 2 or len(measured) <= len(names) + 1 or not np.ptp(found, axis=0).all():
        return {}
    wanted, had = ((each - each.mean(0)) / each.std(0) for each in (np.stack([asked[n] for n in names], 1), found))
    effects = np.linalg.lstsq(wanted, had, rcond=None)[0]  # [asked, measured]
    np.fill_diagonal(effects, 0)
    sizes = np.sqrt(np.square(effects).sum(1) / (len(names) - 1))
    return dict(zip(names, map(float, sizes), strict=True))


def _error(name: str, distances: np.ndarray, confidence: float) -> Score:
    spread = (float(distances.std(ddof=1) / np.sqrt(len(distances))), float(len(distances) - 1))
    low, high = student_interval(float(distances.mean()), spread, confidence)
    return Score("control_error", name, float(distances.mean()), low, high, len(distances))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two rows `[n]`; equal values share the mean of their ranks."""
    from scipy.stats import rankdata  # imported here: metrics are usable without scipy

    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
