"""Every arm against `no_nf` with the same prior and the same reference clips: differences, intervals, p-values.

A generator has no prior; it is compared with `no_nf` under the plan's first one. With several seeds the trainings are
what varies: arms are paired by seed, and the test is Student's for paired samples. With one seed nothing can be said
about trainings. The difference is then that of two sets of clips, whose uncertainty follows from the influence of
every reference source on both distances: what moves both alike cancels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from flowshot.core.mean_interval import student_interval
from flowshot.core.plan import DIRECT
from flowshot.report.layout import Cell, Column, Row, Table, decimals
from flowshot.report.registry import Metric, metric
from flowshot.report.results import Influence, Pair, Report
from flowshot.scoring.metrics.holm import holm

BASELINE = "no_nf"
COMPARED = ("fad", "kid")
P_DECIMALS = 3


@dataclass(frozen=True)
class Difference:
    """How much larger an arm's distance is than the baseline's, with its interval and two-sided p-value."""

    value: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None


def paired_tables(report: Report, dataset: str) -> list[Table]:
    """A table for each compared metric; none where the plan has no `no_nf` or nothing to compare with it."""
    if BASELINE not in report.plan.autoencoders or len(report.plan.models) < 2:
        return []
    return [_table(report, dataset, name) for name in COMPARED if report.embeddings(dataset, name)]


def seed_difference(values: Mapping[int, float], baseline: Mapping[int, float], confidence: float) -> Difference:
    """Of trainings paired by their seed; at least two seeds."""
    differences = np.array([values[seed] - baseline[seed] for seed in sorted(values)])
    return _tested(float(differences.mean()), _standard_error(differences), len(differences) - 1, confidence)


def clip_difference(value: float, influence: Influence, other: Influence, confidence: float) -> Difference:
    """Of the distances of two sets of clips from the same reference, `value`, by the influences of both distances."""
    sources = [source for source in influence.reference if source in other.reference]
    moved = np.array([influence.reference[source] - other.reference[source] for source in sources])
    shared = len(moved) / (len(moved) - 1) * float(np.square(moved).sum())
    variance = influence.candidate_variance + other.candidate_variance + shared
    return _tested(value, math.sqrt(variance), len(moved) - 1, confidence)


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _tested(value: float, error: float, freedom: int, confidence: float) -> Difference:
    from scipy.special import stdtr  # half a second, and only these tables need it

    p_value = float(2 * stdtr(freedom, -abs(value) / error)) if error else float(value == 0)
    return Difference(value, _interval(value, error, freedom, confidence), p_value)


def _interval(value: float, error: float, freedom: int, confidence: float) -> tuple[float, float]:
    return cast(tuple[float, float], student_interval(value, (error, float(freedom)), confidence))


def _table(report: Report, dataset: str, name: str) -> Table:
    shown, arms, words = metric(name), report.plan.arms, report.words
    columns: list[Column] = []
    cells: dict[Pair, list[Cell | None]] = {arm: [] for arm in arms}
    for embedding in report.embeddings(dataset, name):
        values = report.values(dataset, name, embedding)
        places = decimals((v for arm in arms for v in values.get(arm, {}).values()), report.digits, shown.scale)
        mean = Metric(f"{name}_mean", words("mean {metric}", metric=shown.title), scale=shown.scale)
        difference = Metric(f"{name}_difference", "difference", scale=shown.scale)
        columns += [Column(mean, embedding, places), Column(difference, embedding, places)]
        columns += [Column(Metric(f"{name}_difference_p", "p (Holm)"), embedding, P_DECIMALS)]
        rivals = [arm for arm in arms if arm[0] != BASELINE]
        differences = {arm: _difference(report, (dataset, name, embedding), arm, values) for arm in rivals}
        known = {arm: one.p_value for arm, one in differences.items() if one and one.p_value is not None}
        corrected = dict(zip(known, map(float, holm(list(known.values()))), strict=True))
        for arm in arms:
            found, p_value = differences.get(arm), corrected.get(arm)
            cells[arm] += [
                _mean_cell(values.get(arm), report.confidence),
                Cell(found.value, None, found.interval) if found else None,
                None if p_value is None else Cell(p_value),
            ]
    groups = tuple(
        tuple(Row(*arm, tuple(cells[arm]), arm[0] in report.baselines) for arm in arms if arm[0] == model)
        for model in report.plan.models
    )
    caption = _caption(report, dataset, shown.title)
    return Table(f"paired-{name}", dataset, caption, tuple(columns), groups, words)


def _difference(
    report: Report, what: tuple[str, str, str], arm: Pair, values: Mapping[Pair, Mapping[int, float]]
) -> Difference | None:
    """`what`: dataset, metric and embedding."""
    dataset, name, embedding = what
    reference = (BASELINE, report.plan.priors[0] if arm[1] == DIRECT else arm[1])
    own, baseline = values.get(arm, {}), values.get(reference, {})
    if not own or own.keys() != baseline.keys():
        return None
    if len(own) > 1:
        return seed_difference(own, baseline, report.confidence)
    (seed,) = own
    value = own[seed] - baseline[seed]
    influences = report.influences
    found, other = (influences.get(((dataset, *pair, seed), name, embedding)) for pair in (arm, reference))
    if found is None or other is None:  # scores of sets from one source have no interval
        return Difference(value)
    return clip_difference(value, found, other, report.confidence)


def _mean_cell(values: Mapping[int, float] | None, confidence: float) -> Cell | None:
    found = np.array(list((values or {}).values()))
    if len(found) < 2:
        return Cell(float(found[0])) if len(found) else None
    mean = float(found.mean())
    return Cell(mean, None, _interval(mean, _standard_error(found), len(found) - 1, confidence))


def _caption(report: Report, dataset: str, title: str) -> tuple[str, ...]:
    plan, words = report.plan, report.words
    seeds, confidence = len(plan.seeds), f"{report.confidence:.0%}"
    if seeds > 1:
        how = "Means and differences over {seeds} seeds, {confidence} t intervals; paired by seed, Student's test."
    else:
        how = "One seed: differences with {confidence} intervals over clips (not over trainings), by reference clips."
    subject = "{metric} of every arm against {baseline} with the same prior, dataset {dataset}."
    direct = "Generators have no prior; they are compared with {baseline} / {prior}."
    corrected = "p-values are corrected by Holm's method for the {comparisons} comparisons of a column."
    comparisons = sum(arm[0] != BASELINE for arm in plan.arms)
    return (
        words(subject, metric=title, baseline=BASELINE, dataset=dataset),
        *([words(direct, baseline=BASELINE, prior=plan.priors[0])] if plan.generators else []),
        words(how, seeds=seeds, confidence=confidence),
        words(corrected, comparisons=comparisons),
    )
