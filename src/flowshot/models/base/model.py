"""The interface of every model: it draws clips."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from flowshot.clips.attributes import draw_rows


class ClipModel(nn.Module):
    """A model that draws clips of `clip_samples` at `sample_rate` (Hz).

    A model without an encoder, such as a GAN, stands on the axis `generators` of a plan.
    """

    def __init__(self, clip_samples: int, sample_rate: int) -> None:
        super().__init__()
        self.clip_samples, self.sample_rate = clip_samples, sample_rate

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` clips `[count, samples]` in [-1, 1], drawn by `generator`, on its device."""


class AskedModel(ClipModel):
    """A generator that can be conditioned on attributes of clips; `attribute_names` is empty where it cannot.

    `known: [rows, attributes]` in [0, 1] are attributes of training clips, a buffer of the subclass.
    """

    attribute_names: tuple[str, ...]
    known: Tensor

    def draw_attributes(
        self, count: int, generator: torch.Generator, asked: Mapping[str, float] | None = None
    ) -> Tensor:
        """`[count, attributes]`: those of the training clips most similar to `asked`, with the values of `asked`."""
        return draw_rows(self.known, self.attribute_names, count, generator, asked)

    @abstractmethod
    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        """Clips `[count, samples]` in [-1, 1] with the attributes `asked: [count, attributes]`."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.sample_asked(self.draw_attributes(count, generator), generator)
