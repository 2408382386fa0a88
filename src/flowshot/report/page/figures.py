"""The charts of a dataset: curves of all trainings, where their divergence goes, and what it buys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.page.charts import Bar, Chart, Points, bars, chart
from flowshot.report.page.sources import Training
from flowshot.report.page.tables import NOTHING
from flowshot.report.registry import EMBEDDINGS, metric
from flowshot.report.results import RECONSTRUCTION
from flowshot.report.sweep import DISTORTION, RATE, fad_column, sweep_runs

# Columns of `history.csv` that every training has, and those of validations.
CURVES = {
    "train_reconstruction": "reconstruction loss, training",
    "valid_reconstruction": "reconstruction loss, validation",
    "train_kl": "KL (nats), training",
    "mutual_information": "mutual information (nats), validation",
}


@dataclass(frozen=True)
class Row:
    """One training's numbers beside its name, as text."""

    name: str
    style: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """Charts that share a legend: `styles` of the names, and the numbers behind them for who cannot see them."""

    charts: tuple[Chart, ...]
    styles: dict[str, int]
    headers: tuple[str, ...]
    rows: tuple[Row, ...]


def styles_of(plan: PlanConfig) -> dict[str, int]:
    """The look of each autoencoder, the same in every figure."""
    return {name: place for place, name in enumerate(plan.autoencoders)}


def training_figure(trainings: Sequence[Training], plan: PlanConfig, words: Words) -> Figure | None:
    """Every training's curves over one another; None where none is known."""
    styles = styles_of(plan)
    charts = []
    for column, label in CURVES.items():
        points = [
            Points(_name(one, plan), styles[one.autoencoder], one.curves[column])
            for one in trainings
            if column in one.curves
        ]
        found = chart(words(label), words("step"), words(label), points, lines=True)
        charts += [found] if found else []
    if not charts:
        return None
    shown = [column for column in CURVES if any(column in one.curves for one in trainings)]
    rows = tuple(
        Row(_name(one, plan), styles[one.autoencoder], tuple(_last(one, column, words) for column in shown))
        for one in trainings
    )
    return Figure(tuple(charts), _present(styles, trainings), tuple(words(CURVES[column]) for column in shown), rows)


def divergence_bars(frame: pd.DataFrame, plan: PlanConfig, dataset: str, words: Words) -> tuple[Bar, ...]:
    """For each autoencoder its KL as mutual information and marginal KL, mean over seeds; empty where unknown."""
    runs = sweep_runs(frame, plan, dataset)
    if not {"mutual_information", "marginal_kl"} <= set(runs.columns):
        return ()
    means = runs.groupby("autoencoder", sort=False)[[RATE, "mutual_information", "marginal_kl"]].mean()
    rows = []
    for name, style in styles_of(plan).items():
        if name not in means.index:
            continue
        found = {str(key): float(value) for key, value in zip(means.columns, means.loc[name].to_numpy(), strict=True)}
        parts = [
            (kind, found[kind], words.number(f"{found[kind]:.1f}")) for kind in ("mutual_information", "marginal_kl")
        ]
        rows.append((name, style, parts, words.number(f"{found[RATE]:.1f}")))
    return bars(rows)


def rate_distortion_figure(frame: pd.DataFrame, plan: PlanConfig, dataset: str, words: Words) -> Figure | None:
    """A point for each training: what its divergence buys; None with fewer than two trainings.

    The rate-distortion plane of Alemi et al. 2018, "Fixing a broken ELBO" (arXiv:1711.00464); beside it the FAD of the
    plan's first prior, filled, and of reconstructions, hollow.
    """
    runs = sweep_runs(frame, plan, dataset)
    if len(runs) < 2:
        return None
    prior = plan.priors[0]
    embedding = next((name for name in EMBEDDINGS if fad_column(prior, name) in runs), "")
    of_prior, of_decoder = fad_column(prior, embedding), fad_column(RECONSTRUCTION, embedding)
    fad = f"FAD {EMBEDDINGS.get(embedding, embedding)}"
    titles = {
        DISTORTION: words.name(metric(DISTORTION).title),
        of_prior: f"{fad} ({prior})",
        of_decoder: f"{fad} ({words.name(RECONSTRUCTION)})",
    }
    shown = [key for key in titles if key in runs]
    styles = styles_of(plan)

    def points(key: str, hollow: bool = False) -> list[Points]:
        return [
            Points(str(row["autoencoder"]), styles[str(row["autoencoder"])], ((row[RATE], row[key]),), hollow)
            for _, row in runs.iterrows()
        ]

    charts = []
    if DISTORTION in runs:
        label = titles[DISTORTION]
        charts.append(chart(words("Rate and distortion"), words("KL (nats)"), label, points(DISTORTION), lines=False))
    if of_prior in runs:
        both = points(of_prior) + (points(of_decoder, hollow=True) if of_decoder in runs else [])
        title = words("FAD of samples (filled) and of reconstructions (hollow) over KL")
        charts.append(chart(title, words("KL (nats)"), fad, both, lines=False))
    rows = tuple(
        Row(
            _label(str(row["autoencoder"]), int(row["seed"]), plan),
            styles[str(row["autoencoder"])],
            tuple(words.number(f"{row[key]:.4g}") for key in (RATE, *shown)),
        )
        for _, row in runs.iterrows()
    )
    present = {name: style for name, style in styles.items() if name in set(runs["autoencoder"])}
    drawn = tuple(one for one in charts if one)
    return Figure(drawn, present, (words("KL (nats)"), *(titles[key] for key in shown)), rows) if drawn else None


def _present(styles: Mapping[str, int], trainings: Sequence[Training]) -> dict[str, int]:
    names = {one.autoencoder for one in trainings}
    return {name: style for name, style in styles.items() if name in names}


def _last(training: Training, column: str, words: Words) -> str:
    curve = training.curves.get(column)
    return words.number(f"{curve[-1][1]:.4g}") if curve else NOTHING


def _name(training: Training, plan: PlanConfig) -> str:
    return _label(training.autoencoder, training.seed, plan)


def _label(autoencoder: str, seed: int, plan: PlanConfig) -> str:
    return autoencoder if len(plan.seeds) == 1 else f"{autoencoder}, seed {seed}"
