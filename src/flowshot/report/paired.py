"""Every arm against `no_nf` with the same prior and the same reference clips: differences, intervals, p-values.

A generator has no prior; it is compared with `no_nf` under the plan's first one. With several seeds the trainings are
what varies: arms are paired by seed, and the test is Student's for paired samples. With one seed nothing can be said
about trainings. The difference is then that of two sets of clips, whose uncertainty follows from the influence of
every reference source on both distances: what moves both alike cancels.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.core.plan import DIRECT
from flowshot.report.layout import Cell, Column, Row, Table, decimals
from flowshot.report.registry import metric
from flowshot.report.results import Frame, Influence, Pair, Report
from flowshot.scoring.metrics.holm import holm

BASELINE = "no_nf"
COMPARED = ("fad", "kid")
P_DECIMALS = 3
Error = tuple[float, float]  # a standard error and its degrees of freedom


def has_rivals(report: Report) -> bool:
    """Whether the plan has a `no_nf` and something to compare with it."""
    return BASELINE in report.plan.autoencoders and len(report.plan.models) > 1


def paired_tables(report: Report, dataset: str) -> list[Table]:
    """A table for each compared metric; none where there is nothing to compare."""
    compared = COMPARED if has_rivals(report) else ()
    return [_table(report, dataset, name) for name in compared if report.embeddings(dataset, name)]


def paired_differences(report: Report, dataset: str, name: str, embedding: str) -> Frame:
    """By how much each arm is further from real clips than `no_nf` with the same prior.

    A row for each arm of the plan, NaN where there is no such number: `mean` over seeds between `mean_low` and
    `mean_high`, `difference` between `low` and `high`, and `p`, two-sided and corrected by Holm's method.
    """
    seeds = report.seeds(dataset, name, embedding).reindex(list(report.plan.arms))
    found = {}
    for arm, own in seeds.iterrows():
        reference = (BASELINE, report.plan.priors[0] if arm[1] == DIRECT else arm[1])
        differences = own - seeds.loc[reference]
        if arm[0] == BASELINE or (own.isna() != seeds.loc[reference].isna()).any():
            differences[:] = np.nan
        error = seeds_error(differences) or _clips_error(report, (dataset, name, embedding), (arm, reference))
        compared = t_test(differences.mean(), error, report.confidence)
        found[arm] = (*t_test(own.mean(), seeds_error(own), report.confidence)[:3], *compared)
    names = ["mean", "mean_low", "mean_high", "difference", "low", "high", "p"]
    frame = pd.DataFrame(list(found.values()), pd.MultiIndex.from_tuples(found), names, dtype=float)
    known = frame["p"].notna()
    frame.loc[known, "p"] = holm(frame.loc[known, "p"].tolist())
    return frame


def t_test(value: float, error: Error | None, confidence: float) -> tuple[float, float, float, float]:
    """The value, the ends of its interval, and its two-sided p by Student's t; NaN where they are not known."""
    from scipy.special import stdtr  # half a second, and only these tables need it

    if error is None or np.isnan(value):
        return value, np.nan, np.nan, np.nan
    p = 2 * stdtr(error[1], -abs(value) / error[0]) if error[0] else value == 0
    return value, *student_interval(value, error, confidence), float(p)


def seeds_error(values: Frame) -> Error | None:
    """Of the mean over seeds; None with fewer than two."""
    found = values.dropna()
    return mean_standard_error(found.to_numpy(), found.index)


def influence_error(influence: Influence, other: Influence) -> Error:
    """Of the difference of two distances from the same reference."""
    sources = [source for source in influence.reference if source in other.reference]
    moved = np.array([influence.reference[source] - other.reference[source] for source in sources])
    shared = len(moved) / (len(moved) - 1) * float(np.square(moved).sum())
    return math.sqrt(influence.candidate_variance + other.candidate_variance + shared), len(moved) - 1


def _clips_error(report: Report, what: tuple[str, str, str], pairs: tuple[Pair, Pair]) -> Error | None:
    """Of one seed; `what`: dataset, metric and embedding. Scores of sets from one source have none."""
    dataset, name, embedding = what
    (seed, *others) = report.plan.seeds
    own, other = (report.influences.get(((dataset, *pair, seed), name, embedding)) for pair in pairs)
    return influence_error(own, other) if own and other and not others else None


def _table(report: Report, dataset: str, name: str) -> Table:
    shown, words = metric(name), report.words
    mean = replace(shown, title=words("mean {metric}", metric=shown.title), better=None)
    columns: list[Column] = []
    cells: dict[Pair, list[Cell | None]] = {arm: [] for arm in report.plan.arms}
    for embedding in report.embeddings(dataset, name):
        seeds = report.seeds(dataset, name, embedding).reindex(list(cells))
        places = decimals(seeds.stack(), report.digits, shown.scale)
        columns += [Column(one, embedding, places) for one in (mean, replace(mean, title="difference"))]
        columns += [Column(replace(mean, title="p (Holm)", scale=1.0), embedding, P_DECIMALS)]
        for arm, row in paired_differences(report, dataset, name, embedding).iterrows():
            numbers = [row.iloc[:3], row.iloc[3:6], (row["p"], np.nan, np.nan)]
            cells[arm] += [_cell(*number) for number in numbers]
    groups = tuple(
        tuple(Row(*arm, tuple(cells[arm]), arm[0] in report.baselines) for arm in cells if arm[0] == model)
        for model in report.plan.models
    )
    caption = _caption(report, dataset, shown.title)
    return Table(f"paired-{name}", dataset, caption, tuple(columns), groups, words)


def _cell(value: float, low: float, high: float) -> Cell | None:
    return None if np.isnan(value) else Cell(value, None, None if np.isnan(low) else (low, high))


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
