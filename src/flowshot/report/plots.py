"""Figures of the report."""

from pathlib import Path
from typing import Any

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.registry import EMBEDDINGS
from flowshot.report.results import REAL, RECONSTRUCTION
from flowshot.report.style import COLOURS, MARKERS, drawn_figure, outside_legend


def draw_distances(stem: Path, results: pd.DataFrame, plan: PlanConfig, dataset: str, words: Words) -> bool:
    """Write `STEM.png` and `STEM.pdf` with the FAD of every arm, a panel for each embedding; False without any FAD.

    Every seed is a point with its interval. The dashed line is the floor, a hollow diamond the reconstruction.
    """
    fad = results[(results["dataset"] == dataset) & (results["metric"] == "fad")]
    known = [*EMBEDDINGS]
    embeddings = sorted(set(fad["embedding"]), key=lambda name: (known.index(name) if name in known else 99, name))
    if not embeddings:
        return False
    priors = (*plan.priors, RECONSTRUCTION)
    height = 1.2 + 0.16 * len(plan.autoencoders) * (len(priors) + 1)
    with drawn_figure(stem, 1.5 + 3.2 * len(embeddings), height, words) as figure:
        panels = figure.subplots(1, len(embeddings), sharey=True, squeeze=False)[0]
        for panel, embedding in zip(panels, embeddings, strict=True):
            shown = fad[fad["embedding"] == embedding]
            for k, prior in enumerate(priors):
                for i, autoencoder in enumerate(plan.autoencoders):
                    arm = shown[(shown["autoencoder"] == autoencoder) & (shown["prior"] == prior)]
                    label = words.name(prior) if prior == RECONSTRUCTION else prior
                    _draw_arm(panel, arm, i * (len(priors) + 1) + k, k, prior, label if i == 0 else None)
            for floor in shown[shown["autoencoder"] == REAL]["value"]:
                panel.axvline(floor, color="black", linestyle="--", label=words.name("real (floor)"))
            panel.set_xlabel(words("FAD ({embedding})", embedding=EMBEDDINGS.get(embedding, embedding)))
            panel.set_xlim(left=0)
            panel.grid(axis="y", visible=False)
        middles = [i * (len(priors) + 1) + (len(priors) - 1) / 2 for i in range(len(plan.autoencoders))]
        panels[0].set_yticks(middles, plan.autoencoders)
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        outside_legend(figure, "upper center", handles, labels, columns=min(len(labels), 5))
    return True


def _draw_arm(panel: Any, arm: pd.DataFrame, position: float, k: int, prior: str, label: str | None) -> None:
    reconstruction = prior == RECONSTRUCTION
    colour = "black" if reconstruction else COLOURS[k % len(COLOURS)]
    for j, (_, row) in enumerate(arm.iterrows()):
        value, low, high = row["value"], row["ci_low"], row["ci_high"]
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
