"""The interface of every model: it draws clips."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Generator(nn.Module):
    """A model that draws clips of `clip_samples` at `sample_rate` (Hz).

    A model without an encoder, such as a GAN, stands on the axis `generators` of a plan.
    """

    def __init__(self, clip_samples: int, sample_rate: int) -> None:
        super().__init__()
        self.clip_samples, self.sample_rate = clip_samples, sample_rate

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` clips `[count, samples]` in [-1, 1], drawn by `generator`, on its device."""


class AskedGenerator(Generator):
    """A generator that can be asked for clips with certain attributes; `attribute_names` is empty where it cannot."""

    attribute_names: tuple[str, ...] = ()

    @abstractmethod
    def draw_attributes(
        self, count: int, generator: torch.Generator, asked: Mapping[str, float] | None = None
    ) -> Tensor:
        """Attributes of `count` clips, `[count, attributes]` in [0, 1]: what is `asked` by name, and likely others."""

    @abstractmethod
    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        """Clips `[count, samples]` in [-1, 1] with the attributes `asked: [count, attributes]`."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` clips `[count, samples]`, with attributes as training clips have them."""
        return self.sample_asked(self.draw_attributes(count, generator), generator)
