"""Every arm against `no_nf` with the same prior and the same reference clips: differences, intervals, p-values.

With several seeds the trainings are what varies: arms are paired by seed, and the test is Student's for paired samples.
With one seed nothing can be said about trainings. The difference is then that of two sets of clips, whose uncertainty
follows from the influence of every reference source on both distances: what moves both alike cancels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowshot.core.mean_interval import student_interval
from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.registry import EMBEDDINGS, Metric, metric
from flowshot.report.results import Influence, Results
from flowshot.scoring.metrics.holm import holm

BASELINE = "no_nf"
COMPARED = ("fad", "kid")
P_DECIMALS = 3


@dataclass(frozen=True)
class Difference:
    """How much larger an arm's distance is than the baseline's, with its interval and two-sided p-value."""

    value: float
    interval: tuple[float, float] | None
    p_value: float | None


def paired_tables(
    results: Results, plan: PlanConfig, dataset: str, digits: int, confidence: float, words: Words
) -> list[Table]:
    """A table for each compared metric; none where the plan has no baseline or nothing to compare with it."""
    if BASELINE not in plan.autoencoders or len(plan.autoencoders) < 2:
        return []
    frame = results.frame[results.frame["dataset"] == dataset]
    tables = []
    for name in COMPARED:
        embeddings = [known for known in EMBEDDINGS if known in set(frame[frame["metric"] == name]["embedding"])]
        if embeddings:
            tables.append(_table(results, frame, plan, dataset, name, embeddings, digits, confidence, words))
    return tables


def seed_difference(values: Mapping[int, float], baseline: Mapping[int, float], confidence: float) -> Difference:
    """Of trainings paired by their seed; at least two seeds."""
    differences = np.array([values[seed] - baseline[seed] for seed in sorted(values)])
    error = float(differences.std(ddof=1) / math.sqrt(len(differences)))
    return _tested(float(differences.mean()), error, len(differences) - 1, confidence)


def clip_difference(value: float, influence: Influence, other: Influence, confidence: float) -> Difference:
    """Of the distances of two sets of clips from the same reference, `value`, by the influences of both distances."""
    sources = [source for source in influence.reference if source in other.reference]
    moved = np.array([influence.reference[source] - other.reference[source] for source in sources])
    shared = len(moved) / (len(moved) - 1) * float(np.square(moved).sum())
    variance = influence.candidate_variance + other.candidate_variance + shared
    return _tested(value, math.sqrt(variance), len(moved) - 1, confidence)


def _tested(value: float, error: float, freedom: int, confidence: float) -> Difference:
    from scipy.special import stdtr  # half a second, and only these tables need it

    low, high = student_interval(value, (error, float(freedom)), confidence)
    interval = None if low is None or high is None else (low, high)
    if error == 0:
        return Difference(value, interval, 1.0 if value == 0 else 0.0)
    return Difference(value, interval, float(2 * stdtr(freedom, -abs(value) / error)))


def _table(
    results: Results,
    frame: pd.DataFrame,
    plan: PlanConfig,
    dataset: str,
    name: str,
    embeddings: Sequence[str],
    digits: int,
    confidence: float,
    words: Words,
) -> Table:
    shown, arms = metric(name), [(a, prior) for a in plan.autoencoders for prior in plan.priors]
    columns: list[Column] = []
    cells: dict[tuple[str, str], list[Cell | None]] = {arm: [] for arm in arms}
    for embedding in embeddings:
        values = {arm: _by_seed(frame, arm, name, embedding) for arm in arms}
        differences = {
            arm: _difference(results, plan, dataset, arm, values, name, embedding, confidence)
            for arm in arms
            if arm[0] != BASELINE
        }
        decimals = _decimals([abs(v) for found in values.values() for v in found.values()], shown.scale, digits)
        columns += [
            Column(
                Metric(f"{name}_mean", words("mean {metric}", metric=shown.title), scale=shown.scale),
                embedding,
                decimals,
            ),
            Column(Metric(f"{name}_difference", "difference", scale=shown.scale), embedding, decimals),
            Column(Metric(f"{name}_difference_p", "p (Holm)"), embedding, P_DECIMALS),
        ]
        corrected = _corrected(differences)
        for arm in arms:
            difference, p_value = differences.get(arm), corrected.get(arm)
            cells[arm] += [
                _mean_cell(list(values[arm].values()), confidence),
                Cell(difference.value, None, difference.interval) if difference else None,
                None if p_value is None else Cell(p_value, None, None),
            ]
    rows = [Row(*arm, tuple(cells[arm])) for arm in arms]
    groups = tuple(tuple(row for row in rows if row.autoencoder == each) for each in plan.autoencoders)
    caption = _caption(shown.title, plan, dataset, f"{confidence:.0%}", words)
    return Table(f"paired-{name}", dataset, caption, tuple(columns), groups, True, words)


def _by_seed(frame: pd.DataFrame, arm: tuple[str, str], name: str, embedding: str) -> dict[int, float]:
    found = frame[
        (frame["autoencoder"] == arm[0])
        & (frame["prior"] == arm[1])
        & (frame["metric"] == name)
        & (frame["embedding"] == embedding)
    ]
    return {int(seed): float(value) for seed, value in zip(found["seed"], found["value"], strict=True)}


def _difference(
    results: Results,
    plan: PlanConfig,
    dataset: str,
    arm: tuple[str, str],
    values: Mapping[tuple[str, str], Mapping[int, float]],
    name: str,
    embedding: str,
    confidence: float,
) -> Difference | None:
    own, baseline = values[arm], values[BASELINE, arm[1]]
    if not own or own.keys() != baseline.keys():
        return None
    if len(own) > 1:
        return seed_difference(own, baseline, confidence)
    (seed,) = own
    value = own[seed] - baseline[seed]
    keys = [((dataset, autoencoder, arm[1], seed), name, embedding) for autoencoder in (arm[0], BASELINE)]
    found = [results.influences.get(key) for key in keys]
    if found[0] is None or found[1] is None:  # scores of sets from one source have no interval
        return Difference(value, None, None)
    return clip_difference(value, found[0], found[1], confidence)


def _corrected(differences: Mapping[tuple[str, str], Difference | None]) -> dict[tuple[str, str], float]:
    """The p-values of a column, corrected as one family."""
    known = {arm: one.p_value for arm, one in differences.items() if one and one.p_value is not None}
    return dict(zip(known, map(float, holm(list(known.values()))), strict=True))


def _mean_cell(values: Sequence[float], confidence: float) -> Cell | None:
    if not values:
        return None
    mean, interval = float(np.mean(values)), None
    if len(values) > 1:
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        low, high = student_interval(mean, (error, float(len(values) - 1)), confidence)
        interval = None if low is None or high is None else (low, high)
    return Cell(mean, None, interval)


def _decimals(values: Sequence[float], scale: float, digits: int) -> int:
    largest = max(values, default=0.0) * scale
    return max(digits - 1 - math.floor(math.log10(largest)), 0) if largest > 0 else digits - 1


def _caption(title: str, plan: PlanConfig, dataset: str, confidence: str, words: Words) -> tuple[str, ...]:
    seeds = len(plan.seeds)
    if seeds > 1:
        how = "Means and differences over {seeds} seeds, {confidence} t intervals; paired by seed, Student's test."
    else:
        how = "One seed: differences with {confidence} intervals over clips (not over trainings), by reference clips."
    subject = "{metric} of every arm against {baseline} with the same prior, dataset {dataset}."
    corrected = "p-values are corrected by Holm's method for the {comparisons} comparisons of a column."
    return (
        words(subject, metric=title, baseline=BASELINE, dataset=dataset),
        words(how, seeds=seeds, confidence=confidence),
        words(corrected, comparisons=(len(plan.autoencoders) - 1) * len(plan.priors)),
    )
