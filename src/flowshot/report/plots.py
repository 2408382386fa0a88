"""Figures of the report, each as `STEM.png` and `STEM.pdf`."""

from pathlib import Path
from typing import Any

import pandas as pd

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.factorial import is_factorial
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Report
from flowshot.report.style import COLOURS, MARKERS, drawn_figure, outside_legend
from flowshot.report.sweep import DISTORTION, RATE, first_fad, sweep_runs

# Of the interaction: distances from the same reference, which compare between autoencoders; nats do not.
CROSSED = ("fad", "kid")


def draw_distances(stem: Path, report: Report, dataset: str) -> bool:
    """The FAD of every arm and baseline, a panel for each embedding; False without any FAD.

    Every seed is a point with its interval. The dashed line is the floor, a hollow diamond the reconstruction.
    """
    plan, words, frame = report.plan, report.words, report.frame(dataset)
    embeddings = report.embeddings(dataset, "fad")
    if not embeddings:
        return False
    priors = (*plan.priors, *([RECONSTRUCTION] if plan.autoencoders else []))
    shown = dict.fromkeys(plan.autoencoders, priors) | dict.fromkeys(plan.generators, (DIRECT,))
    styles = (*priors, DIRECT)
    height = 1.2 + 0.16 * sum(len(of) + 1 for of in shown.values())
    with drawn_figure(stem, 1.5 + 3.2 * len(embeddings), height, words) as figure:
        panels = figure.subplots(1, len(embeddings), sharey=True, squeeze=False)[0]
        for panel, embedding in zip(panels, embeddings, strict=True):
            fad = frame[(frame["metric"] == "fad") & (frame["embedding"] == embedding)]
            position, middles, named = 0, [], set()
            for model, of in shown.items():
                middles.append(position + (len(of) - 1) / 2)
                for prior in of:
                    arm = fad[(fad["autoencoder"] == model) & (fad["prior"] == prior)]
                    label = words(prior) if prior == RECONSTRUCTION else prior
                    _draw_arm(panel, arm, position, styles.index(prior), prior, None if prior in named else label)
                    named.add(prior)
                    position += 1
                position += 1
            for floor in fad[fad["autoencoder"] == REAL]["value"]:
                panel.axvline(floor, color="black", linestyle="--", label=words("real (floor)"))
            panel.set_xlabel(words("FAD ({embedding})", embedding=embedding_title(embedding)))
            panel.set_xlim(left=0)
            panel.grid(axis="y", visible=False)
        panels[0].set_yticks(middles, list(shown))
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        outside_legend(figure, "upper center", handles, labels, columns=min(len(labels), 5))
    return True


def _draw_arm(panel: Any, arm: pd.DataFrame, position: float, k: int, prior: str, label: str | None) -> None:
    reconstruction = prior == RECONSTRUCTION
    colour = "black" if reconstruction else COLOURS[k % len(COLOURS)]
    for j, (value, low, high) in enumerate(arm[["value", "ci_low", "ci_high"]].to_numpy()):
        # An interval need not hold the value, as that of a bootstrap; bars may not be negative.
        bars = [[max(value - low, 0)], [max(high - value, 0)]] if low == low else None
        panel.errorbar(
            value,
            position + 0.5 * ((j + 0.5) / len(arm) - 0.5),
            xerr=bars,
            fmt="d" if reconstruction else MARKERS[k % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if reconstruction else colour,
            capsize=2,
            label=label if j == 0 else None,
        )


def draw_interaction(stem: Path, report: Report, dataset: str) -> bool:
    """Whether a prior helps every autoencoder alike: a line for each over the priors; False without a factorial.

    A point is the mean over seeds, its bar from the lowest to the highest seed. Lines that run alike say that what a
    prior brings does not depend on the autoencoder; crossing lines, that the best prior of one is not that of another.
    Dashed is what the autoencoder reaches with the test clips' own latents, dotted a generator, which has no prior.
    Embedding: the first that was used.
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
            scaled = {arm: [metric(name).scale * one for one in seeds.values()] for arm, seeds in values.items()}
            for i, model in enumerate(plan.models):
                colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
                for prior, style in ((RECONSTRUCTION, "--"), (DIRECT, ":")):
                    if seeds := scaled.get((model, prior)):
                        label = model if prior == DIRECT else None
                        panel.axhline(
                            sum(seeds) / len(seeds), color=colour, linestyle=style, linewidth=0.8, label=label
                        )
                points = [(k, scaled[model, prior]) for k, prior in enumerate(plan.priors) if (model, prior) in scaled]
                if points:
                    means = [sum(seeds) / len(seeds) for _, seeds in points]
                    lows = [mean - min(seeds) for mean, (_, seeds) in zip(means, points, strict=True)]
                    highs = [max(seeds) - mean for mean, (_, seeds) in zip(means, points, strict=True)]
                    places = [k for k, _ in points]
                    panel.errorbar(places, means, [lows, highs], color=colour, marker=marker, capsize=2, label=model)
            panel.set_xticks(range(len(plan.priors)), plan.priors, rotation=20)
            panel.set_ylabel(words(metric(name).title))
            panel.set_ylim(bottom=0)
            handles, labels = panel.get_legend_handles_labels()
        outside_legend(figure, "right center", handles, labels)
    return True


def draw_rate_distortion(stem: Path, report: Report, dataset: str) -> bool:
    """What a nat of divergence buys, a point a training: reconstruction and FAD against KL; False for fewer than two.

    Left the rate-distortion plane (Alemi et al. 2018, "Fixing a broken ELBO", 1711.00464): lower and further left is
    better, and points along one curve are the same autoencoder at other prices. Right the FAD of clips from the plan's
    first prior, filled, and of reconstructions, hollow: where both meet, that prior fits the latents.
    """
    plan, words, runs = report.plan, report.words, sweep_runs(report, dataset)
    if len(runs) < 2:
        return False
    prior = plan.priors[0]
    embedding, of_prior = first_fad(report, dataset, prior)
    _, of_decoder = first_fad(report, dataset, RECONSTRUCTION)
    filled = words(
        "FAD ({embedding}) of {prior}, hollow: of reconstructions", embedding=embedding_title(embedding), prior=prior
    )
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
        outside_legend(figure, "right center", handles, labels)
    return True
