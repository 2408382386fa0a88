"""The figure of a factorial: whether a prior helps every autoencoder alike."""

from pathlib import Path

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.registry import EMBEDDINGS, metric
from flowshot.report.results import RECONSTRUCTION
from flowshot.report.style import COLOURS, MARKERS, drawn_figure, outside_legend

# Distances from the same reference, which compare between autoencoders; nats of different latents do not.
SHOWN = ("fad", "kid")


def draw_interaction(stem: Path, frame: pd.DataFrame, plan: PlanConfig, dataset: str, words: Words) -> bool:
    """Write `STEM.png` and `STEM.pdf`: a line for each autoencoder over the priors; False where there is no factorial.

    A point is the mean over seeds, its bar from the lowest to the highest seed. Lines that run alike say that what a
    prior brings does not depend on the autoencoder; crossing lines, that the best prior of one is not that of another.
    A dashed line is what the autoencoder reaches with the test clips' own latents. Embedding: the first that was used.
    """
    if len(plan.autoencoders) < 2 or len(plan.priors) < 2:
        return False
    found = interaction(frame, plan, dataset)
    panels = [name for name in SHOWN if name in set(found["metric"])]
    if not panels:
        return False
    with drawn_figure(stem, 2.0 + 3.4 * len(panels), 3.2, words) as figure:
        for panel, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for i, autoencoder in enumerate(plan.autoencoders):
                colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
                mine = found[(found["metric"] == name) & (found["autoencoder"] == autoencoder)].set_index("prior")
                ceiling = mine["mean"].get(RECONSTRUCTION)
                mine = mine.reindex([prior for prior in plan.priors if prior in mine.index])
                places = [plan.priors.index(prior) for prior in mine.index]
                bars = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
                panel.errorbar(
                    places, mine["mean"], yerr=bars, color=colour, marker=marker, capsize=2, label=autoencoder
                )
                if ceiling is not None:
                    panel.axhline(ceiling, color=colour, linestyle="--", linewidth=0.8)
            panel.set_xticks(range(len(plan.priors)), plan.priors, rotation=20)
            panel.set_ylabel(words.name(metric(name).title))
            panel.set_ylim(bottom=0)
            handles, labels = panel.get_legend_handles_labels()
        outside_legend(figure, "right center", handles, labels)
    return True


def interaction(frame: pd.DataFrame, plan: PlanConfig, dataset: str) -> pd.DataFrame:
    """A row for each of `SHOWN`, autoencoder and prior: `mean`, `low` and `high` over seeds, as tables show them."""
    mine = frame[
        (frame["dataset"] == dataset)
        & frame["autoencoder"].isin(plan.autoencoders)
        & frame["prior"].isin([*plan.priors, RECONSTRUCTION])
        & frame["metric"].isin(SHOWN)
    ]
    mine = mine[mine["embedding"] == first_embedding(mine)]
    scaled = mine.assign(value=mine["value"] * mine["metric"].map(lambda name: metric(name).scale).astype(float))
    values = scaled.groupby(["metric", "autoencoder", "prior"], sort=False)["value"]
    return values.agg(mean="mean", low="min", high="max").reset_index()


def first_embedding(frame: pd.DataFrame) -> str:
    """The one that reports name first, of those under which anything in `frame` was measured; "" without any."""
    used = set(frame["embedding"]) - {"none"}
    return next((name for name in (*EMBEDDINGS, *sorted(used)) if name in used), "")
