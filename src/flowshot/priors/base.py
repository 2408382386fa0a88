"""What a prior is: a density over latent vectors that can be fitted, sampled, evaluated and stored."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from flowshot.clips.attributes import draw_rows
from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.densities.buffers import resize_buffers
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint

FILE = "prior.safetensors"
REMEDY = "fit the prior again with `dvc repro`"


class LatentPrior(nn.Module):
    """A density over `[latent_size]` vectors. One family a file; `flowshot.priors.registry` lists them.

    One without `has_density` only draws; its `log_prob` raises FlowshotError.
    """

    has_density = True

    @abstractmethod
    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Fit to `latents: [n, latent_size]`; `validation: [m, latent_size]` decides which weights are kept.

        A long fit stores its state in `checkpoint` and resumes from there.

        Raises:
            FlowshotError: there are fewer than two latents, one is not finite, or a dimension is constant.
            Interrupted: a stop was requested, and the state is stored.
        """

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""

    @abstractmethod
    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, latent_size]` in nats, `[n]`."""

    def save(self, folder: Path) -> None:
        """Write all tensors into `folder`, without code."""
        # Imported here: priors must be usable where only torch, numpy and nflows are installed.
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises FlowshotError: the file is missing, damaged, or of another configuration."""
        # Imported here: see `save`.
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            self.load_state_dict(load_file(folder / FILE))
        except (OSError, SafetensorError) as error:
            raise FlowshotError(f"{folder / FILE}: cannot be read ({error}); {REMEDY}") from None
        except RuntimeError:
            raise FlowshotError(
                f"{folder}: was fitted with other parameters than those of fit_prior; {REMEDY}"
            ) from None


class AttributePrior(LatentPrior):
    """A prior that is fitted to attributes of the clips besides their latents, and can then be asked for them.

    `known: [clips, attributes]` in [0, 1] are the training clips' attributes; draws take theirs from these.
    """

    known: Tensor

    def __init__(self, attribute_names: tuple[str, ...]) -> None:
        super().__init__()
        self.attribute_names = attribute_names
        self.register_buffer("known", torch.zeros(1, len(attribute_names)))

    @abstractmethod
    def fit(
        self,
        latents: Tensor,
        validation: Tensor,
        generator: torch.Generator,
        checkpoint: Checkpoint = NO_CHECKPOINT,
        attributes: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """As `LatentPrior.fit`, with all `ATTRIBUTES` of the clips of `latents` and of `validation`, a row a clip.

        Every clip has the same number of latents, one after another.

        Raises:
            FlowshotError: as `LatentPrior.fit`; there are no attributes, or one is constant.
        """

    @abstractmethod
    def sample_asked(self, asked: Tensor, generator: torch.Generator) -> Tensor:
        """Latents `[count, latent_size]` with the attributes `asked: [count, attributes]`."""

    @abstractmethod
    def edit(self, latents: Tensor, moves: Mapping[str, float]) -> tuple[Tensor, Tensor]:
        """`latents: [n, latent_size]` with some attributes moved and all else kept, and their attributes before."""

    def draw_attributes(
        self, count: int, generator: torch.Generator, asked: Mapping[str, float] | None = None
    ) -> Tensor:
        """`[count, attributes]`: those of training clips, the ones most like what is `asked`, with what is asked."""
        return draw_rows(self.known, self.attribute_names, count, generator, asked)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.sample_asked(self.draw_attributes(count, generator), generator)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        # How many clips there were is only known from the state.
        resize_buffers(self, state_dict, prefix, ("known",))
        super()._load_from_state_dict(state_dict, prefix, *others)


def fit_prior(
    prior: LatentPrior,
    latents: tuple[Tensor, Tensor],
    attributes: Callable[[], tuple[Tensor, Tensor]],
    generator: torch.Generator,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Fit to the training and validation `latents`, each `[clips, draws, latent_size]`.

    `attributes` measures those of the same clips, `[clips, len(ATTRIBUTES)]`, where the prior needs them. For what it
    raises, see `LatentPrior.fit`.
    """
    train, valid = (each.flatten(0, 1) for each in latents)
    if isinstance(prior, AttributePrior):
        prior.fit(train, valid, generator, checkpoint, attributes())
    else:
        prior.fit(train, valid, generator, checkpoint)


def held_out_nats(
    prior: LatentPrior, latents: Tensor, groups: Sequence[str], confidence: float
) -> dict[str, float | int | None]:
    """Mean negative log density in nats a clip, with its interval over independent `groups`, one for each clip.

    `latents: [clips, draws, latent_size]`; the draws of a clip are averaged. None where the prior has no density.

    Raises:
        FlowshotError: a latent has no finite density.
    """
    if not prior.has_density:
        return {"prior_nats": None, "ci_low": None, "ci_high": None, "n": len(latents), "dimensions": latents.shape[-1]}
    nats = -prior.log_prob(latents.flatten(0, 1)).unflatten(0, latents.shape[:2]).mean(1).numpy()
    if not np.isfinite(nats).all():
        raise FlowshotError(
            "the prior's density of a test latent is not finite; lower fit_prior's learning_rate or width"
        )
    value = float(nats.mean())
    low, high = student_interval(value, mean_standard_error(nats, groups), confidence)
    return {"prior_nats": value, "ci_low": low, "ci_high": high, "n": len(nats), "dimensions": latents.shape[-1]}
