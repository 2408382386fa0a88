"""What a classifier behind an embedding hears: the scores of its classes, cached like an embedding."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowshot.scoring.embeddings.base import ClipPolicy, Embedder


@dataclass(frozen=True)
class ClassScores:
    """An embedder whose vectors are the class scores of another one."""

    classifier: Any  # an embedder with `classes`, their number, and `class_scores(clips, sample_rate)`

    @property
    def name(self) -> str:
        """The classifier's name, told apart from its embedding."""
        return f"{self.classifier.name} classes"

    @property
    def sample_rate(self) -> int:
        """See `Embedder`."""
        return int(self.classifier.sample_rate)

    @property
    def dimensions(self) -> int:
        """How many classes there are."""
        return int(self.classifier.classes)

    @property
    def policy(self) -> ClipPolicy:
        """See `Embedder`."""
        policy: ClipPolicy = self.classifier.policy
        return policy

    @property
    def weights_sha256(self) -> str:
        """See `Embedder`."""
        return str(self.classifier.weights_sha256)

    @property
    def runtime(self) -> str:
        """See `Embedder`."""
        return str(self.classifier.runtime)

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """The scores `[n, classes]`; raises as the classifier's `embed`."""
        return np.asarray(self.classifier.class_scores(clips, sample_rate))


def class_scores(embedder: Embedder) -> ClassScores | None:
    """The class scores behind an embedding, or None where it has no classes."""
    return ClassScores(embedder) if hasattr(embedder, "class_scores") else None
