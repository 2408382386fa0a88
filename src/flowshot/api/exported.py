"""A file of `flowshot export`, with the methods of an arm."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowshot.api.arm import Audio, Clips, sampling_generator
from flowshot.core.errors import FlowshotError


class ExportedArm:
    """What `flowshot export` wrote, with the methods of `Arm` that need no project."""

    def __init__(self, path: Path) -> None:
        try:
            self.file: Any = torch.jit.load(path)
            self.name, self.sample_rate = str(self.file.arm), int(self.file.sample_rate)
            self.clip_samples = int(self.file.clip_samples)
            self.latent_size = int(getattr(self.file, "latent_size", 0))  # a CRASH has none
        except (OSError, RuntimeError, AttributeError):
            raise FlowshotError(f"{path}: was not written by `flowshot export`") from None
        dataset, model, prior = self.name.split("/")
        self.names = dataset, model, prior

    def sample(self, count: int = 16, seed: int = 0) -> Tensor:
        """`count` clips `[count, clip_samples]` in [-1, 1]: those of `Arm.sample` for the same seed."""
        return torch.as_tensor(self.file.sample(count, sampling_generator(self.names, seed).initial_seed()))

    def encode(self, clips: Clips, seed: int | None = None) -> Tensor:
        """As `Arm.encode`."""
        batch = torch.as_tensor(clips, dtype=torch.float32)
        return torch.as_tensor(self.file.encode(batch) if seed is None else self.file.encode_draw(batch, seed))

    def decode(self, latents: Clips) -> Tensor:
        """As `Arm.decode`."""
        return torch.as_tensor(self.file.decode(torch.as_tensor(latents, dtype=torch.float32)))

    def show(self, clips: Clips) -> "Audio":
        """As `Arm.show`."""
        return Audio(np.atleast_2d(torch.as_tensor(clips).numpy()), self.sample_rate)
