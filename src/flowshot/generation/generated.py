"""Generated clips: how a generator draws them, and how clips and the time that they took are written."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flowshot.clips.flac import write_flac
from flowshot.core.files import whole_folder, writing
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.generation.config import SampleConfig
from flowshot.models.base.generator import Generator

LISTEN = 16  # clips of each arm that are kept for listening


@dataclass(frozen=True)
class Generated:
    """`clips: [n, samples]` float32 in [-1, 1], and the seconds it took to make them."""

    clips: np.ndarray
    seconds: float


@torch.no_grad()
def sample_directly(model: Generator, count: int, batch_size: int, generator: torch.Generator) -> Generated:
    """Draw `count` clips of a model that has no latent, `batch_size` at a time."""
    start = time.perf_counter()
    sizes = [min(batch_size, count - done) for done in range(0, count, batch_size)]
    clips = [model.sample(size, generator).cpu().numpy() for size in sizes]
    return Generated(np.concatenate(clips), time.perf_counter() - start)


def write_generated(arm: Path, generated: Generated, sample_rate: int, plan: str, config: SampleConfig) -> None:
    """Write `clips.npy` and the first clips as FLAC into `generated/<arm>`, and the record into `runs/sample/<arm>`.

    `arm` is `dataset/model/prior/seed`.
    """
    folder = "generated" / arm
    with writing(folder), whole_folder(folder) as fresh:
        np.save(fresh / "clips.npy", generated.clips.astype(np.float32))
        (fresh / "listen").mkdir()
        for index, clip in enumerate(generated.clips[:LISTEN]):
            write_flac(fresh / "listen" / f"{index:02d}.flac", clip, sample_rate)
    dataset, model, prior, seed = arm.parts
    write_record(
        "runs/sample" / arm, stage="sample", plan=plan, dataset=dataset, model=model, prior=prior, seed=int(seed),
        parameters={"sample": to_dict(config)}, seconds=generated.seconds, clips=len(generated.clips),
    )  # fmt: skip
