"""Generated clips: how a generator draws them, and how clips and the time that they took are written."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flowshot.clips.attributes import ASKED
from flowshot.clips.flac import write_flac
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_folder, writing
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.generation.config import SampleConfig
from flowshot.models.base.model import AskedModel, ClipModel

LISTEN = 16  # clips of each arm that are kept for listening


@dataclass(frozen=True)
class Generated:
    """`clips: [n, samples]` float32 in [-1, 1], and the seconds it took to make them.

    `asked: [n, attributes]` is what they were asked to be, under the `attributes`' names.
    """

    clips: np.ndarray
    seconds: float
    asked: np.ndarray | None = None
    attributes: tuple[str, ...] = ()


@torch.no_grad()
def sample_directly(
    model: ClipModel,
    count: int,
    batch_size: int,
    generator: torch.Generator,
    wanted: Mapping[str, float] | None = None,
) -> Generated:
    """Draw `count` clips of a model that has no latent, `batch_size` at a time, with the attributes `wanted`."""
    start = time.perf_counter()
    sizes = [min(batch_size, count - done) for done in range(0, count, batch_size)]
    if not isinstance(model, AskedModel) or not model.attribute_names:
        clips = [model.sample(size, generator).cpu().numpy() for size in sizes]
        return Generated(np.concatenate(clips), time.perf_counter() - start)
    pairs = []
    for size in sizes:
        asked = model.draw_attributes(size, generator, wanted)
        pairs.append((model.sample_asked(asked, generator).cpu().numpy(), asked.cpu().numpy()))
    made, asked_for = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return Generated(made, time.perf_counter() - start, asked_for, model.attribute_names)


def write_generated(arm: Path, generated: Generated, sample_rate: int, plan: str, config: SampleConfig) -> None:
    """Write `clips.npy` and the first clips as FLAC into `generated/<arm>`, and the record into `runs/sample/<arm>`.

    `arm` is `dataset/model/prior/seed`. What the clips were asked to be is written beside them.

    Raises:
        FlowshotError: a clip is not finite.
    """
    folder = "generated" / arm
    bad = int((~np.isfinite(generated.clips).all(axis=1)).sum())
    if bad:
        raise FlowshotError(
            f"{arm}: {bad} of {len(generated.clips)} clips have NaN or infinity; train or fit it with a lower "
            "learning_rate"
        )
    with writing(folder), whole_folder(folder) as fresh:
        np.save(fresh / "clips.npy", generated.clips.astype(np.float32))
        if generated.asked is not None:
            names = ",".join(generated.attributes)
            np.savetxt(fresh / ASKED, generated.asked, "%.6f", ",", header=names, comments="")
        (fresh / "listen").mkdir()
        for index, clip in enumerate(generated.clips[:LISTEN]):
            write_flac(fresh / "listen" / f"{index:02d}.flac", clip, sample_rate)
    dataset, model, prior, seed = arm.parts
    write_record(
        "runs/sample" / arm, stage="sample", plan=plan, dataset=dataset, model=model, prior=prior, seed=int(seed),
        parameters={"sample": to_dict(config)}, seconds=generated.seconds, clips=len(generated.clips),
    )  # fmt: skip
