"""Figures of the report, each as `STEM.png` and `STEM.pdf`; a function returns False where it has nothing to draw."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.designs import DISTORTION, RATE, distance_column, sweep_runs
from flowshot.report.language import Words
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Frame, Pair, Report
from flowshot.report.style import COLOURS, DASHES, MARKERS, drawn_figure

# Columns of `history.csv` that every training has, and those of validations.
CURVES = {
    "train_reconstruction": "reconstruction loss, training",
    "valid_reconstruction": "reconstruction loss, validation",
    "train_kl": "KL (nats), training",
    "mutual_information": "mutual information (nats), validation",
}


def draw_distances(stem: Path, report: Report, dataset: str) -> bool:
    """The FAD of every arm and baseline, a panel for each embedding.

    Every seed is a point with its interval. The dashed line is the floor, a hollow diamond the reconstruction.
    """
    plan, words = report.plan, report.words
    embeddings = report.embeddings(dataset, "fad")
    if not embeddings:
        return False
    rows: dict[Pair, int] = {}
    middles: list[float] = []
    for model in plan.models:
        priors = (DIRECT,) if model in plan.generators else (*plan.priors, RECONSTRUCTION)
        begin = len(rows) + len(middles)  # a free row between models
        rows |= {(model, prior): begin + k for k, prior in enumerate(priors)}
        middles.append(begin + (len(priors) - 1) / 2)
    with drawn_figure(stem, 1.5 + 3.2 * len(embeddings), 1.2 + 0.16 * (len(rows) + len(middles)), words) as figure:
        panels = figure.subplots(1, len(embeddings), sharey=True, squeeze=False)[0]
        for panel, embedding in zip(panels, embeddings, strict=True):
            fad = report.rows(dataset, "fad", embedding)
            for k, prior in enumerate((*plan.priors, RECONSTRUCTION, DIRECT)):
                places = {model: row for (model, of), row in rows.items() if of == prior}
                _draw_prior(panel, fad[(fad["prior"] == prior) & fad["autoencoder"].isin(places)], places, k, words)
            for floor in fad[fad["autoencoder"] == REAL]["value"]:
                panel.axvline(floor, color="black", linestyle="--", label=words("real (floor)"))
            panel.set_xlabel(words("FAD ({embedding})", embedding=embedding_title(embedding)))
            panel.set_xlim(left=0)
            panel.grid(axis="y", visible=False)
        panels[0].set_yticks(middles, plan.models)
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=max(1, min(len(labels), 5)))
    return True


def _draw_prior(panel: Any, shown: Frame, places: Mapping[str, int], k: int, words: Words) -> None:
    """The arms of the prior number `k`, those of one model side by side."""
    if shown.empty:
        return
    seeds = shown.groupby("autoencoder")["seed"]
    aside = 0.5 * ((seeds.cumcount() + 0.5) / seeds.transform("size") - 0.5)
    bars = [shown["value"] - shown["ci_low"], shown["ci_high"] - shown["value"]]
    prior = shown["prior"].iloc[0]
    look = {"fmt": MARKERS[k % len(MARKERS)], "color": COLOURS[k % len(COLOURS)], "label": prior}
    if prior == RECONSTRUCTION:
        look = {"fmt": "d", "color": "black", "label": words(prior), "markerfacecolor": "white"}
    panel.errorbar(shown["value"], shown["autoencoder"].map(places) + aside, xerr=bars, capsize=2, **look)


def draw_rate_distortion(stem: Path, report: Report, dataset: str) -> bool:
    """What a nat of divergence buys, a point a training: reconstruction and FAD against KL; not for fewer than two.

    Left the rate-distortion plane (Alemi et al. 2018, "Fixing a broken ELBO", 1711.00464): lower and further left is
    better, and points along one curve are the same autoencoder at other prices. Right the FAD of clips from the plan's
    first prior, filled, and of reconstructions, hollow: where both meet at equal n, that prior fits the latents.
    Embedding: the first that was used.
    """
    plan, words, runs = report.plan, report.words, sweep_runs(report, dataset)
    embedding = next(iter(report.embeddings(dataset, "fad")), "")
    of_prior, of_decoder = (distance_column("fad", prior, embedding) for prior in (*plan.priors[:1], RECONSTRUCTION))
    fad = words("FAD ({embedding})", embedding=embedding_title(embedding))
    sizes = report.rows(dataset, "fad", embedding).groupby("prior")["n"].min()
    n, m = (sizes.get(prior, 0) for prior in (plan.priors[0], RECONSTRUCTION))
    said = "{fad} of {prior} (n = {n}), hollow: of reconstructions (n = {m})"
    filled = words(said, fad=fad, prior=plan.priors[0], n=n, m=m)
    titles = {DISTORTION: words(metric(DISTORTION).title), of_prior: filled}
    panels = [key for key in titles if key in runs]
    if len(runs) < 2 or not panels:
        return False
    with drawn_figure(stem, 2.2 + 3.2 * len(panels), 3.4, words) as figure:
        for panel, key in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for place, autoencoder in enumerate(plan.autoencoders):
                mine = runs[runs["autoencoder"] == autoencoder]
                marker = MARKERS[place // len(COLOURS) % len(MARKERS)]
                style = {"marker": marker, "color": COLOURS[place % len(COLOURS)], "linestyle": "none"}
                panel.plot(mine[RATE], mine[key], label=autoencoder, **style)
                if key == of_prior and of_decoder in runs:
                    panel.plot(mine[RATE], mine[of_decoder], markerfacecolor="white", **style)
            panel.set_xlabel(words(metric(RATE).title))
            panel.set_ylabel(titles[key])
        figure.legend(*panel.get_legend_handles_labels(), loc="outside right center")
    return True


def draw_training(stem: Path, report: Report, dataset: str) -> bool:
    """The curves of every training of the dataset over one another, a colour for each model."""
    plan, words, trainings = report.plan, report.words, report.trainings.get(dataset, ())
    shown = [column for column in CURVES if any(len(one.curve(column)) for one in trainings)]
    if not shown:
        return False
    rows = -(-len(shown) // 2)
    with drawn_figure(stem, 8.6, 0.4 + 2.5 * rows, words) as figure:
        panels = figure.subplots(rows, 2, squeeze=False).flatten()
        for panel, column in zip(panels, shown, strict=False):
            for one in trainings:
                place, curve = plan.models.index(one.model), one.curve(column)
                if curve.empty:
                    continue
                look = {
                    "color": COLOURS[place % len(COLOURS)],
                    "linestyle": DASHES[place // len(COLOURS) % len(DASHES)],
                }
                # A curve of a few points is shown by them: two validations are no line to be read off.
                marker = "." if len(curve) < 8 else ""
                panel.plot(curve, marker=marker, label=one.model if one.seed == plan.seeds[0] else None, **look)
            panel.set_title(words(CURVES[column]), fontsize="medium")
            panel.set_xlabel(words("step"))
        for panel in panels[len(shown) :]:
            panel.set_visible(False)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    return True
