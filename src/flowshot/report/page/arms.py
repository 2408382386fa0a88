"""Arms, their values and their names, as the sentences of `findings.py` need them."""

from collections.abc import Mapping

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.registry import EMBEDDINGS

# Autoencoder and prior; not all are of the plan: there are the floor, reconstructions and external systems too.
Arm = tuple[str, str]


def embeddings_of(frame: pd.DataFrame, metric: str) -> list[str]:
    """Those that the metric was measured in, in the order of the tables."""
    present = set(frame[frame["metric"] == metric]["embedding"])
    return [name for name in EMBEDDINGS if name in present] + sorted(present - set(EMBEDDINGS))


def mean_of_arms(frame: pd.DataFrame, metric: str, embedding: str) -> dict[Arm, float]:
    """Of every arm, over seeds."""
    shown = frame[(frame["metric"] == metric) & (frame["embedding"] == embedding)]
    return by_arm(shown.groupby(["autoencoder", "prior"], sort=False)["value"].mean())


def by_arm(values: pd.Series) -> dict[Arm, float]:
    """A series whose index is (autoencoder, prior) as a dictionary."""
    rows = values.reset_index()
    return {
        (str(name), str(prior)): float(value)
        for name, prior, value in zip(rows["autoencoder"], rows["prior"], rows["value"], strict=True)
    }


def arms_of_plan(values: Mapping[Arm, float], plan: PlanConfig) -> dict[Arm, float]:
    """Without the floor, reconstructions and external systems."""
    return {arm: value for arm, value in values.items() if arm[0] in plan.autoencoders and arm[1] in plan.priors}


def embedding_title(embedding: str) -> str:
    """As a reader knows it."""
    return EMBEDDINGS.get(embedding, embedding)


def arm_name(arm: Arm) -> str:
    """In sentences."""
    return f"{arm[0]} / {arm[1]}"


def short_number(value: float, words: Words) -> str:
    """Of three digits, or whole from a thousand on."""
    return words.number(f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}")
