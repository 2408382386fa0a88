"""The comparison tables of a dataset, before they become Markdown, LaTeX or CSV."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.captions import table_caption
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table
from flowshot.report.registry import COMPARE_CLIPS, EMBEDDINGS, METRICS, TableName, metric
from flowshot.report.results import EXTERNAL, REAL, RECONSTRUCTION, Results
from flowshot.scoring.metrics.sample_size import fewest_clips


def dataset_tables(
    results: Results, plan: PlanConfig, dataset: str, digits: int, confidence: float, words: Words
) -> list[Table]:
    """The tables of one dataset that have anything to show.

    Those that compare clips have a row for each arm between the floor and the reconstructions, and one for each
    external system; those of autoencoders have one for each autoencoder, with what its reconstructions and its
    latents say. A dataset that is not in the plan has external systems only.
    """
    frame = results.frame[results.frame["dataset"] == dataset]
    autoencoders = plan.autoencoders if dataset in plan.datasets else ()
    floor = [(REAL, REAL)]
    arms = [(autoencoder, prior) for autoencoder in autoencoders for prior in plan.priors]
    external = [(EXTERNAL, name) for name in sorted(set(frame[frame["autoencoder"] == EXTERNAL]["prior"]))]
    reconstructions = [(autoencoder, RECONSTRUCTION) for autoencoder in autoencoders]
    comparison = [floor, arms, external, reconstructions]
    layouts: dict[TableName, list[list[tuple[str, str]]]] = {
        **dict.fromkeys(COMPARE_CLIPS, comparison),
        "reconstruction": [reconstructions],
        "autoencoder": [reconstructions],
    }
    tables = []
    for name, layout in layouts.items():
        shown = _shown(frame, name, {row for rows in layout for row in rows})
        if shown.empty:
            continue
        columns = _columns(shown, digits, results.dimensions)
        groups = [
            [Row(*row, tuple(_cell(shown, row, column) for column in columns)) for row in rows] for rows in layout
        ]
        compared = min(1, len(groups) - 1)
        groups[compared] = _mark_best(groups[compared], columns)
        rows = [row for rows in groups for row in rows]
        caption = table_caption(name, shown, plan, dataset, confidence, rows, words)
        kept = tuple(tuple(row for row in rows if any(row.cells)) for rows in groups)
        tables.append(Table(name, dataset, caption, columns, tuple(filter(None, kept)), name in COMPARE_CLIPS, words))
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


def _columns(used: pd.DataFrame, digits: int, dimensions: Mapping[str, int]) -> tuple[Column, ...]:
    order = {name: i for i, name in enumerate([*METRICS, *EMBEDDINGS])}
    pairs = sorted(
        set(zip(used["metric"], used["embedding"], strict=True)),
        key=lambda pair: [(order.get(name, len(order)), name) for name in pair],
    )
    return tuple(
        Column(
            metric(name),
            by,
            _decimals(used[(used["metric"] == name) & (used["embedding"] == by)], digits),
            fewest_clips(name, dimensions.get(by, 0)),
        )
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
    few = bool(found["n"].min() < column.fewest)
    if len(found) > 1:
        return Cell(float(found["value"].mean()), float(found["value"].std(ddof=1)), None, few=few)
    one = found.iloc[0]
    interval = None if math.isnan(one["ci_low"]) else (float(one["ci_low"]), float(one["ci_high"]))
    return Cell(float(one["value"]), None, interval, few=few)


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
