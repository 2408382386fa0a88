"""The latent loss: which part of the KL divergence is charged, and what a nat of it costs.

| option | what it does | when to use it |
|---|---|---|
| `beta` | the price of a nat | the first thing to vary: see the sweep of `docs/latent-loss.md` |
| `beta_schedule: linear` | no price at first | always: an encoder that says nothing yet is not silenced for it |
| `beta_schedule: cyclical` | from 0 several times | when the latent is used at first and lost later |
| `free_bits` | nats that cost nothing | when the divergence goes to 0 at every `beta` that makes priors easy to fit |
| `target_kl` | a price that finds its divergence | to compare autoencoders at equal rate, not at equal `beta` |

`docs/latent-loss.md` has a paragraph on each, and on those that lie elsewhere: updates of the encoder alone
(`training/inference.py`) and a weaker decoder (`autoencoder.decoder_channels`).
"""

import math

from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Posterior, gaussian_kl
from flowshot.models.autoencoders.vae.vae import Reconstruction
from flowshot.training.config import PARTS_NEEDED, TrainConfig
from flowshot.training.schedules import beta_at, cyclical_beta_at

# Of the controller: log beta moves by at most this in a step, and beta stays within these limits.
CONTROLLER_RATE = 0.02
CONTROLLER_LIMITS = (1e-6, 1e6)


def with_free_bits(kl: Tensor, free: float) -> Tensor:
    """The divergence that is charged, a scalar: each part's mean over the batch, or `free` nats where that is less.

    Kingma et al. 2016 (1606.04934), equation 15: a part below its allowance has no gradient, and so nothing to gain by
    saying less. The mean over the batch is bounded and not each clip's value, so that clips may differ.

    Args:
        kl: `[batch, parts]` in nats: one part for each dimension, or a single one.
        free: of each part, in nats.
    """
    return kl.mean(0).clamp_min(free).sum()


def charged_divergence(kl: Tensor, posterior: Posterior, config: TrainConfig) -> Tensor:
    """The divergence of `kl: [batch]` that is charged, in nats, a scalar: its mean, as far as it is not free.

    Of the whole latent, the allowance is `free_bits` times the number of dimensions: it needs no parts, and so holds
    under flows, whose divergence is the expectation of one log ratio.
    """
    if not config.free_bits:
        return kl.mean()
    if config.free_bits_of == "dimension":
        return with_free_bits(gaussian_kl(posterior.mean, posterior.log_scale), config.free_bits)
    return with_free_bits(kl[:, None], config.free_bits * posterior.mean.shape[-1])


def controlled_beta(beta: float, kl: float, target: float) -> float:
    """The weight one step later: higher where the divergence lies above `target`, lower where below.

    Ascent on the multiplier of the constraint KL = target, in log beta (the constraint of Rezende & Viola 2018,
    1810.00597, put on the other term; as a controller: Shao et al. 2020, 2004.05988). The relative error is cut at 1,
    so that a divergence ten times too high at the start does not wind it up.
    """
    error = max(-1.0, min(1.0, (kl - target) / target))
    low, high = CONTROLLER_LIMITS
    return min(high, max(low, beta * math.exp(CONTROLLER_RATE * error)))


class LatentLoss:
    """Weight and charged divergence of every step of a training.

    Args:
        config: of the training.
        steps: of the training.
        gaussian: whether posterior and prior are Gaussian, see `VAE.is_gaussian`.

    Raises:
        FlowshotError: free bits of single dimensions are asked for under a flow, whose divergence has no such parts.

    Example:
        >>> latent_loss = LatentLoss(TrainConfig(beta=0.1, beta_warmup_steps=10), steps=100, gaussian=True)
        >>> [latent_loss.weight(step) for step in (0, 9, 99)]
        [0.01, 0.1, 0.1]
    """

    def __init__(self, config: TrainConfig, steps: int, gaussian: bool) -> None:
        require_parts(config, gaussian)
        self.config, self.steps = config, steps
        self.beta = config.beta

    def weight(self, step: int) -> float:
        """What a nat costs at `step`, counted from 0."""
        if self.config.beta_schedule == "cyclical":
            return cyclical_beta_at(step, self.beta, self.config.beta_cycles, self.steps)
        return beta_at(step, self.beta, self.config.beta_warmup_steps)

    def charged(self, output: Reconstruction) -> Tensor:
        """The divergence that is charged, in nats, a scalar.

        It is bounded from one draw a clip, of which a batch's mean is not the expectation: near the allowance a little
        more than it is charged.
        """
        return charged_divergence(output.kl, output.posterior, self.config)

    def state_dict(self) -> dict[str, float]:
        """Where the controller has moved the weight."""
        return {"beta": self.beta}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take the weight from `state`."""
        self.beta = state["beta"]

    def take_step(self, step: int, kl: Tensor) -> float:
        """The weight that `step` had; then move it towards `target_kl`, given the step's mean divergence, a scalar."""
        weight = self.weight(step)
        if self.config.target_kl:
            self.beta = controlled_beta(self.beta, float(kl.detach()), self.config.target_kl)
        return weight


def require_parts(config: TrainConfig, gaussian: bool) -> None:
    """Raises FlowshotError where free bits of single dimensions are asked for, but the divergence is no sum over them.

    It fails instead of bounding something else: a change of the latent by a flow moves nats between dimensions.
    """
    if config.free_bits and config.free_bits_of == "dimension" and not gaussian:
        raise FlowshotError(PARTS_NEEDED)
