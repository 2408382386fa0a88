"""The charts of a dataset: curves of all trainings, where their divergence goes, and what it buys."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from flowshot.core.plan import RECONSTRUCTION
from flowshot.report.layout import NOTHING
from flowshot.report.page.charts import Chart, Points, chart
from flowshot.report.project import Training
from flowshot.report.registry import metric
from flowshot.report.results import Report
from flowshot.report.sweep import DISTORTION, RATE, rate_distortion, sweep_runs

# Columns of `history.csv` that every training has, and those of validations.
CURVES = {
    "train_reconstruction": "reconstruction loss, training",
    "valid_reconstruction": "reconstruction loss, validation",
    "train_kl": "KL (nats), training",
    "mutual_information": "mutual information (nats), validation",
}
PARTS = ("mutual_information", "marginal_kl")  # of the divergence


@dataclass(frozen=True)
class Figure:
    """Charts that share a legend: `styles` of the names, and the numbers behind them for who cannot see them."""

    charts: Sequence[Chart]
    styles: dict[str, int]
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[str, ...]]]  # a training and its numbers as text


def training_figure(report: Report, trainings: Sequence[Training]) -> Figure | None:
    """Every training's curves over one another; None where none is known."""
    words, style = report.words, report.plan.models.index
    known = [(_label(report, one.model, one.seed), one) for one in trainings if len(one.history)]
    shown = [column for column in CURVES if any(column in one.history for _, one in known)]
    charts = []
    for column in shown:
        label, curves = words(CURVES[column]), [one.history.get(column, pd.Series(dtype=float)) for _, one in known]
        points = [
            Points(name, style(one.model), tuple(zip(curve.dropna().index, curve.dropna(), strict=True)))
            for (name, one), curve in zip(known, curves, strict=True)
        ]
        if found := chart(label, words("step"), label, points, lines=True):
            charts.append(found)
    rows = []
    for name, one in known:
        last = one.history.reindex(columns=shown).ffill().iloc[-1]
        rows.append((name, tuple(NOTHING if value != value else words.number(f"{value:.4g}") for value in last)))
    headers = tuple(words(CURVES[column]) for column in shown)
    return Figure(charts, {one.model: style(one.model) for _, one in known}, headers, rows) if charts else None


def divergence_bars(report: Report, dataset: str) -> list[tuple[str, list[tuple[str, float, float, str]], str]]:
    """For each autoencoder its KL as mutual information and marginal KL, mean over seeds; empty where unknown.

    Name, parts `(kind, start, width, text)` in percent of the longest bar, and the KL.
    """
    runs, number = sweep_runs(report, dataset), report.words.number
    if not {*PARTS} <= set(runs.columns):
        return []
    means = runs.groupby("autoencoder", sort=False)[[RATE, *PARTS]].mean()
    longest = max(float(means[list(PARTS)].clip(lower=0).sum(axis=1).max()), 1e-9)
    bars = []
    for name, (rate, *values) in zip(means.index, means.to_numpy().tolist(), strict=True):
        widths = [round(100 * max(value, 0.0) / longest, 1) for value in values]
        texts = [number(f"{value:.1f}") for value in values]
        parts = list(zip(PARTS, (0.0, widths[0]), widths, texts, strict=True))
        bars.append((str(name), parts, number(f"{rate:.1f}")))
    return bars


def rate_distortion_figure(report: Report, dataset: str) -> Figure | None:
    """A point for each training: what its divergence buys; None with fewer than two trainings.

    The rate-distortion plane of Alemi et al. 2018, "Fixing a broken ELBO" (arXiv:1711.00464); beside it the FAD of the
    plan's first prior, filled, and of reconstructions, hollow.
    """
    words, style, found = report.words, report.plan.models.index, rate_distortion(report, dataset)
    if found is None:
        return None
    runs, of_prior, of_decoder, fad = found
    rate = words("KL (nats)")
    titles = {
        DISTORTION: words(metric(DISTORTION).title),
        of_prior: f"{fad}: {report.plan.priors[0]}",
        of_decoder: f"{fad}: {words(RECONSTRUCTION)}",
    }
    shown = [key for key in titles if key in runs]
    trained = list(zip(runs["autoencoder"], runs["seed"], strict=True))

    def points(key: str, hollow: bool = False) -> list[Points]:
        places = zip(runs[RATE], runs[key], strict=True) if key in runs else ()
        return [
            Points(name, style(name), ((x, y),), hollow) for (name, _), (x, y) in zip(trained, places, strict=False)
        ]

    title = words("FAD of samples (filled) and of reconstructions (hollow) over KL")
    both = points(of_prior) + points(of_decoder, hollow=True) if of_prior in runs else []
    charts = [
        chart(words("Rate and distortion"), rate, titles[DISTORTION], points(DISTORTION), lines=False),
        chart(title, rate, fad, both, lines=False),
    ]
    texts = [tuple(words.number(f"{value:.4g}") for value in row) for row in runs[[RATE, *shown]].to_numpy()]
    rows = [(_label(report, *one), numbers) for one, numbers in zip(trained, texts, strict=True)]
    headers = (rate, *(titles[key] for key in shown))
    return Figure([one for one in charts if one], {name: style(name) for name, _ in trained}, headers, rows)


def _label(report: Report, model: str, seed: int) -> str:
    return model if len(report.plan.seeds) == 1 else f"{model}, seed {seed}"
