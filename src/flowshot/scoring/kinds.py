"""How each kind of sound fares: distances from the part of the reference that is of one kind (see `catalog.toml`).

Reconstructions have the kinds of their originals: those of a kind are compared with real clips of that kind. What an
arm draws has no kind, so all of it is compared with the real clips that are not rendered synthesizers, of which there
are many from few engines. That distance is not 0 for a perfect arm; it compares arms with each other and with training
clips drawn at random.
"""

from dataclasses import replace

import numpy as np

from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.score import Score

RENDERED = "rendered synthesizer"
WITHOUT_RENDERED = f"without {RENDERED}"
FEWEST = 10  # clips of a kind


def kind_scores(sets: EmbeddedSets, config: ScoreConfig, seed: int) -> list[Score]:
    """`kid_of_kind` and, of reconstructions, `fad_of_kind`; the kind stands in the place of the embedding.

    None where the reference has one kind only, and of kinds with fewer than `FEWEST` clips.
    """
    kinds = np.array(sets.reference_kinds)
    known = sorted(set(sets.reference_kinds))
    if len(known) < 2:
        return []
    paired = list(sets.candidate_groups) == list(sets.reference_groups)
    everything = np.arange(len(sets.candidate))
    parts = {kind: (np.flatnonzero(kinds == kind),) * 2 for kind in known}
    if not paired:
        parts = {WITHOUT_RENDERED: (everything, np.flatnonzero(kinds != RENDERED))} if RENDERED in known else {}
    metrics = [metric for metric in ("kid", "fad") if metric in config.metrics and (paired or metric == "kid")]
    scores = []
    for kind, (candidate, reference) in parts.items():
        if len(reference) < FEWEST:
            continue
        part = Comparison(sets.at(candidate, reference), config, lambda metric: numpy_generator(seed, "kind", metric))
        scores += [
            replace(score, metric=f"{score.metric}_of_kind", embedding=kind, details={"reference_n": len(reference)})
            for score in compare(part, metrics)
        ]
    return scores
