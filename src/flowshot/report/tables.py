"""The tables of a dataset that compare clips, and those of its autoencoders."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from flowshot.core.plan import DIRECT, EXTERNAL, REAL, RECONSTRUCTION, PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Row, Table, best_marked, decimals
from flowshot.report.registry import COMPARE_CLIPS, EMBEDDINGS, METRICS, TABLES, metric
from flowshot.report.results import Frame, Pair, Report

SUBJECTS = {name: entry["subject"] for name, entry in TABLES.items() if "subject" in entry}
FEW = "† Too few clips for the dimension of the embedding: the value is mostly bias and is comparable only at equal n."


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
    layouts = {"reconstruction": [reconstructions], "disentanglement": [reconstructions], "autoencoder": [trained]}
    tables = [_table(report, dataset, name, layouts.get(name, comparison)) for name in SUBJECTS]
    return [table for table in tables if table]


def _table(report: Report, dataset: str, name: str, layout: Sequence[Sequence[Pair]]) -> Table | None:
    """The rows of `layout`; those of its first group compete with each other."""
    frame = report.of(dataset)
    listed = pd.MultiIndex.from_frame(frame[["autoencoder", "prior"]]).isin(list(itertools.chain(*layout)))
    # How fast test clips are reconstructed is no speed of sampling.
    aside = (frame["metric"] == "clips_per_second") & (frame["prior"] == RECONSTRUCTION)
    shown = frame[listed & ~aside & (frame["metric"].map(lambda one: metric(one).table) == name)]
    if shown.empty:
        return None
    order = {known: place for place, known in enumerate([*METRICS, *EMBEDDINGS])}
    keys = sorted(
        set(zip(shown["metric"], shown["embedding"], strict=True)),
        key=lambda key: [(order.get(part, len(order)), part) for part in key],
    )
    grouped = shown.groupby(["metric", "embedding"])["value"]
    columns = []
    for one, by in keys:
        places = 0 if metric(one).whole else decimals(grouped.get_group((one, by)), report.digits, metric(one).scale)
        columns.append(Column(metric(one), by, places))
    cells = _cells(shown, report.few)
    groups = []
    for place, pairs in enumerate(layout):
        lines = {pair: tuple(cells.get((*pair, *key)) for key in keys) for pair in pairs}
        rows = [Row(*pair, line, place > 0) for pair, line in lines.items() if any(line)]
        groups.append(_compete(rows, columns) if place == 0 else rows)
    if name in COMPARE_CLIPS:  # the floor stands above the arms
        groups[:2] = groups[1::-1]
    kept = tuple(tuple(rows) for rows in groups if rows)
    caption = _caption(report, dataset, name, shown, [row for rows in kept for row in rows])
    return Table(name, dataset, caption, tuple(columns), kept, report.words, name in COMPARE_CLIPS)


def _cells(shown: Frame, few: frozenset[tuple[str, ...]]) -> dict[tuple[str, ...], Cell]:
    """By autoencoder, prior, metric and embedding."""
    parts = {"value": ("value", "mean"), "spread": ("value", "std"), "seeds": ("n", "size")}
    parts |= {"low": ("ci_low", "first"), "high": ("ci_high", "first")}
    cells = {}
    for key, one in shown.groupby(["dataset", "autoencoder", "prior", "metric", "embedding"]).agg(**parts).iterrows():
        interval = None if one["seeds"] > 1 or pd.isna(one["low"]) else (one["low"], one["high"])
        spread = one["spread"] if one["seeds"] > 1 else None
        cells[key[1:]] = Cell(one["value"], spread, interval, few=key in few)
    return cells


def _compete(rows: list[Row], columns: Sequence[Column]) -> list[Row]:
    """Mark the best of each column; of what is measured in a latent space, the best of each autoencoder."""
    marked = [list(row.cells) for row in rows]
    for j, column in enumerate(columns):
        scopes = [row.autoencoder if column.metric.within_autoencoder else "" for row in rows]
        for scope in set(scopes):
            places = [i for i, one in enumerate(scopes) if one == scope]
            for i, cell in zip(places, best_marked([marked[i][j] for i in places], column), strict=True):
                marked[i][j] = cell
    return [replace(row, cells=tuple(cells)) for row, cells in zip(rows, marked, strict=True)]


def _caption(report: Report, dataset: str, name: str, shown: Frame, rows: Sequence[Row]) -> tuple[str, ...]:
    """The sentences above a table of the numbers `shown`."""
    words, compares = report.words, name in COMPARE_CLIPS
    cells = [cell for row in rows for cell in row.cells if cell]
    models, priors = {row.autoencoder for row in rows}, {row.prior for row in rows}
    metrics = shown["metric"].map(metric)
    sizes = sorted(set(shown.loc[[one.over_clips for one in metrics], "n"]))
    n = words("{low} to {high}", low=sizes[0], high=sizes[-1]) if len(sizes) > 1 else "".join(map(str, sizes))
    subject = "{subject}, dataset {dataset}, n = {n}." if sizes else "{subject}, dataset {dataset}."
    said = {
        words(subject, subject=words(SUBJECTS[name]), dataset=dataset, n=n): True,
        budget(report.plan, words): bool(models - {EXTERNAL, REAL}),
        words("Models trained for a different number of steps state their share in params.yaml."): _differ(
            report.frame
        ),
        _spread(report, any(cell.interval for cell in cells)): True,
        words("Best in bold."): any(cell.best for cell in cells),
        words("Held-out real clips are the floor."): compares and REAL in models,
        words("Reconstructed test clips show what the decoder can do."): compares and RECONSTRUCTION in priors,
        words("A baseline draws training clips at random: what memorising would score."): (
            compares and bool(models & {*report.baselines})
        ),
        words("External systems were not trained here; their clips come from a folder."): EXTERNAL in models,
        words("The prior's negative log-likelihood is comparable only within one autoencoder."): (
            any(one.within_autoencoder for one in metrics)
        ),
        words("A prior without a value has no density, or was fitted elsewhere."): _lacks_density(shown),
        words("p (KAD): studentised bootstrap over the sources of both sets."): (
            any(one.name == "kad_p" for one in metrics)
        ),
        words("p (local): is any kind of sound more frequent in one set? Clips are exchanged between the sets."): (
            any(one.name == "local_p" for one in metrics)
        ),
        words("FAD and KID have no interval where sources are too few or the tails of the embedding too heavy."): (
            any(cell.interval for cell in cells) and _lacks_intervals(shown)
        ),
        words(
            "Reconstructions of a kind are compared with real clips of that kind. Samples have no kind and are "
            "compared with the real clips that are not rendered synthesizers, which compares arms with each other and "
            "with the baseline."
        ): name == "kinds",
        words(FEW): any(cell.few for cell in cells),
    }
    return tuple(text for text, holds in said.items() if holds)


def _lacks_intervals(shown: Frame) -> bool:
    """Whether a FAD or a KID has none."""
    return bool(shown.loc[shown["metric"].isin(["fad", "kid"]), "ci_low"].isna().any())


def _lacks_density(shown: Frame) -> bool:
    """Whether a fitted prior has no likelihood, while others have."""
    fitted = shown[(shown["role"] == "arm") & (shown["prior"] != DIRECT)]
    known = fitted[fitted["metric"] == "prior_nats"]
    pairs, having = (set(zip(each["autoencoder"], each["prior"], strict=True)) for each in (fitted, known))
    return bool(having) and pairs != having


def _differ(frame: Frame) -> bool:
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


def _spread(report: Report, has_interval: bool) -> str:
    seeds = seeds_spread(report.plan, report.words)
    alone = "Rows with a single seed show a {confidence} confidence interval."
    if len(report.plan.seeds) == 1:
        seeds = "" if has_interval else seeds
        alone = "One seed. With the {confidence} confidence interval over clips (not over trainings)."
    interval = report.words(alone, confidence=f"{report.confidence:.0%}") if has_interval else ""
    return f"{seeds} {interval}".strip()
