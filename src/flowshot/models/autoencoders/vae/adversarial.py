"""The second phase of training: discriminators judge the decoder's clips, and the decoder learns to pass.

What it is for. A reconstruction loss is smallest at the mean of all clips that the latent allows, and the mean of many
noises, attacks and phases is a blur that no recording has. A discriminator asks only whether a clip could be real, so
the decoder may choose one. It comes last, because anything can tell apart a decoder that does not know yet where the
energy lies, and with encoder and prior frozen (Caillon & Esling 2021, RAVE, 2111.05011), so that the latent space stays
the one that reconstruction loss and divergence made.

When not to use it. It makes reconstructions and their validation loss worse, so train without it what is compared by
those; also what trains for too few steps to have converged, because a step of the phase costs about twice a plain one,
and a few hundred clips, which the discriminators soon know by heart. Compare at equal wall time.

What keeps it stable. The reconstruction loss continues; feature matching gives the decoder a direction where the
verdict alone gives none; the weight of both grows from 0; the norm of the discriminators' gradient is bounded; faint
noise lies over real and decoded clips, so that digital silence is no mark of the real ones (instance noise: Sonderby et
al. 2016, 1610.04490).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.vae.discriminators import Discriminators
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.training.config import AdversarialConfig

WARMUP_STEPS = 50  # of the weight of the decoder's terms, from 0
NOISE = 1e-3  # amplitude of the white noise over real and decoded clips
LEARNING_RATE = 2e-3  # of the discriminators
GRADIENT_CLIP = 1.0  # largest norm of their gradient
# Of Adam: little momentum, because what the discriminators are to learn moves (Radford et al. 2015, 1511.06434).
BETAS = (0.5, 0.9)
EPSILON = 1e-5


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The loss of a discriminator, a scalar of at least 0, from its logits for real and decoded clips.

    Hinge (Lim & Ye 2017, 1705.02894): nothing more is gained beyond logits of 1 and -1.
    """
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def feature_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Mean absolute difference of a discriminator's features relative to their size on real clips, a scalar.

    Larsen et al. 2015 (1512.09300), Kumar et al. 2019 (1910.06711); each layer by its own size (Defossez et al. 2022,
    2210.13438, equation 2), or only a layer with large outputs would be matched.
    """
    return torch.stack(
        [(a - b).abs().mean() / (a.abs().mean() + EPSILON) for a, b in zip(real, fake, strict=True)]
    ).mean()


def train_decoder_alone(model: VAE) -> None:
    """Freeze all but the decoder: the KL has no gradient then, but it is still counted."""
    model.requires_grad_(False)
    model.decoder.requires_grad_(True)


class Adversary:
    """The discriminators, their optimizer, and the steps in which they act: the last `config.share` of `steps`.

    Its random draws come from generators of its own, which follow from `seed`, so that training up to the phase is the
    same, bit for bit, whether a phase follows or not.
    """

    def __init__(self, config: AdversarialConfig, steps: int, device: torch.device, seed: int) -> None:
        self.config = config
        self.first_step = steps - round(config.share * steps)
        self.discriminators = Discriminators(torch_generator(seed, "discriminators")).to(device)
        self.optimizer = torch.optim.Adam(self.discriminators.parameters(), LEARNING_RATE, BETAS)
        self.noise = torch_generator(seed, "discriminators", "noise", device=device)

    def state_dict(self) -> dict[str, Any]:
        """Discriminators, optimizer and noise."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state`."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    @property
    def _parts(self) -> dict[str, Stateful]:
        noise = GeneratorState(self.noise)
        return {"discriminators": self.discriminators, "optimizer": self.optimizer, "noise": noise}

    def acts(self, step: int) -> bool:
        """Whether `step`, counted from 0, belongs to the phase."""
        return step >= self.first_step

    def weight(self, step: int) -> float:
        """The factor of the decoder's terms: rises linearly from 0 to 1 during the phase's warm-up."""
        return min(1.0, (step - self.first_step + 1) / WARMUP_STEPS)

    def step(self, real: Tensor, fake: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Update the discriminators once, then apply them to clips and reconstructions, keeping the decoder's graph.

        Returns what is added to the decoder's loss, and for the history: both of its terms unweighted, the
        discriminators' loss, and their mean logits of real and decoded clips before they were taught.
        """
        # The same noise on both, so that it adds nothing to the distance of features.
        noise = NOISE * torch.randn(real.shape, generator=self.noise, device=real.device)
        real, fake = real + noise, fake + noise
        terms = self._teach(real, fake.detach())
        # The decoder's gradient passes through the discriminators and must not stay in them.
        self.discriminators.requires_grad_(False)
        judged = self.discriminators(fake)
        with torch.no_grad():
            expected = self.discriminators(real)
        adversarial = _mean([-one.logits.mean() for one in judged])
        matching = _mean([feature_matching(a.features, b.features) for a, b in zip(expected, judged, strict=True)])
        terms |= {"adversarial": adversarial.detach(), "feature_matching": matching.detach()}
        return self.weight(step) * self.config.weight * (adversarial + matching), terms

    def _teach(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        self.discriminators.requires_grad_(True)
        pairs = [judgement.logits.chunk(2) for judgement in self.discriminators(torch.cat([real, fake]))]
        loss = _mean([discriminator_loss(a, b) for a, b in pairs])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.discriminators.parameters(), GRADIENT_CLIP)
        self.optimizer.step()
        scores = {"score_real": _mean([a.mean() for a, _ in pairs]), "score_fake": _mean([b.mean() for _, b in pairs])}
        return {name: value.detach() for name, value in {"discriminator": loss, **scores}.items()}


def _mean(values: list[Tensor]) -> Tensor:
    # Over discriminators, so that the weight does not depend on how many there are.
    return torch.stack(values).mean()
