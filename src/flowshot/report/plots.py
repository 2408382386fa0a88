"""Figures of the report, each as `STEM.png` and `STEM.pdf`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.factorial import is_factorial
from flowshot.report.language import Words
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Pair, Report
from flowshot.report.style import COLOURS, MARKERS, drawn_figure
from flowshot.report.sweep import DISTORTION, RATE, rate_distortion

# Of the interaction: distances from the same reference, which compare between autoencoders; nats do not.
CROSSED = ("fad", "kid")


def draw_distances(stem: Path, report: Report, dataset: str) -> bool:
    """The FAD of every arm and baseline, a panel for each embedding; False without any FAD.

    Every seed is a point with its interval. The dashed line is the floor, a hollow diamond the reconstruction.
    """
    plan, words, frame = report.plan, report.words, report.of(dataset)
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
            fad = frame[(frame["metric"] == "fad") & (frame["embedding"] == embedding)]
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


def _draw_prior(panel: Any, shown: pd.DataFrame, places: Mapping[str, int], k: int, words: Words) -> None:
    """The arms of the prior number `k`, those of one model side by side."""
    if shown.empty:
        return
    seeds = shown.groupby("autoencoder")["seed"]
    aside = 0.5 * ((seeds.cumcount() + 0.5) / seeds.transform("size") - 0.5)
    # An interval need not hold the value, as that of a bootstrap; bars may not be negative.
    bars = [(shown["value"] - shown["ci_low"]).clip(lower=0), (shown["ci_high"] - shown["value"]).clip(lower=0)]
    prior = shown["prior"].iloc[0]
    colour = "black" if prior == RECONSTRUCTION else COLOURS[k % len(COLOURS)]
    marker = {"fmt": "d", "markerfacecolor": "white"} if prior == RECONSTRUCTION else {"fmt": MARKERS[k % len(MARKERS)]}
    label = words(prior) if prior == RECONSTRUCTION else prior
    rows = shown["autoencoder"].map(places) + aside
    panel.errorbar(shown["value"], rows, xerr=bars, color=colour, capsize=2, label=label, **marker)


def draw_interaction(stem: Path, report: Report, dataset: str) -> bool:
    """Whether a prior helps every autoencoder alike: a line for each over the priors; False without a factorial.

    A point is the mean over seeds, its bar spans them. Where lines cross, the best prior of one
    autoencoder is not that of another. Dashed is what the autoencoder reaches with the test clips' own latents, dotted
    a generator, which has no prior. Embedding: the first that was used.
    """
    plan, words = report.plan, report.words
    panels = {}
    for name in CROSSED if is_factorial(report) else ():
        for embedding in report.embeddings(dataset, name)[:1]:
            panels[name] = report.values(dataset, name, embedding)
    if not panels:
        return False
    with drawn_figure(stem, 2.0 + 3.4 * len(panels), 3.2, words) as figure:
        for panel, (name, values) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            scaled = {arm: np.array(list(seeds.values())) * metric(name).scale for arm, seeds in values.items()}
            for i, model in enumerate(plan.models):
                colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
                for prior, style, label in ((RECONSTRUCTION, "--", None), (DIRECT, ":", model)):
                    if (model, prior) in scaled:
                        level = scaled[model, prior].mean()
                        panel.axhline(level, color=colour, linestyle=style, linewidth=0.8, label=label)
                places = [k for k, prior in enumerate(plan.priors) if (model, prior) in scaled]
                seeds = [scaled[model, plan.priors[k]] for k in places]
                if seeds:
                    bars = [[one.mean() - one.min() for one in seeds], [one.max() - one.mean() for one in seeds]]
                    means = [one.mean() for one in seeds]
                    panel.errorbar(places, means, bars, color=colour, marker=marker, capsize=2, label=model)
            panel.set_xticks(range(len(plan.priors)), plan.priors, rotation=20)
            panel.set_ylabel(words(metric(name).title))
            panel.set_ylim(bottom=0)
            handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center")
    return True


def draw_rate_distortion(stem: Path, report: Report, dataset: str) -> bool:
    """What a nat of divergence buys, a point a training: reconstruction and FAD against KL; False for fewer than two.

    Left the rate-distortion plane (Alemi et al. 2018, "Fixing a broken ELBO", 1711.00464): lower and further left is
    better, and points along one curve are the same autoencoder at other prices. Right the FAD of clips from the plan's
    first prior, filled, and of reconstructions, hollow: where both meet, that prior fits the latents.
    """
    plan, words, found = report.plan, report.words, rate_distortion(report, dataset)
    if found is None:
        return False
    runs, of_prior, of_decoder, fad = found
    filled = words("{fad} of {prior}, hollow: of reconstructions", fad=fad, prior=plan.priors[0])
    titles = {DISTORTION: words(metric(DISTORTION).title), of_prior: filled}
    panels = [key for key in titles if key in runs]
    if not panels:
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
            handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center")
    return True
