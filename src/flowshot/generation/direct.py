"""Clips of a generator, which has no latent of a clip."""

import time

import numpy as np
import torch

from flowshot.generation.generated import Generated
from flowshot.models.base.generator import Generator


@torch.no_grad()
def sample_directly(model: Generator, count: int, batch_size: int, generator: torch.Generator) -> Generated:
    """Draw `count` clips of a generator, `batch_size` at a time."""
    start = time.perf_counter()
    sizes = [min(batch_size, count - done) for done in range(0, count, batch_size)]
    clips = [model.sample(size, generator).cpu().numpy() for size in sizes]
    return Generated(np.concatenate(clips), time.perf_counter() - start)
