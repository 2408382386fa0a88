"""Figures of the report."""

from pathlib import Path

import pandas as pd

from flowshot.config.plan import PlanConfig
from flowshot.report.registry import EMBEDDINGS
from flowshot.report.results import REAL, RECONSTRUCTION

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")


def draw_distances(path: Path, results: pd.DataFrame, plan: PlanConfig, dataset: str) -> bool:
    """Write a PNG with the FAD of every arm, one panel for each embedding; False where there is no FAD.

    Every seed is a point with its interval. The dashed line is the floor, a hollow diamond the reconstruction.
    """
    # Imported here because matplotlib takes most of a second, which reading scores should not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fad = results[(results["dataset"] == dataset) & (results["metric"] == "fad")]
    known = [*EMBEDDINGS]
    embeddings = sorted(set(fad["embedding"]), key=lambda name: (known.index(name) if name in known else 99, name))
    if not embeddings:
        return False
    priors = (*plan.priors, RECONSTRUCTION)
    height = 1.4 + 0.2 * len(plan.autoencoders) * (len(priors) + 1)
    figure = Figure(figsize=(1.5 + 4 * len(embeddings), height), layout="constrained")
    panels = figure.subplots(1, len(embeddings), sharey=True, squeeze=False)[0]
    for panel, embedding in zip(panels, embeddings, strict=True):
        shown = fad[fad["embedding"] == embedding]
        for k, prior in enumerate(priors):
            for i, autoencoder in enumerate(plan.autoencoders):
                arm = shown[(shown["autoencoder"] == autoencoder) & (shown["prior"] == prior)]
                _draw_arm(panel, arm, i * (len(priors) + 1) + k, k, prior, label=i == 0)
        for floor in shown[shown["autoencoder"] == REAL]["value"]:
            panel.axvline(floor, color="black", linestyle="--", linewidth=1, label="real (floor)")
        panel.set_xlabel(f"FAD ({EMBEDDINGS.get(embedding, embedding)})", parse_math=False)
        panel.set_xlim(left=0)
        panel.grid(axis="x", alpha=0.3)
    middles = [i * (len(priors) + 1) + (len(priors) - 1) / 2 for i in range(len(plan.autoencoders))]
    panels[0].set_yticks(middles, plan.autoencoders, parse_math=False)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 5), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    # Without the metadata the file would name the version of matplotlib that wrote it.
    figure.set_dpi(120)
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})
    return True


def _draw_arm(panel: object, arm: pd.DataFrame, position: float, k: int, prior: str, label: bool) -> None:
    reconstruction = prior == RECONSTRUCTION
    colour = "black" if reconstruction else COLOURS[k % len(COLOURS)]
    for j, (_, row) in enumerate(arm.iterrows()):
        value, low, high = row["value"], row["ci_low"], row["ci_high"]
        # An interval need not hold the value, as that of a bootstrap; bars may not be negative.
        bars = [[max(value - low, 0)], [max(high - value, 0)]] if low == low else None
        panel.errorbar(  # type: ignore[attr-defined]
            value,
            position + 0.5 * ((j + 0.5) / len(arm) - 0.5),
            xerr=bars,
            fmt="d" if reconstruction else MARKERS[k % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if reconstruction else colour,
            markersize=5,
            capsize=2,
            linewidth=1,
            label=prior if label and j == 0 else None,
        )
