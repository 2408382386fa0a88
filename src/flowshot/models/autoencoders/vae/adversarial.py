"""The second phase of training: discriminators judge the decoder's clips, and the decoder learns to pass.

What it is for. A reconstruction loss is smallest at the mean of all clips that the latent allows, and the mean of many
noises, attacks and phases is a blur that no recording has. A discriminator asks only whether a clip could be real, so
the decoder may choose one. It comes last, because a decoder that does not yet know where the energy lies is told apart
by anything, and with encoder and prior frozen (Caillon & Esling 2021, RAVE, 2111.05011), so that the latent space stays
the one that the reconstruction loss and the divergence made.

When not to use it. Reconstruction and its validation loss get worse by it: what is compared by those should be trained
without. So should what trains for too few steps to have converged, because every step of the phase costs about twice a
plain one, and a few hundred clips, which the discriminators soon know by heart (the scores of real training clips then
keep rising while the decoder's do not). It needs a share of the steps, not a fixed number: compare at equal wall time.

What keeps it stable. The reconstruction loss goes on; feature matching gives the decoder a direction where the verdict
alone gives none; the weight of both grows from 0, so that untrained discriminators say nothing; the norm of their
gradient is bounded; faint noise lies over real and decoded clips, so that digital silence is no mark of the real ones
(instance noise: Sonderby et al. 2016, 1610.04490). There is no R1 penalty (Mescheder et al. 2018, 1801.04406): it takes
second derivatives, about the price of another discriminator step, and bounds what the reconstruction loss bounds here.

The default weights are set by gradients at the decoded clips: of a VAE trained for 700 steps on `samples`, with the
loss and the decoder of then, the reconstruction loss had a norm of 23 there, and with discriminators of 40 steps
feature matching one of 0.15 to 0.4 and the adversarial term one of 0.08, which grows as they learn. They were not
chosen by how the result sounds or scores.
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from flowshot.core.randomness import torch_generator
from flowshot.models.autoencoders.vae.discriminators import Discriminators, Judgement
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.training.checkpoint import GeneratorState, Stateful
from flowshot.training.config import AdversarialConfig

LossKind = Literal["hinge", "least_squares"]

# Of Adam: little momentum, because what the discriminators are to learn moves (Radford et al. 2015, 1511.06434).
BETAS = (0.5, 0.9)
EPSILON = 1e-5


def discriminator_loss(real: Tensor, fake: Tensor, kind: LossKind) -> Tensor:
    """What a discriminator minimises, a scalar, at least 0, of its logits for real and for decoded clips.

    Hinge (Lim & Ye 2017, 1705.02894): no more is gained beyond logits of 1 and -1. Least squares (Mao et al. 2016,
    1611.04076): 1 for real, 0 for decoded.
    """
    if kind == "hinge":
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
    return (real - 1).square().mean() + fake.square().mean()


def generator_loss(fake: Tensor, kind: LossKind) -> Tensor:
    """What the decoder minimises, a scalar: the logits of its clips should be high (hinge), or 1 (least squares)."""
    return -fake.mean() if kind == "hinge" else (fake - 1).square().mean()


def feature_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Mean absolute difference of a discriminator's features relative to their size on real clips, a scalar.

    Larsen et al. 2015 (1512.09300), Kumar et al. 2019 (1910.06711); each layer by its own size (Defossez et al. 2022,
    2210.13438, equation 2), or a layer with large outputs would be the only one to be matched.
    """
    return torch.stack(
        [(a - b).abs().mean() / (a.abs().mean() + EPSILON) for a, b in zip(real, fake, strict=True)]
    ).mean()


def train_decoder_alone(model: VAE, config: AdversarialConfig) -> None:
    """With `freeze_encoder`, freeze all but the decoder: the KL has no gradient then, though it is still counted."""
    if not config.freeze_encoder:
        return
    model.requires_grad_(False)
    model.decoder.requires_grad_(True)


class Adversary:
    """The discriminators, their optimiser, and the steps in which they act: the last `config.share` of `steps`.

    Its random draws come from a generator of its own, so that training up to the phase is the same, bit for bit,
    whether a phase follows or not.

    Args:
        config: kinds, weights and rates.
        steps: of the whole training.
        device: where the clips are.
        seed: of the training; initial weights and noise follow from it.

    Example:
        >>> adversary = Adversary(AdversarialConfig(share=0.25), steps=100, device=torch.device("cpu"), seed=0)
        >>> [adversary.acts(step) for step in (74, 75, 99)]
        [False, True, True]
    """

    def __init__(self, config: AdversarialConfig, steps: int, device: torch.device, seed: int) -> None:
        self.config = config
        self.first_step = steps - round(config.share * steps)
        self.discriminators = Discriminators(config, torch_generator(seed, "discriminators")).to(device)
        self.optimizer = torch.optim.Adam(self.discriminators.parameters(), config.learning_rate, BETAS)
        self.noise = torch_generator(seed, "discriminators", "noise", device=device)

    def state_dict(self) -> dict[str, Any]:
        """Discriminators, optimizer and noise; nothing where there is no phase."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    @property
    def _parts(self) -> dict[str, Stateful]:
        if not self.config.share:
            return {}
        return {
            "discriminators": self.discriminators, "optimizer": self.optimizer, "noise": GeneratorState(self.noise)
        }  # fmt: skip

    def acts(self, step: int) -> bool:
        """Whether `step`, counted from 0, belongs to the phase."""
        return step >= self.first_step

    def weight(self, step: int) -> float:
        """What the decoder's terms are multiplied with: linear from 0 to 1 over the phase's warm-up."""
        warmup = self.config.warmup_steps
        return min(1.0, (step - self.first_step + 1) / warmup) if warmup else 1.0

    def step(self, real: Tensor, fake: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Teach the discriminators once, then let them judge.

        Args:
            real: clips `[batch, samples]`.
            fake: what the decoder made of them, `[batch, samples]`, with its graph.
            step: of the training, counted from 0.

        Returns:
            What is to be added to the decoder's loss, and for the history: both of its terms unweighted, the
            discriminators' loss, and their mean logits of real and decoded clips before they were taught.
        """
        # The same noise on both, so that it adds nothing to the distance of features.
        noise = self.config.noise * torch.randn(real.shape, generator=self.noise, device=real.device)
        real, fake = real + noise, fake + noise
        terms = self._teach(real, fake.detach())
        # The decoder's gradient passes through the discriminators and must not stay in them.
        self.discriminators.requires_grad_(False)
        judged = self.discriminators(fake)
        with torch.no_grad():
            expected = self.discriminators(real)
        adversarial = _mean([generator_loss(one.logits, self.config.loss) for one in judged])
        matching = _mean([feature_matching(a.features, b.features) for a, b in zip(expected, judged, strict=True)])
        total = self.config.adversarial * adversarial + self.config.feature_matching * matching
        terms |= {"adversarial": adversarial.detach(), "feature_matching": matching.detach()}
        return self.weight(step) * total, terms

    def _teach(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        self.discriminators.requires_grad_(True)
        pairs = [_halves(judgement) for judgement in self.discriminators(torch.cat([real, fake]))]
        loss = _mean([discriminator_loss(a, b, self.config.loss) for a, b in pairs])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.discriminators.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        scores = {"score_real": _mean([a.mean() for a, _ in pairs]), "score_fake": _mean([b.mean() for _, b in pairs])}
        return {name: value.detach() for name, value in {"discriminator": loss, **scores}.items()}


def _halves(judgement: Judgement) -> tuple[Tensor, Tensor]:
    real, fake = judgement.logits.chunk(2)
    return real, fake


def _mean(values: list[Tensor]) -> Tensor:
    # Over discriminators, so that the weights of the terms do not depend on how many there are.
    return torch.stack(values).mean()
