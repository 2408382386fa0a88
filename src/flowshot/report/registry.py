"""How each metric, embedding and table is shown: `registry.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# The tables that compare generated clips with real ones; the others are about autoencoders.
COMPARE_CLIPS = (
    "quality", "distances", "kinds", "coverage", "diversity", "control", "control-error", "control-leak",
)  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """One metric of `results.csv` as a column; `registry.toml` says what its fields mean."""

    name: str
    title: str
    better: Literal["lower", "higher"] | None = None
    table: str = "quality"
    within_autoencoder: bool = False
    whole: bool = False
    over_clips: bool = True
    scale: float = 1.0


_SHOWN = tomllib.loads(Path(__file__).with_name("registry.toml").read_text(encoding="utf-8"))
METRICS = {name: Metric(name, **entry) for name, entry in _SHOWN["metrics"].items()}
EMBEDDINGS: dict[str, str] = _SHOWN["embeddings"]
TABLES: dict[str, dict[str, str]] = _SHOWN["tables"]


def metric(name: str) -> Metric:
    """The entry of a metric; one that is not registered is shown by its name, without a direction."""
    return METRICS.get(name) or Metric(name, name)


def embedding_title(name: str) -> str:
    """As a reader knows it."""
    return EMBEDDINGS.get(name, name)


def in_order(embeddings: set[str]) -> list[str]:
    """Embeddings in the order of the tables; those without a title last."""
    return [name for name in (*EMBEDDINGS, *sorted(embeddings - set(EMBEDDINGS))) if name in embeddings]
