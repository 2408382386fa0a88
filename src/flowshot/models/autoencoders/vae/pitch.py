"""Which slots of a clip are tones, and at which frequency: predicted from the latent, learned from what is measured."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.slots import TONE, Slots

IN_BAND, BEYOND = 32, 2  # places of the distribution within a sub-band, and on either side of it
PLACES = IN_BAND + 2 * BEYOND
QUARTERS = 4  # of a clip, with a distribution each
WIDTH = 512  # of the layers between the latent and the distributions
# Places: the standard deviation of what a frequency is learned as, and of what is near a draw.
LEARNED_WIDTH, NEAR = 1.0, 1.5
# Of what is learned beside the reconstruction: gate and frequency, in nats.
GATE_WEIGHT, PLACE_WEIGHT = 5.0, 8.0


class PitchHead(nn.Module):
    """Logits of the gate and of the frequencies of each sub-band, from the latent and from the innermost frames.

    Shapes: latent `[batch, latent_size]` and frames `[batch, width, frames]` -> `[batch, bands, frames]`, above 0 for a
    tone, and `[batch, bands, PLACES, QUARTERS]`.
    """

    def __init__(self, latent_size: int, width: int, bands: int, frames: int) -> None:
        super().__init__()
        self.bands, self.frames = bands, frames
        self.gate = nn.Conv1d(width, bands, 1)
        self.gate_levels = nn.Linear(latent_size, bands * (1 + frames))
        self.moves = nn.Conv1d(width, bands * PLACES, 1)
        self.hidden = nn.Sequential(nn.Linear(latent_size, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU())
        self.places = nn.Linear(WIDTH, bands * PLACES)

    def start_undecided(self) -> None:
        """Set the last layers to small values: every place is as likely as any other at first."""
        for layer in (self.gate, self.gate_levels, self.moves, self.places):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, latent: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        frames = functional.silu(frames)
        whole, parts = self.gate_levels(latent).unflatten(1, (self.bands, -1)).split([1, self.frames], dim=-1)
        gate = self.gate(frames) + whole + parts
        quarters = functional.adaptive_avg_pool1d(frames, QUARTERS)
        places = self.moves(quarters) + self.places(self.hidden(latent)).unsqueeze(-1)
        return gate, places.unflatten(1, (self.bands, PLACES))

    def loss(self, logits: tuple[Tensor, Tensor], measured: Slots) -> Tensor:
        """The error of the logits, `[batch]` in weighted nats: cross-entropies, weighted by level.

        A frequency counts where there is a tone, and a place next to the right one is nearly right.
        """
        gate, places = (each.float() for each in logits)
        gate = functional.interpolate(gate, size=measured.level.shape[-1], mode="linear")
        is_tone = (measured.tonality > TONE).float()
        tonal = (measured.tonality / (2 * TONE)).clamp_max(1)
        loud = measured.level.sum((1, 2)).clamp_min(1e-3)
        gates = functional.binary_cross_entropy_with_logits(gate, is_tone, measured.level, reduction="none").sum((1, 2))
        slots = gate.shape[-1]
        away = measured.place.unsqueeze(2) * IN_BAND - _centres(gate)
        # Bounded, because an exponential that underflows takes many times longer.
        near = (-0.5 * (away / LEARNED_WIDTH).square()).clamp_min(-80).exp()
        weights = measured.level * tonal / near.sum(2)
        # Means over quarters of the clip, `[slots, QUARTERS]`, in one product with the weights.
        means = functional.adaptive_avg_pool1d(torch.eye(slots, device=near.device), QUARTERS)
        near = near @ (weights.unsqueeze(-1) * means)
        wrong = -(near * places.log_softmax(2)).sum((1, 2, 3)) * (slots / QUARTERS)
        return (GATE_WEIGHT * gates + PLACE_WEIGHT * wrong) / loud

    def choose(self, logits: tuple[Tensor, Tensor], draws: Tensor, slots: int) -> Slots:
        """Gates and frequencies without measurement, from `draws: [batch, bands, 2 or more]`, uniform in [0, 1].

        Each sub-band draws once whether a doubtful slot is a tone, for the whole clip: as many slots are tones as
        were measured, which a threshold gets wrong where most are doubtful, and no draw makes a tone flicker.
        """
        gate, places = (each.float() for each in logits)
        tones = functional.interpolate(gate, size=slots, mode="linear").sigmoid()
        heard = (tones > draws[..., :1]).float()
        place = functional.interpolate(drawn_places(places.softmax(2), draws[..., 1]), size=slots, mode="linear")
        return Slots(heard, place, heard)


def drawn_places(shares: Tensor, draws: Tensor) -> Tensor:
    """Places in 0 to 1, `[batch, bands, quarters]`, one draw of each distribution.

    `shares: [batch, bands, PLACES, quarters]` sum to 1 over places; `draws: [batch, bands]` are uniform in [0, 1]. A
    draw is where the cumulated shares reach it, and then moves to the mean of what is near: right where the
    distribution is sharp, anywhere where it is flat.
    """
    draws = draws[..., None, None]
    reached = shares.cumsum(2)
    first = (reached < draws).sum(2, keepdim=True).clamp_max(PLACES - 1)
    within = 1 - (reached.gather(2, first) - draws) / shares.gather(2, first).clamp_min(1e-9)
    place, centres = first + within.clamp(0, 1) - BEYOND, _centres(shares)
    for _ in range(2):
        near = shares * (-0.5 * ((centres - place) / NEAR).square()).exp()
        place = (near * centres).sum(2, keepdim=True) / near.sum(2, keepdim=True).clamp_min(1e-9)
    return (place.squeeze(2) / IN_BAND).clamp(0, 1)


def _centres(values: Tensor) -> Tensor:
    """Of the places, counted from the lower edge of the sub-band, `[PLACES, 1]`."""
    return (torch.arange(PLACES, device=values.device) + 0.5 - BEYOND).unsqueeze(-1)
