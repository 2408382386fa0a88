"""The tables of a dataset that compare clips, and those of its autoencoders."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from flowshot.core.plan import DIRECT, EXTERNAL, REAL, RECONSTRUCTION, PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table, best_marked, decimals
from flowshot.report.registry import COMPARE_CLIPS, EMBEDDINGS, METRICS, TableName, metric
from flowshot.report.results import Pair, Report
from flowshot.scoring.metrics.sample_size import fewest_clips

SUBJECTS: dict[TableName, str] = {
    "quality": "Quality of generated clips",
    "distances": "Distances of generated clips that do not depend on n, and whether they could be chance",
    "coverage": "Fidelity and diversity of generated clips",
    "diversity": "Diversity of generated clips, and whether they copy training clips",
    "control": "Attributes asked for, and measured on the clips",
    "reconstruction": "Autoencoders: reconstruction of test clips",
    "autoencoder": "Models: latent space and cost",
}
FEW = "† Too few clips for the dimension of the embedding: most of it is bias, which compares at equal n only."


def dataset_tables(report: Report, dataset: str) -> list[Table]:
    """The tables of one dataset that have anything to show.

    Those that compare clips have a row for each arm between the floor and the reconstructions, and one for each
    baseline and each external system; the other two have one for each model. A dataset that is not in the plan has
    external systems only.
    """
    plan, frame = report.plan, report.of(dataset)
    planned = dataset in plan.datasets
    reconstructions = [(name, RECONSTRUCTION) for name in plan.autoencoders if planned]
    arms = list(report.competing) if planned else []
    baselines = [(name, DIRECT) for name in report.baselines]
    external = [(EXTERNAL, name) for name in sorted(set(frame.loc[frame["autoencoder"] == EXTERNAL, "prior"]))]
    comparison = [arms, [(REAL, REAL)], baselines, external, reconstructions]
    trained = [*reconstructions, *((name, DIRECT) for name in plan.generators if planned)]
    tables = []
    for name in SUBJECTS:
        compares = name in COMPARE_CLIPS
        layout = comparison if compares else [trained if name == "autoencoder" else reconstructions]
        table = _table(report, dataset, frame, name, layout)
        if table is not None:
            tables.append(table)
    return tables


def _table(
    report: Report, dataset: str, frame: pd.DataFrame, name: TableName, layout: Sequence[Sequence[Pair]]
) -> Table | None:
    """The rows of `layout`, of which those of the first group compete with each other."""
    shown = _shown(frame, name, {pair for pairs in layout for pair in pairs})
    if shown.empty:
        return None
    by_key: Any = shown.groupby(["metric", "embedding", "autoencoder", "prior"], sort=False)
    found: dict[tuple[str, ...], pd.DataFrame] = dict(iter(by_key))
    order = {known: place for place, known in enumerate([*METRICS, *EMBEDDINGS])}
    keys = sorted({key[:2] for key in found}, key=lambda key: [(order.get(part, len(order)), part) for part in key])
    columns = []
    for one, by in keys:
        values = shown.loc[(shown["metric"] == one) & (shown["embedding"] == by), "value"]
        places = 0 if metric(one).whole else decimals(values, report.digits, metric(one).scale)
        columns.append(Column(metric(one), by, places, fewest_clips(one, report.dimensions.get(by, 0))))
    groups = []
    for place, pairs in enumerate(layout):
        lines = [
            [_cell(found.get((*key, *pair)), one) for key, one in zip(keys, columns, strict=True)] for pair in pairs
        ]
        rows = [Row(*pair, tuple(line), place > 0) for pair, line in zip(pairs, lines, strict=True) if any(line)]
        groups.append(_compete(rows, columns) if place == 0 else rows)
    if name in COMPARE_CLIPS:  # the floor stands above the arms
        groups[:2] = groups[1::-1]
    kept = tuple(tuple(rows) for rows in groups if rows)
    caption = _caption(report, dataset, name, shown, [row for rows in kept for row in rows])
    return Table(name, dataset, caption, tuple(columns), kept, report.words, name in COMPARE_CLIPS)


def _shown(frame: pd.DataFrame, name: TableName, rows: set[Pair]) -> pd.DataFrame:
    """What belongs into a table. How fast test clips are reconstructed is no speed of sampling."""
    triples = zip(frame["metric"], frame["autoencoder"], frame["prior"], strict=True)
    return frame[
        [
            metric(one).table == name
            and (model, prior) in rows
            and (one, prior) != ("clips_per_second", RECONSTRUCTION)
            for one, model, prior in triples
        ]
    ]


def _cell(found: pd.DataFrame | None, column: Column) -> Cell | None:
    if found is None:
        return None
    few = bool(found["n"].min() < column.fewest)
    if len(found) > 1:
        return Cell(float(found["value"].mean()), float(found["value"].std(ddof=1)), few=few)
    value, low, high = (float(found[name].iloc[0]) for name in ("value", "ci_low", "ci_high"))
    return Cell(value, None, None if math.isnan(low) else (low, high), few=few)


def _compete(rows: list[Row], columns: Sequence[Column]) -> list[Row]:
    """Mark the best of each column; of what is measured in a latent space, the best of each autoencoder."""
    marked = [list(row.cells) for row in rows]
    for j, column in enumerate(columns):
        scopes = {row.autoencoder for row in rows} if column.metric.within_autoencoder else {None}
        for scope in scopes:
            places = [i for i, row in enumerate(rows) if scope in (None, row.autoencoder)]
            best = best_marked([marked[i][j] for i in places], [column] * len(places))
            for i, cell in zip(places, best, strict=True):
                marked[i][j] = cell
    return [replace(row, cells=tuple(cells)) for row, cells in zip(rows, marked, strict=True)]


def _caption(
    report: Report, dataset: str, name: TableName, shown: pd.DataFrame, rows: Sequence[Row]
) -> tuple[str, ...]:
    """The sentences above a table of the numbers `shown`."""
    words = report.words
    cells = [cell for row in rows for cell in row.cells if cell]
    present = {row.autoencoder for row in rows}
    metrics = [metric(one) for one in shown["metric"]]
    compares = name in COMPARE_CLIPS
    said = {
        budget(report.plan, words): bool(present - {EXTERNAL, REAL}),
        words("Models that take another number of steps name their share of it in params.yaml."): _differ(report.frame),
        _spread(report, any(cell.interval for cell in cells)): True,
        words("Best in bold."): any(cell.best for cell in cells),
        words("Held-out real clips are the floor."): compares and REAL in present,
        words("Reconstructed test clips show what the decoder can do."): (
            compares and any(row.prior == RECONSTRUCTION for row in rows)
        ),
        words("A baseline draws training clips at random: what learning by heart would score."): (
            compares and bool(present & {*report.baselines})
        ),
        words("External systems were not trained here; their clips come from a folder."): EXTERNAL in present,
        words("The prior's negative log-likelihood compares within one autoencoder only."): (
            any(one.within_autoencoder for one in metrics)
        ),
        words("p: of a permutation test against the reference, with one clip of each source."): (
            any(one.name.endswith("_p") for one in metrics)
        ),
        words(FEW): any(cell.few for cell in cells),
    }
    return (_subject(words(SUBJECTS[name]), shown, dataset, words), *(text for text, holds in said.items() if holds))


def _differ(frame: pd.DataFrame) -> bool:
    """Whether some models saw more clips than others."""
    seen = frame.loc[frame["metric"] == "clips_seen", "value"]
    return bool(seen[seen > 0].nunique() > 1)


def budget(plan: PlanConfig, words: Words) -> str:
    """How long the plan trains each model."""
    said = "Budget of every training: {steps} steps of {clips} clips."
    return words(said, steps=plan.budget.steps, clips=plan.budget.batch_size)


def seeds_spread(plan: PlanConfig, words: Words) -> str:
    """What stands beside the values of a table whose cells are over seeds."""
    spread = "Mean ± standard deviation over {seeds} seeds." if len(plan.seeds) > 1 else "One seed."
    return words(spread, seeds=len(plan.seeds))


def _subject(subject: str, shown: pd.DataFrame, dataset: str, words: Words) -> str:
    sizes = sorted(set(shown[[metric(one).over_clips for one in shown["metric"]]]["n"]))
    said = "{subject}, dataset {dataset}, n = {n}." if sizes else "{subject}, dataset {dataset}."
    n = words("{low} to {high}", low=sizes[0], high=sizes[-1]) if len(sizes) > 1 else "".join(map(str, sizes))
    return words(said, subject=subject, dataset=dataset, n=n)


def _spread(report: Report, has_interval: bool) -> str:
    one_seed = len(report.plan.seeds) == 1
    alone = "What has one seed with its {confidence} confidence interval."
    if one_seed:
        alone = "One seed. With the {confidence} confidence interval over clips (not over trainings)."
    interval = report.words(alone, confidence=f"{report.confidence:.0%}") if has_interval else ""
    return interval if one_seed and interval else f"{seeds_spread(report.plan, report.words)} {interval}".rstrip()
