"""The kind `drumgan`: clips in one pass, from noise and optional attributes."""

import torch
from torch import Tensor

from flowshot.clips.attributes import ATTRIBUTES
from flowshot.models.base.kind import ModelKind
from flowshot.models.base.model import AskedModel
from flowshot.models.generators.drumgan.config import DrumganConfig, check_drumgan
from flowshot.models.generators.drumgan.network import SpectrogramGenerator
from flowshot.models.generators.drumgan.spectrum import Spectrum

ROWS = 512  # training clips whose attributes the model keeps
SMALLEST_DEVIATION = 0.01  # of an attribute, where training clips hardly differ


class Drumgan(AskedModel):
    """A GAN of spectrograms; its network holds the moving average of the trained weights.

    Nistal, Lattner & Richard 2020, 2008.12073. Differences: penalty and drift are means over the batch, as in the
    paper of the penalty; batches have one size at every scale; clips are padded to whole frames. Four more,
    together, let it obey within an hour of one core; the first alone did not, the others were not tried apart. At each
    scale, spectrograms have a root mean square of 1 over the training clips. The penalty measures slopes as if their
    norm were 10: scores of a hundred and more outweighed it and the attributes. Attributes are standardised, as
    otherwise they are a hundredth of the first layer's input. Once the last scale has grown, the discriminator also
    learns the attributes of generated clips.
    """

    sizes: Tensor

    def __init__(self, config: DrumganConfig, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        self.config = config
        self.attribute_names = ATTRIBUTES if config.condition == "attributes" else ()
        self.spectrum = Spectrum(config, clip_samples)
        given = config.latent_size + len(self.attribute_names)
        self.network = SpectrogramGenerator(given, config.widths, self.spectrum.shape)
        self.register_buffer("sizes", torch.ones(len(config.widths)))  # of spectrograms at each scale
        self.register_buffer("known", torch.zeros(ROWS, len(self.attribute_names)))

    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        shape = (len(asked), self.config.latent_size)
        latent = torch.randn(shape, generator=generator, device=generator.device)
        return self.decode(latent, asked)

    def decode(self, latent: Tensor, asked: Tensor) -> Tensor:
        """The clips of `latent: [count, size]` and `asked: [count, attributes]`."""
        return self.clips(self.network(latent, self.standardised(asked), len(self.config.widths) - 1, 1.0))

    def clips(self, spectrograms: Tensor) -> Tensor:
        """The clips of `spectrograms: [count, 2, bins, frames]` of the last scale."""
        return self.spectrum.clips(self.sizes[-1] * spectrograms).clamp(-1, 1)

    def standardised(self, asked: Tensor) -> Tensor:
        """`asked: [count, attributes]` relative to the mean and standard deviation of training clips."""
        deviation = self.known.std(0, unbiased=False).clamp(min=SMALLEST_DEVIATION)
        return (asked - self.known.mean(0)) / deviation


KIND = ModelKind(
    config=DrumganConfig,
    build=lambda card, folder: Drumgan(card.config, card.clip_samples, card.sample_rate),
    check=check_drumgan,
)
