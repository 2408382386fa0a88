"""Clips out of a trained autoencoder, and how they are written."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flowshot.clips.batches import ordered_batches
from flowshot.clips.flac import write_flac
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.base import LatentPrior

# Clips of each arm that are kept for listening.
LISTEN = 16


@dataclass(frozen=True)
class Generated:
    """`clips: [n, samples]` float32 in [-1, 1], and the seconds it took to make them."""

    clips: np.ndarray
    seconds: float


@torch.no_grad()
def sample_clips(
    model: Autoencoder, prior: LatentPrior, count: int, batch_size: int, generator: torch.Generator
) -> Generated:
    """Draw `count` latents from `prior` and decode them. The time includes both."""
    start = time.perf_counter()
    latents = prior.sample(count, generator)
    clips = [model.decode(batch, generator).numpy() for batch in latents.split(batch_size)]
    return Generated(np.concatenate(clips), time.perf_counter() - start)


@torch.no_grad()
def reconstruct_clips(model: Autoencoder, clips: np.ndarray, batch_size: int, generator: torch.Generator) -> Generated:
    """Encode `clips: [n, samples]`, draw one latent each, and decode it."""
    start = time.perf_counter()
    decoded = [
        model.decode(model.encode(batch, generator).squeeze(1), generator).numpy()
        for batch in ordered_batches(clips, batch_size)
    ]
    return Generated(np.concatenate(decoded), time.perf_counter() - start)


def write_generated(folder: Path, generated: Generated, sample_rate: int) -> None:
    """Write `clips.npy`, `seconds.json` and the first clips as FLAC under `listen/`, whole or not at all."""
    with writing(folder), whole_folder(folder) as fresh:
        np.save(fresh / "clips.npy", generated.clips.astype(np.float32))
        write_json(fresh / "seconds.json", {"seconds": generated.seconds, "clips": len(generated.clips)})
        (fresh / "listen").mkdir()
        for index, clip in enumerate(generated.clips[:LISTEN]):
            write_flac(fresh / "listen" / f"{index:02d}.flac", clip, sample_rate)
