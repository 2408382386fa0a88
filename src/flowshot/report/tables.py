"""The comparison tables of a dataset, before they become Markdown or LaTeX."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from flowshot.config import PlanConfig
from flowshot.report.registry import EMBEDDINGS, METRICS, Metric, TableName, metric
from flowshot.report.results import REAL, RECONSTRUCTION


@dataclass(frozen=True)
class Column:
    """A metric under one embedding ("none" where it needs none)."""

    metric: Metric
    embedding: str
    decimals: int = 0

    @property
    def by(self) -> str:
        """The embedding's title, empty where there is none."""
        return "" if self.embedding == "none" else EMBEDDINGS.get(self.embedding, self.embedding)

    def text(self, value: float) -> str:
        """A number of this column; every one has the same decimals, so that they line up and compare."""
        rounded = round(value * self.metric.scale, self.decimals) + 0.0  # no negative zero
        return f"{rounded:,.{self.decimals}f}" if self.metric.whole else f"{rounded:.{self.decimals}f}"

    def is_constant(self, cell: "Cell") -> bool:
        """Whether a count was the same for every seed, so that a spread says nothing."""
        return self.metric.whole and cell.spread == 0


@dataclass(frozen=True)
class Cell:
    """The mean over seeds, with their standard deviation; or one seed's value, with its own interval."""

    value: float
    spread: float | None
    interval: tuple[float, float] | None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """An arm, with a cell or None for each column."""

    autoencoder: str
    prior: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """A table of one dataset: the floor, the arms and the reconstructions are groups of their own."""

    name: str
    dataset: str
    caption: tuple[str, ...]  # sentences
    columns: tuple[Column, ...]
    groups: tuple[tuple[Row, ...], ...]
    shows_prior: bool


def dataset_tables(
    results: pd.DataFrame, plan: PlanConfig, dataset: str, digits: int, confidence: float
) -> list[Table]:
    """The tables of one dataset that have anything to show.

    `quality` and `coverage` have a row for each arm between the floor and the reconstructions; `autoencoder`
    has one for each autoencoder, with what its reconstructions and its latents say.
    """
    frame = results[results["dataset"] == dataset]
    floor = [(REAL, REAL)]
    arms = [(autoencoder, prior) for autoencoder in plan.autoencoders for prior in plan.priors]
    reconstructions = [(autoencoder, RECONSTRUCTION) for autoencoder in plan.autoencoders]
    layouts: dict[TableName, list[list[tuple[str, str]]]] = {
        "quality": [floor, arms, reconstructions],
        "coverage": [floor, arms, reconstructions],
        "autoencoder": [reconstructions],
    }
    compared = {"quality": 1, "coverage": 1, "autoencoder": 0}
    tables = []
    for name, layout in layouts.items():
        shown = _shown(frame, name, {row for rows in layout for row in rows})
        if shown.empty:
            continue
        columns = _columns(shown, digits)
        groups = [
            [Row(*row, tuple(_cell(shown, row, column) for column in columns)) for row in rows] for rows in layout
        ]
        groups[compared[name]] = _mark_best(groups[compared[name]], columns)
        caption = _caption(name, shown, plan, dataset, confidence, groups)
        kept = tuple(tuple(row for row in rows if any(row.cells)) for rows in groups)
        tables.append(Table(name, dataset, caption, columns, tuple(filter(None, kept)), name != "autoencoder"))
    return tables


def _shown(frame: pd.DataFrame, name: TableName, rows: set[tuple[str, str]]) -> pd.DataFrame:
    """What belongs into a table. How fast test clips are reconstructed is no speed of sampling."""
    return frame[
        [
            metric(one).table == name
            and (autoencoder, prior) in rows
            and (one, prior) != ("clips_per_second", RECONSTRUCTION)
            for one, autoencoder, prior in zip(frame["metric"], frame["autoencoder"], frame["prior"], strict=True)
        ]
    ]


def _columns(used: pd.DataFrame, digits: int) -> tuple[Column, ...]:
    order = {name: i for i, name in enumerate([*METRICS, *EMBEDDINGS])}
    pairs = sorted(
        set(zip(used["metric"], used["embedding"], strict=True)),
        key=lambda pair: [(order.get(name, len(order)), name) for name in pair],
    )
    return tuple(
        Column(metric(name), by, _decimals(used[(used["metric"] == name) & (used["embedding"] == by)], digits))
        for name, by in pairs
    )


def _decimals(column: pd.DataFrame, digits: int) -> int:
    """As many as the largest value of a column needs to show `digits` digits."""
    shown = metric(column["metric"].iloc[0])
    largest = float(column["value"].abs().max()) * shown.scale
    if shown.whole:
        return 0
    return max(digits - 1 - math.floor(math.log10(largest)), 0) if largest > 0 else digits - 1


def _cell(frame: pd.DataFrame, row: tuple[str, str], column: Column) -> Cell | None:
    autoencoder, prior = row
    found = frame[
        (frame["autoencoder"] == autoencoder)
        & (frame["prior"] == prior)
        & (frame["metric"] == column.metric.name)
        & (frame["embedding"] == column.embedding)
    ]
    if found.empty:
        return None
    if len(found) > 1:
        return Cell(float(found["value"].mean()), float(found["value"].std(ddof=1)), None)
    one = found.iloc[0]
    interval = None if math.isnan(one["ci_low"]) else (float(one["ci_low"]), float(one["ci_high"]))
    return Cell(float(one["value"]), None, interval)


def _mark_best(rows: list[Row], columns: Sequence[Column]) -> list[Row]:
    """Mark the best value of each column, and those that read the same; nothing where one alone competes."""
    marked = [list(row.cells) for row in rows]
    for j, column in enumerate(columns):
        if column.metric.better is None:
            continue
        scopes = {row.autoencoder for row in rows} if column.metric.within_autoencoder else {None}
        for scope in scopes:
            competing = [i for i, row in enumerate(rows) if row.cells[j] and scope in (None, row.autoencoder)]
            if len(competing) < 2:
                continue
            values = {i: cell.value for i in competing if (cell := rows[i].cells[j])}
            best = (min if column.metric.better == "lower" else max)(values.values())
            for i, value in values.items():
                if (cell := rows[i].cells[j]) and column.text(value) == column.text(best):
                    marked[i][j] = replace(cell, best=True)
    return [replace(row, cells=tuple(cells)) for row, cells in zip(rows, marked, strict=True)]


def _caption(
    name: TableName, shown: pd.DataFrame, plan: PlanConfig, dataset: str, confidence: float, groups: list[list[Row]]
) -> tuple[str, ...]:
    subject = {
        "quality": "Quality of generated clips",
        "coverage": "Fidelity and diversity of generated clips",
        "autoencoder": "Autoencoders: reconstruction of test clips, latent space and cost",
    }[name]
    counted = shown[[metric(one).over_clips for one in shown["metric"]]]
    sizes = sorted(set(counted["n"]))
    n = f", n = {sizes[0]}" if len(sizes) == 1 else f", n = {sizes[0]} to {sizes[-1]}" if sizes else ""
    budget = f"Budget of every autoencoder: {plan.budget.steps} steps of {plan.budget.batch_size} clips."
    interval = f"{confidence:.0%} confidence interval"
    has_interval = any(cell and cell.interval for rows in groups for row in rows for cell in row.cells)
    if len(plan.seeds) > 1:
        spread = f"Mean ± standard deviation over {len(plan.seeds)} seeds."
        spread += f" The floor with its {interval}." if has_interval else ""
    else:
        spread = "One seed."
        spread += f" With the {interval} over clips (not over trainings)." if has_interval else ""
    bold = any(cell and cell.best for rows in groups for row in rows for cell in row.cells)
    sentences = [f"{subject}, dataset {dataset}{n}.", budget, spread, "Best in bold." if bold else ""]
    if name != "autoencoder":
        sentences.append("Held-out real clips are the floor, reconstructed test clips what the decoder can do.")
    if any(metric(one).within_autoencoder for one in shown["metric"]):
        sentences.append("The prior's negative log-likelihood compares within one autoencoder only.")
    return tuple(filter(None, sentences))
