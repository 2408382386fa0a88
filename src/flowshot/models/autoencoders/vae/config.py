"""The configuration of the VAE."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require

FlowKind = Literal["none", "nsf", "realnvp", "maf", "iaf"]


@dataclass(frozen=True)
class VAEConfig(Section):
    """Widths and depths, latent size, what is decoded, pooling, and the flows in posterior and prior."""

    bands: int
    latent_size: int
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    decoder_dilations: tuple[int, ...]
    waveform: bool
    pooling: Literal["flatten", "mean"]
    posterior_flow: FlowKind
    prior_flow: FlowKind
    flow_layers: int
    flow_width: int

    def __post_init__(self) -> None:
        require(len(self.channels) == len(self.strides) > 0, "channels and strides must have the same length")
        require(min(self.channels) > 0 and min(self.strides) > 0, "channels and strides must be above 0")
        require(min((*self.decoder_dilations, 1)) > 0, "decoder_dilations must be above 0")
        require(self.latent_size >= 2, "latent_size must be at least 2")
        require(self.bands >= 2 and self.bands & (self.bands - 1) == 0, "bands must be a power of two")
        require(self.flow_layers > 0 and self.flow_width > 0, "flow_layers and flow_width must be above 0")
