"""The figure of a sweep: what a nat of divergence buys."""

from pathlib import Path

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.registry import EMBEDDINGS, metric
from flowshot.report.results import RECONSTRUCTION
from flowshot.report.style import COLOURS, MARKERS, drawn_figure, outside_legend
from flowshot.report.sweep import DISTORTION, RATE, fad_column, sweep_runs


def draw_rate_distortion(stem: Path, frame: pd.DataFrame, plan: PlanConfig, dataset: str, words: Words) -> bool:
    """Write `STEM.png` and `STEM.pdf`, a point a training: reconstruction and FAD against KL; False for fewer than two.

    Left the rate-distortion plane (Alemi et al. 2018, "Fixing a broken ELBO", 1711.00464): lower and further left is
    better, and points along one curve are the same autoencoder at other prices. Right the FAD of clips from the plan's
    first prior, filled, and of reconstructions, hollow: where both meet, that prior fits the latents.
    """
    runs = sweep_runs(frame, plan, dataset)
    prior = plan.priors[0]
    embedding = next((name for name in EMBEDDINGS if fad_column(prior, name) in runs), "")
    of_prior, of_decoder = fad_column(prior, embedding), fad_column(RECONSTRUCTION, embedding)
    panels = [key for key in (DISTORTION, of_prior) if key in runs]
    if len(runs) < 2 or not panels:
        return False
    heard = EMBEDDINGS.get(embedding, embedding)
    filled = words("FAD ({embedding}) of {prior}, hollow: of reconstructions", embedding=heard, prior=prior)
    with drawn_figure(stem, 2.2 + 3.2 * len(panels), 3.4, words) as figure:
        for panel, key in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for place, autoencoder in enumerate(plan.autoencoders):
                mine = runs[runs["autoencoder"] == autoencoder]
                marker = MARKERS[place // len(COLOURS) % len(MARKERS)]
                style = {"marker": marker, "color": COLOURS[place % len(COLOURS)], "linestyle": "none"}
                panel.plot(mine[RATE], mine[key], label=autoencoder, **style)
                if key == of_prior and of_decoder in runs:
                    panel.plot(mine[RATE], mine[of_decoder], markerfacecolor="white", **style)
            panel.set_xlabel(words.name(metric(RATE).title))
            panel.set_ylabel(words.name(metric(DISTORTION).title) if key == DISTORTION else filled)
            handles, labels = panel.get_legend_handles_labels()
        outside_legend(figure, "right center", handles, labels)
    return True
