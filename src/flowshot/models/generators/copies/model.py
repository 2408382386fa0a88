"""The kind `copies`: the score of a model that memorised its training clips."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section
from flowshot.models.base.kind import ModelKind
from flowshot.models.base.model import ClipModel


@dataclass(frozen=True)
class CopiesConfig(Section):
    """`copies` has no parameters."""


class Copies(ClipModel):
    """Draws training clips, with replacement, from the folder `dataset`; its only weight is their `count`."""

    count: Tensor

    def __init__(self, dataset: Path, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        self.dataset = dataset
        self.register_buffer("count", torch.tensor(0))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` training clips, `[count, samples]`. Raises FlowshotError if the dataset has more or fewer now."""
        clips = read_prepared(self.dataset).clips("train")
        if len(clips) != int(self.count):
            raise FlowshotError(
                f"{self.dataset}: has {len(clips)} training clips, but there were {int(self.count)}; run `dvc repro`"
            )
        rows = torch.randint(len(clips), (count,), generator=generator)
        return torch.stack([torch.from_numpy(clips[row].copy()) for row in rows.tolist()])


KIND = ModelKind(
    config=CopiesConfig,
    build=lambda card, folder: Copies(PREPARED / card.dataset, card.clip_samples, card.sample_rate),
)
