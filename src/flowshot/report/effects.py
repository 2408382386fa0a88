"""What one choice changes on average: the main effects of a plan whose autoencoders are a factorial."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowshot.report.layout import Cell, Column, Row, Table, decimals
from flowshot.report.paired import BASELINE, P_DECIMALS, compared_metrics, difference_of, over_seeds, p_cell
from flowshot.report.registry import metric
from flowshot.report.results import Report
from flowshot.scoring.metrics.holm import holm
from flowshot.scoring.metrics.paired import Difference

Pairs = list[tuple[str, str]]  # of autoencoders, with the factor and without


@dataclass(frozen=True)
class Effect:
    """By how much autoencoders with a factor are further from real clips than the same ones without it."""

    factor: str
    prior: str
    difference: Difference
    p: float


def factors(report: Report, dataset: str) -> dict[str, Pairs]:
    """Pairs of autoencoders that differ in one parameter alone, by that parameter and its value.

    The second of a pair has the value of `no_nf`. A factor of a single pair is left out: that is a pairwise comparison.
    """
    known = {one.model: dict(_flat(one.run.get("parameters", {}))) for one in report.trainings.get(dataset, [])}
    found: dict[str, Pairs] = {}
    for arm, other in itertools.permutations([name for name in report.plan.autoencoders if known.get(name)], 2):
        keys = known[arm].keys() | known[other].keys()
        differing = [key for key in keys if known[arm].get(key) != known[other].get(key)]
        if len(differing) == 1 and known[other].get(differing[0]) == known.get(BASELINE, {}).get(differing[0]):
            key = differing[0]
            found.setdefault(f"{key.rpartition('.')[2]}: {known[arm].get(key)}", []).append((arm, other))
    return {factor: pairs for factor, pairs in sorted(found.items()) if len(pairs) > 1}


def effects(report: Report, dataset: str, name: str, embedding: str) -> list[Effect]:
    """Every factor under every prior, averaged over the pairs of the factor; p-values are corrected by Holm's method.

    Pairs are averaged within a seed, whose distances share the reference and nothing else.
    """
    found: list[tuple[str, str, Difference]] = []
    for (factor, pairs), prior in itertools.product(factors(report, dataset).items(), report.plan.priors):
        sides = [(arm, prior) for arm, _ in pairs], [(other, prior) for _, other in pairs]
        difference = difference_of(report, dataset, name, embedding, sides, report.plan.seeds)
        if difference:
            found.append((factor, prior, difference))
    p_values = holm([difference.p_value for *_, difference in found])
    return [Effect(*one, p=float(p)) for one, p in zip(found, p_values, strict=True)]


def effects_table(report: Report, dataset: str) -> Table | None:
    """A row for each factor and prior; None where the autoencoders are no factorial."""
    words = report.words
    columns: list[Column] = []
    rows: dict[tuple[str, str], dict[int, Cell]] = {}
    for name in compared_metrics(report, dataset):
        for embedding in report.embeddings(dataset, name):
            found, shown = effects(report, dataset, name, embedding), metric(name)
            title = words("{metric} difference", metric=words(shown.title))
            difference = replace(shown, title=title, better=None)
            places = decimals([one.difference.value for one in found], report.digits, shown.scale)
            for one in found:
                cell = Cell(one.difference.value, interval=one.difference.interval(report.confidence))
                rows.setdefault((one.factor, one.prior), {}).update(
                    {len(columns): cell, len(columns) + 1: p_cell(one.p)}
                )
            columns += [Column(difference, embedding, places)]
            columns += [Column(replace(difference, title="p (Holm)", scale=1.0), embedding, P_DECIMALS)]
    if not rows:
        return None
    subject = (
        "Main effects, dataset {dataset}: mean difference between autoencoders with and without a factor that are "
        "otherwise equal; negative means that the factor brings clips closer to real ones."
    )
    corrected = "p-values are corrected by Holm's method within a column."
    caption = (words(subject, dataset=dataset), over_seeds(report), words(corrected))
    lines = (Row(*labels, tuple(map(cells.get, range(len(columns))))) for labels, cells in rows.items())
    header = ("factor", "prior")
    return Table("effects", dataset, caption, tuple(columns), (tuple(lines),), words, header=header)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested sections by their path."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
