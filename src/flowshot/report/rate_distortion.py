"""The figure of a sweep: what a nat of divergence buys."""

from pathlib import Path

import pandas as pd

from flowshot.config.plan import PlanConfig
from flowshot.report.plots import COLOURS, MARKERS
from flowshot.report.registry import EMBEDDINGS, metric
from flowshot.report.results import RECONSTRUCTION
from flowshot.report.sweep import DISTORTION, RATE, fad_column, sweep_runs


def draw_rate_distortion(path: Path, frame: pd.DataFrame, plan: PlanConfig, dataset: str) -> bool:
    """Write a PNG, one point a training: reconstruction and FAD against KL; False where there are fewer than two.

    Left the rate-distortion plane (Alemi et al. 2018, "Fixing a broken ELBO", 1711.00464): lower and further left is
    better, and points along one curve are the same autoencoder at other prices. Right the FAD of clips from the plan's
    first prior, filled, and of reconstructions, hollow: where both meet, that prior fits the latents.
    """
    runs = sweep_runs(frame, plan, dataset)
    if len(runs) < 2:
        return False
    # Imported here because matplotlib takes most of a second, which reading scores should not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    prior = plan.priors[0]
    embedding = next((name for name in EMBEDDINGS if fad_column(prior, name) in runs), "")
    of_prior, of_decoder = fad_column(prior, embedding), fad_column(RECONSTRUCTION, embedding)
    panels = [key for key in (DISTORTION, of_prior) if key in runs]
    if not panels:
        return False
    figure = Figure(figsize=(2.5 + 4 * len(panels), 4.2), layout="constrained")
    for panel, key in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for place, autoencoder in enumerate(plan.autoencoders):
            mine = runs[runs["autoencoder"] == autoencoder]
            style = {"marker": MARKERS[place // len(COLOURS) % len(MARKERS)], "color": COLOURS[place % len(COLOURS)]}
            panel.plot(mine[RATE], mine[key], linestyle="none", label=autoencoder, **style)
            if key == of_prior and of_decoder in runs:
                hollow = {**style, "markerfacecolor": "white"}
                panel.plot(mine[RATE], mine[of_decoder], linestyle="none", **hollow)
        title = metric(DISTORTION).title if key == DISTORTION else f"FAD ({EMBEDDINGS[embedding]})"
        panel.set_xlabel("KL (nats)", parse_math=False)
        panel.set_ylabel(title, parse_math=False)
        panel.grid(alpha=0.3)
        handles, labels = panel.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside right center", frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.set_dpi(120)
    # Without the metadata the file would name the version of matplotlib that wrote it.
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})
    return True
