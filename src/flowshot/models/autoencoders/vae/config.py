"""What an autoencoder is made of."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require
from flowshot.models.autoencoders.rave.config import RaveConfig

FlowKind = Literal["none", "nsf", "realnvp", "maf", "iaf"]
Activation = Literal["silu", "snake"]


@dataclass(frozen=True)
class VAEConfig(Section):
    """The VAE: its front end, widths and depths, latent size, and the flows in posterior and prior.

    With `rave` it is the real RAVE instead, and the other values do not apply.
    """

    front_end: Literal["pqmf", "strided"] = "pqmf"
    bands: int = 32
    latent_size: int = 64
    channels: tuple[int, ...] = (64, 128, 256)
    decoder_channels: tuple[int, ...] = ()
    strides: tuple[int, ...] = (4, 4, 2)
    encoder_dilations: tuple[int, ...] = (1,)
    decoder_dilations: tuple[int, ...] = (1, 3)
    kernel_size: int = 3
    activation: Activation = "silu"
    upsampling: Literal["linear", "transposed"] = "linear"
    pooling: Literal["flatten", "mean"] = "flatten"
    envelope: bool = True
    noise: bool = True
    levels: bool = True
    centred: bool = True
    tones: int = 1
    posterior_flow: FlowKind = "none"
    prior_flow: FlowKind = "none"
    flow_layers: int = 4
    flow_width: int = 128
    rave: RaveConfig | None = None

    def __post_init__(self) -> None:
        require(len(self.channels) == len(self.strides) > 0, "channels and strides must have the same length")
        require(min(self.channels) > 0 and min(self.strides) > 0, "channels and strides must be above 0")
        require(
            len(self.decoder_channels) in (0, len(self.strides)) and min((*self.decoder_channels, 1)) > 0,
            "decoder_channels must be empty, or have the length of strides and be above 0",
        )
        require(min((*self.encoder_dilations, *self.decoder_dilations, 1)) > 0, "dilations must be above 0")
        require(self.latent_size >= 2, "latent_size must be at least 2")
        require(self.kernel_size % 2 == 1 and self.kernel_size > 0, "kernel_size must be odd")
        require(self.bands >= 2 and self.bands & (self.bands - 1) == 0, "bands must be a power of two")
        require(0 <= self.tones <= 64, "tones must be between 0 and 64")
        require(self.flow_layers > 0 and self.flow_width > 0, "flow_layers and flow_width must be above 0")
