"""The latent loss: which part of the KL divergence is charged, and what a nat of it costs.

| option | what it does | when to use it |
|---|---|---|
| `beta` | the price of a nat | the first thing to vary: see the sweep of `docs/latent-loss.md` |
| `beta_warmup_steps` | no price at first | always: an encoder that says nothing yet is not silenced for it |
| `free_bits` | nats that cost nothing | when the divergence falls to 0 at every `beta` that makes priors easy to fit |
| `target_kl` | a price that finds its divergence | to compare autoencoders at equal rate, not at equal `beta` |

`docs/latent-loss.md` has a paragraph on each.
"""

import math

from torch import Tensor

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Posterior, gaussian_kl
from flowshot.optimisation.schedules import beta_at
from flowshot.training.config import TrainConfig

# Of the controller: log beta moves by at most this in a step, and beta stays within these limits.
CONTROLLER_RATE = 0.02
CONTROLLER_LIMITS = (1e-6, 1e6)


def with_free_bits(kl: Tensor, free: float) -> Tensor:
    """The divergence that is charged, a scalar: each part's mean over the batch, or `free` nats where that is less.

    Kingma et al. 2016 (1606.04934), equation 15: a part below its allowance has no gradient, and so nothing to gain by
    saying less. The mean over the batch is bounded and not each clip's value, so that clips may differ. `kl: [batch,
    parts]` is in nats, one part for each dimension, or a single one.
    """
    return kl.mean(0).clamp_min(free).sum()


def charged_divergence(kl: Tensor, posterior: Posterior, config: TrainConfig) -> Tensor:
    """The part of `kl: [batch]` that is charged, in nats, a scalar: its mean, as far as it is not free.

    `free_bits_of: total` allows `free_bits` times the number of dimensions for the whole latent. It needs no parts, so
    it also holds under flows, whose divergence is the expectation of one log ratio. That ratio is of one draw a clip:
    near the allowance a little more than the expectation is charged.
    """
    if not config.free_bits:
        return kl.mean()
    if config.free_bits_of == "dimension":
        return with_free_bits(gaussian_kl(posterior.mean, posterior.log_scale), config.free_bits)
    return with_free_bits(kl[:, None], config.free_bits * posterior.mean.shape[-1])


def controlled_beta(beta: float, kl: float, target: float) -> float:
    """The weight one step later: higher where the divergence lies above `target`, lower where below.

    Ascent on the multiplier of the constraint KL = target, in log beta (the constraint of Rezende & Viola 2018,
    1810.00597, on the other term; as a controller: Shao et al. 2020, 2004.05988). The relative error is cut at 1, so
    that a divergence ten times too high at the start does not wind it up.
    """
    error = max(-1.0, min(1.0, (kl - target) / target))
    low, high = CONTROLLER_LIMITS
    return min(high, max(low, beta * math.exp(CONTROLLER_RATE * error)))


class LatentLoss:
    """Weight and charged divergence of every step of a training; `gaussian`: see `Autoencoder.is_gaussian`.

    Raises:
        FlowshotError: free bits of single dimensions are asked for under a flow, whose divergence has no such parts: a
            flow moves nats between dimensions.
    """

    def __init__(self, config: TrainConfig, gaussian: bool) -> None:
        if config.free_bits and config.free_bits_of == "dimension" and not gaussian:
            raise FlowshotError(
                "free_bits_of: dimension needs an autoencoder without flows, whose divergence is a sum over "
                "dimensions; use free_bits_of: total"
            )
        self.config, self.beta = config, config.beta

    def weight(self, step: int) -> float:
        """What a nat costs at `step`, counted from 0."""
        return beta_at(step, self.beta, self.config.beta_warmup_steps)

    def charged(self, kl: Tensor, posterior: Posterior) -> Tensor:
        """See `charged_divergence`."""
        return charged_divergence(kl, posterior, self.config)

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
