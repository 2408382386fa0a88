"""The first screen of the page: a question, its answer in numbers, and the distance of every arm from real clips."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.layout import Column, decimals
from flowshot.report.paired import BASELINE, COMPARED, has_rivals, paired_differences
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Frame, Pair, Report, arm_name

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
        self._paired = lambda: paired_differences(report, dataset, name, embedding)

    def tested(self) -> Frame:
        """The differences of the arms that compete with `no_nf`."""
        if not has_rivals(self.report):
            return pd.DataFrame(columns=["difference", "p"])
        rivals = [arm for arm in self.report.competing if arm[0] != BASELINE]
        return self._paired().loc[rivals].dropna(subset="difference")

    def text(self, value: float, low: float = np.nan, high: float = np.nan) -> str:
        """A value as text, with its interval where it has one."""
        ends = "" if np.isnan(low) else f" {self.words.interval(self.column.text(low), self.column.text(high))}"
        return f"{self.words.number(self.column.text(value))}{ends}"

    def difference(self, row: Frame) -> str:
        """A row of `paired_differences` as text."""
        sign, p = "+" if row["difference"] > 0 else "", row["p"]
        said = f"{sign}{self.text(row['difference'], row['low'], row['high'])}"
        return said if np.isnan(p) else f"{said}, {p_text(p, self.report)}"

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
    """KID where it was measured, in the first embedding; None where no arm of the plan has a distance."""
    known = ((name, embedding) for name in reversed(COMPARED) for embedding in report.embeddings(dataset, name))
    return next((found for by in known if (found := Distances(report, dataset, *by)).arms), None)


@dataclass(frozen=True)
class Answer:
    """The question that a plan can answer of a dataset, and what its numbers say."""

    question: str
    verdict: str
    nearest: str


def answer(found: Distances) -> Answer:
    """Whether any model comes closer to real clips than `no_nf`; without it, how close the nearest comes."""
    report, words, best = found.report, found.words, found.arms[0]
    others = [(words("held-out real clips"), (REAL, REAL)), *((name, (name, DIRECT)) for name in report.baselines)]
    beside = "; ".join(f"{name} {found.of(arm)}" for name, arm in others if arm in found.means.index)
    said = "Nearest to real clips is {arm}: {metric} {value}."
    nearest = words(said, arm=arm_name(best), metric=found.title, value=found.of(best))
    compared = words("For comparison: {others}.", others=beside) if beside else ""
    tested = found.tested()
    if tested.empty:
        return Answer(words("How close do generated clips come to real ones?"), nearest, compared)
    rivals = [name for name in report.plan.models if name not in (BASELINE, *report.baselines)]
    named = ", ".join(rivals) if len(rivals) <= NAMED else words("the other {count} models", count=len(rivals))
    said = "Do clips of {rivals} come closer to real ones than those of {baseline}?"
    question = words(said, rivals=named, baseline=BASELINE)
    return Answer(question, _verdict(found, tested), f"{nearest} {compared}".rstrip())


def _verdict(found: Distances, tested: Frame) -> str:
    decided = tested[tested["p"] < 1 - found.report.confidence]
    closer = decided[decided["difference"] < 0]
    if len(closer):
        said = "Yes, those of {count} of {total} arms. The largest gain is that of {arm}:"
    elif len(decided) == len(tested):
        said = "No, those of all {total} arms are further away. The smallest loss is that of {arm}:"
    else:
        said = "Not shown for any of {total} arms. The lowest difference is that of {arm}:"
    arm = (closer if len(closer) else tested)["difference"].idxmin()
    about = {"metric": found.title, "difference": found.difference(tested.loc[arm]), "baseline": BASELINE}
    against = found.words("{metric} {difference}, against {baseline} with the same prior.", **about)
    return f"{found.words(said, count=len(closer), total=len(tested), arm=arm_name(arm))} {against}"


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
