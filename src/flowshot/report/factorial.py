"""A plan read as a factorial: autoencoders down, priors across."""

import math
from dataclasses import replace

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.captions import budget
from flowshot.report.interaction import first_embedding
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.registry import metric

# What the factorial is about; each has a column for every prior.
SHOWN = ("fad", "kid", "prior_nats", "clips_per_second")


def factorial_table(frame: pd.DataFrame, plan: PlanConfig, dataset: str, digits: int, words: Words) -> Table | None:
    """A row for each autoencoder, its best prior in each metric bold; None where there is no factorial.

    Embedding: the first that was used. The nats of a row compare, those of a column do not.
    """
    mine = frame[(frame["dataset"] == dataset) & frame["metric"].isin(SHOWN) & frame["prior"].isin(plan.priors)]
    mine = mine[mine["autoencoder"].isin(plan.autoencoders)]
    if len(plan.autoencoders) < 2 or len(plan.priors) < 2 or mine.empty:
        return None
    mine = mine[mine["embedding"].isin(["none", first_embedding(mine)])]
    shown = [(name, mine[mine["metric"] == name]) for name in SHOWN]
    columns = [
        (prior, _column(name, prior, values, digits)) for name, values in shown if len(values) for prior in plan.priors
    ]
    rows = tuple(_row(mine[mine["autoencoder"] == name], name, columns) for name in plan.autoencoders)
    subject = "Factorial, dataset {dataset}: every prior on every autoencoder, the best of each row in bold."
    spread = "Mean ± standard deviation over {seeds} seeds." if len(plan.seeds) > 1 else "One seed."
    caption = (words(subject, dataset=dataset), budget(plan, words), words(spread, seeds=len(plan.seeds)))
    kept = tuple(column for _, column in columns)
    return Table("factorial", dataset, caption, kept, (rows,), shows_prior=False, words=words)


def _column(name: str, prior: str, values: pd.DataFrame, digits: int) -> Column:
    """The metric under one prior, with as many decimals as all priors of it need."""
    entry, largest = metric(name), float(values["value"].abs().max()) * metric(name).scale
    decimals = max(digits - 1 - math.floor(math.log10(largest)), 0) if largest > 0 else digits - 1
    return Column(replace(entry, title=f"{entry.title} {prior}"), str(values["embedding"].iloc[0]), decimals)


def _row(mine: pd.DataFrame, autoencoder: str, columns: list[tuple[str, Column]]) -> Row:
    cells = []
    for prior, column in columns:
        values = mine[(mine["metric"] == column.metric.name) & (mine["prior"] == prior)]["value"]
        spread = float(values.std(ddof=1)) if len(values) > 1 else None
        cells.append(Cell(float(values.mean()), spread, None) if len(values) else None)
    for name in SHOWN:
        places = [i for i, (_, column) in enumerate(columns) if column.metric.name == name and cells[i]]
        found = {i: cell.value for i in places if (cell := cells[i])}
        if len(found) > 1:
            best = (min if metric(name).better == "lower" else max)(found.values())
            for i in found:
                if (cell := cells[i]) and columns[i][1].text(cell.value) == columns[i][1].text(best):
                    cells[i] = replace(cell, best=True)
    return Row(autoencoder, "", tuple(cells))
