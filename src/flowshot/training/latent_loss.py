"""The latent loss: which part of the KL divergence is charged, and what a nat of it costs.

| option | what it does | when to use it |
|---|---|---|
| `beta` | the price of a nat | the first thing to vary: `flowshot plan sweep` |
| `beta_warmup_steps` | no price at first | always: an encoder that carries nothing yet is not penalised into collapse |
| `free_bits` | nats that cost nothing | when the divergence falls to 0 at every `beta` that makes priors easy to fit |
| `target_kl` | a price that finds its divergence | to compare autoencoders at equal rate, not at equal `beta` |

`docs/latent-loss.md` has a paragraph on each.
"""

import math

from torch import Tensor

from flowshot.training.config import TrainConfig

# Of the controller: log beta moves by at most this in a step, and beta stays within these limits.
CONTROLLER_RATE = 0.02
CONTROLLER_LIMITS = (1e-6, 1e6)


def beta_at(step: int, beta: float, warmup_steps: int) -> float:
    """The weight of the latent loss: linear from 0 to `beta` over `warmup_steps` (Bowman et al. 2016, 1511.06349)."""
    return beta * min(1.0, (step + 1) / warmup_steps) if warmup_steps else beta


def charged_divergence(kl: Tensor, config: TrainConfig, latent_size: int) -> Tensor:
    """The part of `kl: [batch]` that is charged, in nats, a scalar: its mean, or what is free where that is more.

    Kingma et al. 2016 (1606.04934), equation 15: below the allowance there is no gradient, and so nothing to gain by
    saying less. `free_bits` times the number of dimensions is free for the whole latent, which needs no parts, so it
    also holds under flows. There `kl` is of one draw a clip: near the allowance a little more than the expectation is
    charged.
    """
    return kl.mean().clamp_min(config.free_bits * latent_size) if config.free_bits else kl.mean()


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
    """What a nat costs in every step of a training."""

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.beta = config, config.beta

    def weight(self, step: int) -> float:
        """What a nat costs at `step`, counted from 0."""
        return beta_at(step, self.beta, self.config.beta_warmup_steps)

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
