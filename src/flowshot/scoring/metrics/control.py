"""Whether clips are as they were asked to be: attributes asked for against attributes measured."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from flowshot.clips.attributes import ASKED, ATTRIBUTES, attributes
from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import student_interval
from flowshot.scoring.metrics.score import Score

BATCH_SIZE = 64
FEWEST = 5  # clips: the interval needs more than 3


def read_asked(folder: Path) -> dict[str, np.ndarray]:
    """The values `[n]` that clips in `folder` were asked for, by attribute; empty where nothing was asked."""
    path = folder / ASKED
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    try:
        values = np.array(rows, dtype=float)
        unknown = set(names) - set(ATTRIBUTES)
        if unknown or values.ndim != 2:
            raise ValueError(f"unknown attributes {sorted(unknown)}" if unknown else "not a table")
    except ValueError as error:
        raise FlowshotError(f"{path}: holds no attributes ({error}); run `dvc repro` to sample again") from None
    return dict(zip(names, values.T, strict=True))


def control_scores(
    clips: np.ndarray, sample_rate: int, asked: Mapping[str, np.ndarray], confidence: float
) -> list[Score]:
    """Spearman's rank correlation of each attribute asked for with what `clips: [n, samples]` have, with its interval.

    The attribute's name stands in the place of an embedding's. The interval is Fisher's, with the variance
    1.06 / (n - 3) of ranks (Fieller, Hartley & Pearson 1957). What is the same for all clips has no score.
    """
    if len(clips) < FEWEST or not asked:
        return []
    batches = torch.from_numpy(np.array(clips, dtype=np.float32)).split(BATCH_SIZE)
    measured = torch.cat([attributes(batch, sample_rate) for batch in batches]).numpy()
    scores = []
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


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two rows `[n]`; equal values share the mean of their ranks."""
    from scipy.stats import rankdata  # imported here: metrics are usable without scipy

    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
