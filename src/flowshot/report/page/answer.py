"""The first screen of the page: a question, its answer in numbers, and the distance of every arm from real clips."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.layout import Column, decimals
from flowshot.report.paired import BASELINE, COMPARED, has_rivals, paired_differences
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Pair, Report, arm_name

NAMED = 4  # models that a question names; more are counted


@dataclass(frozen=True)
class Line:
    """An arm of the figure: its role, and `(value, low, high)` of every seed in percent of the axis."""

    name: str
    role: str
    points: list[tuple[float, float, float]]
    text: str


@dataclass(frozen=True)
class Answer:
    """`best` is the arm nearest to real clips; `ticks` are places in percent and their texts."""

    best: Pair
    question: str
    verdict: str
    nearest: str
    title: str
    lines: list[Line]
    ticks: list[tuple[float, str]]
    floor: float | None


class Distances:
    """The main distance of every arm of a dataset: KID where it was measured, in the first embedding."""

    def __init__(self, report: Report, dataset: str, name: str, embedding: str) -> None:
        self.report, self.dataset, self.name, self.embedding = report, dataset, name, embedding
        self.rows = report.rows(dataset, name, embedding)
        self.means = report.seeds(dataset, name, embedding).mean(axis=1).sort_values()
        self.column = Column(metric(name), embedding, decimals(self.means, report.digits, metric(name).scale))
        self.title = f"{report.words(metric(name).title)} ({embedding_title(embedding)})"

    def text(self, value: float, low: float = np.nan, high: float = np.nan) -> str:
        """A value as text, with its interval where it has one."""
        words, column = self.report.words, self.column
        ends = "" if np.isnan(low) else f" {words.interval(column.text(low), column.text(high))}"
        return f"{words.number(column.text(value))}{ends}"

    def difference(self, row: pd.Series) -> str:
        """A row of `paired_differences` as text."""
        sign, p = "+" if row["difference"] > 0 else "", row["p"]
        said = f"{sign}{self.text(row['difference'], row['low'], row['high'])}"
        return said if np.isnan(p) else f"{said}, {p_text(p, self.report)}"

    def of(self, arm: Pair) -> str:
        """The value of an arm with the interval of its only seed, or with its spread over seeds."""
        mine = self.rows[(self.rows["autoencoder"] == arm[0]) & (self.rows["prior"] == arm[1])]
        if len(mine) > 1:
            return f"{self.text(mine['value'].mean())} ± {self.text(mine['value'].std())}"
        return self.text(*mine[["value", "ci_low", "ci_high"]].astype(float).iloc[0])


def main_distances(report: Report, dataset: str) -> Distances | None:
    """None where no arm of the plan has a distance."""
    for name in reversed(COMPARED):
        for embedding in report.embeddings(dataset, name):
            found = Distances(report, dataset, name, embedding)
            if found.means.index.isin(report.competing).any():
                return found
    return None


def answer(found: Distances) -> Answer:
    """The question that a plan can answer of a dataset, and what its numbers say."""
    report, words = found.report, found.report.words
    best = next(arm for arm in found.means.index if arm in report.competing)
    others = [(words("held-out real clips"), (REAL, REAL)), *((name, (name, DIRECT)) for name in report.baselines)]
    beside = [f"{name} {found.of(arm)}" for name, arm in others if arm in found.means.index]
    said = "Nearest to real clips is {arm}: {metric} {value}."
    nearest = words(said, arm=arm_name(best), metric=found.title, value=found.of(best))
    if beside:
        nearest += " " + words("For comparison: {others}.", others="; ".join(beside))
    question, verdict = words("How close do generated clips come to real ones?"), nearest
    tested = tested_differences(found)
    if len(tested):
        rivals = [name for name in report.plan.models if name not in (BASELINE, *report.baselines)]
        named = ", ".join(rivals) if len(rivals) <= NAMED else words("the other {count} models", count=len(rivals))
        said = "Do clips of {rivals} come closer to real ones than those of {baseline}?"
        question, verdict = words(said, rivals=named, baseline=BASELINE), _verdict(found, tested)
    lines, ticks, floor = _figure(found)
    return Answer(best, question, verdict, "" if verdict == nearest else nearest, found.title, lines, ticks, floor)


def tested_differences(found: Distances) -> pd.DataFrame:
    """The differences of the arms that compete with `no_nf`."""
    report = found.report
    if not has_rivals(report):
        return pd.DataFrame(columns=["difference", "p"])
    compared = paired_differences(report, found.dataset, found.name, found.embedding)
    rivals = [arm for arm in report.competing if arm[0] != BASELINE]
    return compared.loc[rivals].dropna(subset="difference")


def _verdict(found: Distances, tested: pd.DataFrame) -> str:
    report, words = found.report, found.report.words
    decided = tested[tested["p"] < 1 - report.confidence]
    closer = decided[decided["difference"] < 0]
    if len(closer):
        said = "Yes, those of {count} of {total} arms. The largest gain is that of {arm}:"
    elif len(decided) == len(tested):
        said = "No, those of all {total} arms are further away. The smallest loss is that of {arm}:"
    else:
        said = "Not shown for any of {total} arms. The lowest difference is that of {arm}:"
    arm = (closer if len(closer) else tested)["difference"].idxmin()
    against = words("{difference} in {metric} against the same prior of {baseline}", metric=found.title,
                    difference=found.difference(tested.loc[arm]), baseline=BASELINE)
    return f"{words(said, count=len(closer), total=len(tested), arm=arm_name(arm))} {against}."


def p_text(p: float, report: Report) -> str:
    """A p-value with three decimals."""
    return f"p < {report.words.number('0.001')}" if p < 0.001 else f"p = {report.words.number(f'{p:.3f}')}"


def _figure(found: Distances) -> tuple[list[Line], list[tuple[float, str]], float | None]:
    """A line for everything that has this distance, the nearest first; ticks; the place of the floor."""
    from matplotlib.ticker import MaxNLocator  # most of a second

    words, rows = found.report.words, found.rows
    ends = rows[["value", "ci_low", "ci_high"]].astype(float)
    low, high = min(0.0, ends.min(axis=None)), ends.max(axis=None)
    scale = found.column.metric.scale
    ticks = MaxNLocator(5).tick_values(low * scale, high * scale) / scale
    start, width = ticks[0], ticks[-1] - ticks[0]
    places = 100 * (ends.T.fillna(ends["value"]).T - start) / width
    lines = []
    for arm in found.means.index:
        mine = (rows["autoencoder"] == arm[0]) & (rows["prior"] == arm[1])
        role = str(rows.loc[mine, "role"].iloc[0])
        name = words("real (floor)") if arm[0] == REAL else arm_name(arm)
        if role == RECONSTRUCTION:
            name = words("{model}, reconstructed", model=arm[0])
        points = [tuple(point) for point in places[mine].round(2).to_numpy().tolist()]
        lines.append(Line(name, role, points, found.of(arm)))
    floor = next((line.points[0][0] for line in lines if line.role == "floor"), None)
    texts = [words.number(f"{tick * scale:,.6g}") for tick in ticks]
    return lines, [(round(100 * (tick - start) / width, 2), text) for tick, text in zip(ticks, texts, strict=True)], floor
