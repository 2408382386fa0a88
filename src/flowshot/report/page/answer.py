"""The first screen of the page: a question, its answer in numbers, and the distance of every arm from real clips."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.layout import Column, decimals
from flowshot.report.paired import BASELINE, COMPARED, DIFFERS, EQUAL, ROBUST, Compared, Family, compared, lacks_test
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Pair, Report, arm_name

NAMED = 4  # models that a question names; more are counted


class Distances:
    """One distance of every arm of a dataset from real clips, under one embedding, and how it is written."""

    def __init__(self, report: Report, dataset: str, name: str, embedding: str) -> None:
        self.report, self.words = report, report.words
        self.rows = report.rows(dataset, name, embedding).set_index(["autoencoder", "prior"])
        self.means = self.rows["value"].groupby(level=[0, 1]).mean().sort_values(kind="stable")
        self.arms: list[Pair] = [arm for arm in self.means.index if arm in report.competing]  # the nearest first
        self.title = f"{self.words(metric(name).title)} ({embedding_title(embedding)})"
        self.column = Column(metric(name), embedding, decimals(self.means, report.digits, metric(name).scale))
        self.compared: Callable[[Family], list[Compared]] = cache(
            lambda family: compared(report, dataset, name, embedding, family)
        )

    def text(self, value: float, low: float = np.nan, high: float = np.nan) -> str:
        """A value as text, with its interval where it has one."""
        ends = "" if np.isnan(low) else f" {self.words.interval(self.column.text(low), self.column.text(high))}"
        return f"{self.words.number(self.column.text(value))}{ends}"

    def difference(self, one: Compared) -> str:
        """A difference as text, with its interval and p-value where it has them."""
        low, high = one.test.interval if one.test else (np.nan, np.nan)
        sign = "+" if one.difference > 0 else ""
        said = f"{sign}{self.text(one.difference, low, high)}"
        return f"{said}, {p_text(one.test.p, self.report)}" if one.test else said

    def of(self, arm: Pair) -> str:
        """The value of an arm with the interval of its only seed, or with its spread over seeds."""
        mine = self.rows.loc[[arm], ["value", "ci_low", "ci_high"]].astype(float)
        if len(mine) > 1:
            return f"{self.text(mine['value'].mean())} ± {self.text(mine['value'].std())}"
        return self.text(*mine.iloc[0])


def p_text(p: float, report: Report) -> str:
    """A p-value with three decimals."""
    return f"p < {report.words.number('0.001')}" if p < 0.001 else f"p = {report.words.number(f'{p:.3f}')}"


def main_distances(report: Report, dataset: str) -> Distances | None:
    """KID where it was measured, in the first embedding; None where no arm of the plan has a distance.

    KAD where tails are too heavy for a test of KID.
    """
    known = (
        (ROBUST if name == COMPARED[0] and lacks_test(report, dataset, embedding) else name, embedding)
        for name in COMPARED
        for embedding in report.embeddings(dataset, name)
    )
    return next((found for by in known if (found := Distances(report, dataset, *by)).arms), None)


@dataclass(frozen=True)
class Answer:
    """The question that a plan can answer of a dataset, and what its numbers say."""

    question: str
    verdict: str
    nearest: str


def answer(found: Distances) -> Answer:
    """Whether any model comes closer to real clips than `no_nf`, or one prior than another; else how close."""
    report, words, best = found.report, found.words, found.arms[0]
    others = [(words("held-out real clips"), (REAL, REAL)), *((name, (name, DIRECT)) for name in report.baselines)]
    beside = "; ".join(f"{name} {found.of(arm)}" for name, arm in others if arm in found.means.index)
    said = "Closest to real clips: {arm}, with {metric} {value}."
    nearest = words(said, arm=arm_name(best), metric=found.title, value=found.of(best))
    beside = words("For comparison: {others}.", others=beside) if beside else ""
    if rivals := found.compared("autoencoders"):
        named = [name for name in report.plan.models if name not in (BASELINE, *report.baselines)]
        listed = ", ".join(named) if len(named) <= NAMED else words("the other {count} models", count=len(named))
        said = "Do clips of {rivals} come closer to real ones than those of {baseline}?"
        question = words(said, rivals=listed, baseline=BASELINE)
        return Answer(question, _about_autoencoders(found, rivals), f"{nearest} {beside}".rstrip())
    if priors := found.compared("priors"):
        question = words("Does one prior come closer to real clips than another?")
        return Answer(question, _about_priors(found, priors), f"{nearest} {beside}".rstrip())
    return Answer(words("How close do generated clips come to real ones?"), nearest, beside)


def _about_autoencoders(found: Distances, rivals: list[Compared]) -> str:
    """In one sentence how many arms come closer than `no_nf` with the same prior, and the one that says most."""
    decided = [one for one in rivals if one.verdict == DIFFERS]
    closer = [one for one in decided if one.difference < 0]
    if closer:
        said = "Yes, {count} of {total} arms do, most of all {arm}: {difference}."
    elif len(decided) == len(rivals):
        said = "No, all {total} arms are further away, {arm} by the least: {difference}."
    elif all(one.verdict == EQUAL for one in rivals):
        said = "No, all {total} arms are equivalent; the lowest difference is that of {arm}: {difference}."
    else:
        said = "Not shown for any of {total} arms; the lowest difference is that of {arm}: {difference}{power}."
    one = min(closer or rivals, key=lambda each: each.difference)
    return found.words(said, count=len(closer), total=len(rivals), arm=arm_name(one.arm), **_numbers(found, one))


def _about_priors(found: Distances, pairs: list[Compared]) -> str:
    """In one sentence how often one prior comes closer than another on the same autoencoder, and where by most."""
    decided = [one for one in pairs if one.verdict == DIFFERS]
    said = "Not shown in any of {total} comparisons; the largest difference is that of {arm}: {difference}{power}."
    if decided:
        said = "Yes, in {count} of {total} comparisons, most of all {arm}: {difference}."
    elif all(one.verdict == EQUAL for one in pairs):
        said = "No, in all {total} comparisons both are equivalent; furthest apart is {arm}: {difference}."
    one = max(decided or pairs, key=lambda each: abs(each.difference))
    return found.words(said, count=len(decided), total=len(pairs), arm=arm_name(one.arm), **_numbers(found, one))


def _numbers(found: Distances, one: Compared) -> dict[str, str]:
    """What a sentence says of a comparison."""
    said = found.words("{metric} {difference}, against {other}", metric=found.title,
                       difference=found.difference(one), other=arm_name(one.other))  # fmt: skip
    missed = (
        found.words("; one of {least} would have been found", least=found.text(one.test.found_from)) if one.test else ""
    )
    return {"difference": said, "power": missed}


@dataclass(frozen=True)
class Figure:
    """Every distance, the nearest first, in percent of the axis.

    `lines`: name, role, `(value, low, high)` of every seed, and the value as text. `ticks`: places and texts.
    """

    lines: list[tuple[str, str, list[list[float]], str]]
    ticks: list[tuple[float, str]]
    floor: float | None


def figure(found: Distances) -> Figure:
    """Everything that has this distance on one axis."""
    from matplotlib.ticker import MaxNLocator  # most of a second

    words, scale = found.words, found.column.metric.scale
    ends = found.rows[["value", "ci_low", "ci_high"]].astype(float)
    ends = ends.assign(**{end: ends[end].fillna(ends["value"]) for end in ("ci_low", "ci_high")})
    low, high = min(0.0, ends.min(axis=None)), ends.max(axis=None)
    margin = 0.03 * (high - low) or 1.0
    start, width = low - margin, high - low + 2 * margin
    places = (100 * (ends - start) / width).round(2)
    lines = []
    for arm in found.means.index:
        role = str(found.rows.loc[[arm], "role"].iloc[0])
        name = words("{model}, reconstructed", model=arm[0]) if role == RECONSTRUCTION else arm_name(arm)
        name = words("real (floor)") if role == "floor" else name
        lines.append((name, role, places.loc[[arm]].to_numpy().tolist(), found.of(arm)))
    ticks = [tick for tick in MaxNLocator(5).tick_values(low * scale, high * scale) if low <= tick / scale <= high]
    texts = [(round(100 * (tick / scale - start) / width, 2), words.number(f"{tick:,.6g}")) for tick in ticks]
    return Figure(lines, texts, next((points[0][0] for _, role, points, _ in lines if role == "floor"), None))
