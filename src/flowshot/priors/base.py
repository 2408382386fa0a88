"""What a prior is: a density over latent vectors that can be fitted, sampled, evaluated and stored."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flowshot.core.errors import FlowshotError
from flowshot.core.mean_interval import mean_standard_error, student_interval
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint

FILE = "prior.safetensors"
REMEDY = "fit the prior again with `dvc repro`"


class LatentPrior(nn.Module):
    """A density over `[latent_size]` vectors. One family a file; `flowshot.priors.registry` lists them."""

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


def held_out_nats(
    prior: LatentPrior, latents: Tensor, groups: Sequence[str], confidence: float
) -> dict[str, float | int | None]:
    """Mean negative log density in nats a clip, with its interval over independent `groups`, one for each clip.

    `latents: [clips, draws, latent_size]`; the draws of a clip are averaged.

    Raises:
        FlowshotError: a latent has no finite density.
    """
    nats = -prior.log_prob(latents.flatten(0, 1)).unflatten(0, latents.shape[:2]).mean(1).numpy()
    if not np.isfinite(nats).all():
        raise FlowshotError(
            "the prior's density of a test latent is not finite; lower fit_prior's learning_rate or width"
        )
    value = float(nats.mean())
    low, high = student_interval(value, mean_standard_error(nats, groups), confidence)
    return {"prior_nats": value, "ci_low": low, "ci_high": high, "n": len(nats), "dimensions": latents.shape[-1]}
