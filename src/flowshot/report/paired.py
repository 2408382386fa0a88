"""Arm against arm on the same reference: differences, what could have been found, and whether arms are equal.

Two families of comparisons: each autoencoder with `no_nf` under the same prior (a generator, which has no prior, with
`no_nf` under the plan's first one), and every two priors of one autoencoder. Arms are paired by seed and by the sources
of the reference, see `flowshot.scoring.metrics.paired`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from flowshot.core.plan import DIRECT, REAL
from flowshot.report.layout import Cell, Column, Row, Table, decimals
from flowshot.report.registry import metric
from flowshot.report.results import Pair, Report, arm_name
from flowshot.scoring.metrics.holm import holm
from flowshot.scoring.metrics.paired import Difference, averaged, paired_difference

BASELINE = "no_nf"
COMPARED = ("kid", "fad")
ROBUST = "kad"  # in place of KID where tails are too heavy for a test of that: its kernel is bounded
POWER = 0.8
P_DECIMALS, SMALLEST_P = 3, "< 0.001"
DIFFERS, EQUAL, UNDECIDED = VERDICTS = ("differs", "equivalent", "inconclusive")
Family = Literal["autoencoders", "priors"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Test:
    """What a difference of two arms says: see `compared`."""

    interval: tuple[float, float]
    p: float
    found_from: float
    verdict: str


@dataclass(frozen=True)
class Compared:
    """By how much `arm` is further from real clips than `other`, the mean over seeds; no test without influences."""

    arm: Pair
    other: Pair
    difference: float
    test: Test | None

    @property
    def verdict(self) -> str | None:
        """That of the test."""
        return self.test.verdict if self.test else None


def comparisons(report: Report) -> dict[Family, list[tuple[Pair, Pair]]]:
    """The pairs of arms of each family: an arm, and the one that it is compared with. Baselines compete with none."""
    plan, rivals = report.plan, [arm for arm in report.competing if arm[0] != BASELINE]
    alike = [(arm, (BASELINE, plan.priors[0] if arm[1] == DIRECT else arm[1])) for arm in rivals if plan.priors]
    priors = [
        ((model, prior), (model, other))
        for model in plan.autoencoders
        for other, prior in itertools.combinations(plan.priors, 2)
    ]
    return {"autoencoders": alike if BASELINE in plan.autoencoders else [], "priors": priors}


def compared(report: Report, dataset: str, name: str, embedding: str, family: Family) -> list[Compared]:
    """The pairs of arms of a family that have scores of the same seeds.

    p-values, two-sided, and those of two one-sided tests against the margin are corrected by Holm's method within this
    list; `found_from` is the smallest true difference that one test would have found with probability `POWER`.
    """
    values = report.seeds(dataset, name, embedding)
    floor = float(values.loc[[(REAL, REAL)]].mean(axis=None)) if (REAL, REAL) in values.index else 0.0
    found: list[tuple[Pair, Pair, float, Difference | None, float]] = []
    for arm, other in comparisons(report)[family]:
        if not {arm, other} <= set(values.index):
            continue
        own, against = values.loc[arm].dropna(), values.loc[other].dropna()
        if list(own.index) != list(against.index):
            continue
        difference = difference_of(report, dataset, name, embedding, ([arm], [other]), list(own.index))
        margin = report.equivalence_margin * max(float(against.mean()) - floor, 0.0)
        found.append((arm, other, float((own - against).mean()), difference, margin))
    tests = iter(_tests([(difference, margin) for *_, difference, margin in found if difference], report.confidence))
    return [Compared(arm, other, by, next(tests) if difference else None) for arm, other, by, difference, _ in found]


def _tests(differences: Sequence[tuple[Difference, float]], confidence: float) -> list[Test]:
    """The tests of differences, each with its margin, whose p-values are corrected together."""
    p_values = holm([difference.p_value for difference, _ in differences])
    equal_p_values = holm([difference.equivalence(margin) for difference, margin in differences])
    tests = []
    for (difference, _), p, equal_p in zip(differences, p_values, equal_p_values, strict=True):
        verdict = DIFFERS if p < 1 - confidence else EQUAL if equal_p < 1 - confidence else UNDECIDED
        found_from = difference.detectable(POWER, confidence)
        tests.append(Test(difference.interval(confidence), float(p), found_from, verdict))
    return tests


def paired_tables(report: Report, dataset: str) -> list[Table]:
    """A table for each compared metric; none where there is nothing to compare."""
    if not any(comparisons(report).values()):
        return []
    return [_table(report, dataset, name) for name in compared_metrics(report, dataset)]


def compared_metrics(report: Report, dataset: str) -> list[str]:
    """`COMPARED`, where they were measured, and `ROBUST` where it is needed."""
    needed = any(lacks_test(report, dataset, embedding) for embedding in report.embeddings(dataset, ROBUST))
    return [name for name in COMPARED if report.embeddings(dataset, name)] + [ROBUST] * needed


def lacks_test(report: Report, dataset: str, embedding: str) -> bool:
    """Whether the KAD of an arm of the plan can be compared in this embedding, but not its KID."""
    arms = {arm for arm, name, of in report.distances if name == ROBUST and of == embedding and arm[0] == dataset}
    return any(arm[1:3] in report.plan.arms and (arm, COMPARED[0], embedding) not in report.distances for arm in arms)


def difference_of(
    report: Report,
    dataset: str,
    name: str,
    embedding: str,
    sides: tuple[Sequence[Pair], Sequence[Pair]],
    seeds: Sequence[int],
) -> Difference | None:
    """The difference of two sides in the metric `name`; of several arms on a side, that of their means in each seed.

    None if a score has no influences (its clips come from a single source), or the scores have different references.
    """
    keys = [[[((dataset, *arm, seed), name, embedding) for arm in side] for seed in seeds] for side in sides]
    if not seeds or not all(key in report.distances for side in keys for seed in side for key in seed):
        return None
    try:
        return paired_difference(
            *([averaged([report.distances[key] for key in seed]) for seed in side] for side in keys)
        )
    except ValueError:
        return None


def _table(report: Report, dataset: str, name: str) -> Table:
    shown, words = metric(name), report.words
    columns: list[Column] = []
    groups: dict[Family, dict[tuple[Pair, Pair], list[Cell | None]]] = {
        family: {pair: [] for pair in pairs} for family, pairs in comparisons(report).items()
    }
    for embedding in report.embeddings(dataset, name):
        found = {family: compared(report, dataset, name, embedding, family) for family in groups}
        everything = [one.difference for family in found.values() for one in family]
        difference = replace(shown, title=words("{metric} difference", metric=words(shown.title)), better=None)
        columns += [Column(difference, embedding, decimals(everything, report.digits, shown.scale))]
        columns += [Column(replace(difference, title="p (Holm)", scale=1.0), embedding, P_DECIMALS)]
        columns += [replace(columns[-2], metric=replace(difference, title="detectable difference"))]
        columns += [Column(replace(difference, title="verdict", scale=1.0), embedding)]
        for family, rows in groups.items():
            cells = {(one.arm, one.other): _cells(one) for one in found[family]}
            for pair, line in rows.items():
                line += cells.get(pair, [None] * 4)
    kept = (
        tuple(Row(arm_name(arm), arm_name(other), tuple(line)) for (arm, other), line in rows.items() if any(line))
        for rows in groups.values()
    )
    caption, header = _caption(report, dataset, shown.title), ("arm", "against")
    return Table(f"paired-{name}", dataset, caption, tuple(columns), tuple(filter(None, kept)), words, header=header)


def _cells(one: Compared) -> list[Cell | None]:
    test = one.test
    if test is None:
        return [Cell(one.difference), None, None, None]
    verdict = Cell(float(VERDICTS.index(test.verdict)), word=test.verdict)
    return [Cell(one.difference, interval=test.interval), p_cell(test.p), Cell(test.found_from), verdict]


def p_cell(p: float) -> Cell:
    """A p-value, which is never shown as 0."""
    return Cell(p, word=SMALLEST_P if p < 10**-P_DECIMALS else "")


def over_seeds(report: Report) -> str:
    """What the intervals of differences are over."""
    confidence = f"{report.confidence:.0%}"
    if len(report.plan.seeds) > 1:
        how = (
            "Differences over {seeds} seeds with {confidence} t intervals, paired by seed and by reference source; "
            "the variance between seeds is part of them."
        )
    else:
        how = (
            "One seed: differences with {confidence} intervals over clips (not over trainings), paired by reference "
            "source."
        )
    return report.words(how, seeds=len(report.plan.seeds), confidence=confidence)


def _caption(report: Report, dataset: str, title: str) -> tuple[str, ...]:
    plan, words = report.plan, report.words
    subject = (
        "Difference in {metric} between two arms on the same reference, dataset {dataset}: negative means the first is "
        "closer to real clips."
    )
    direct = "Generators have no prior; they are compared with {baseline} / {prior}."
    families = {family: len(pairs) for family, pairs in comparisons(report).items()}
    corrected = (
        "p-values are corrected by Holm's method within two families of a column: {autoencoders} comparisons of "
        "autoencoders and {priors} of priors."
    )
    power = (
        "Detectable difference: the smallest true difference that a single test at the {alpha} level detects with "
        "{power} power."
    )
    equal = (
        "Equivalent: two one-sided tests, corrected alike, place the difference within {margin} of what "
        "separates the other arm from the floor."
    )
    numbers = {"alpha": f"{1 - report.confidence:.0%}", "power": f"{POWER:.0%}"}
    return (
        words(subject, metric=words(title), dataset=dataset),
        *([words(direct, baseline=BASELINE, prior=plan.priors[0])] if _direct(report) else []),
        over_seeds(report),
        words(corrected, **families),
        words(power, **numbers),
        words(equal, margin=f"{report.equivalence_margin:.0%}"),
    )


def _direct(report: Report) -> bool:
    """Whether a generator is compared with an arm that has a prior."""
    return any(arm[1] == DIRECT for arm, _ in comparisons(report)["autoencoders"])
