"""What of each arm is heard on the page: generated clips, reconstructions, walks, and what may be copied."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.plan import PlanConfig
from flowshot.report.page.sounds import Shelf, read_sounds
from flowshot.report.page.sources import Sources

GENERATED = 8  # clips of each arm
SUSPICIOUS = 3  # of each arm
# In which embedding copies are looked for first: the one that hears time and frequency most finely.
CLOSE_IN = ("mel", "logmel")


@dataclass(frozen=True)
class Pair:
    """A test clip and its reconstruction, by their paths on the shelf, and the recording it comes from."""

    original: str
    reconstruction: str
    group: str


@dataclass(frozen=True)
class Walk:
    """Sounds on the way between two test clips, by their paths on the shelf, and the recordings those come from."""

    steps: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True)
class Suspect:
    """A generated clip and the training clip nearest to it, by their paths on the shelf."""

    candidate: str
    number: int
    training: str
    source: str
    distance: float
    authentic: bool


@dataclass(frozen=True)
class Suspects:
    """The generated clips nearest to training clips, in one embedding."""

    embedding: str
    found: tuple[Suspect, ...]


@dataclass(frozen=True)
class ArmSounds:
    """What is heard of an arm; `missing` names the stage that would make what is not there."""

    prior: str
    clips: tuple[str, ...]
    suspects: Suspects | None
    missing: str | None


@dataclass(frozen=True)
class AutoencoderSounds:
    """What is heard of an autoencoder, and of its arms; `missing` as there."""

    name: str
    pairs: tuple[Pair, ...]
    walks: tuple[Walk, ...]
    arms: tuple[ArmSounds, ...]
    missing: str | None


def dataset_sounds(shelf: Shelf, sources: Sources, plan: PlanConfig, dataset: str) -> list[AutoencoderSounds]:
    """Put on the shelf what is heard of every arm of a dataset, from the plan's first seed."""
    prepared = sources.prepared_dataset(dataset)
    return [_autoencoder(shelf, sources, plan, prepared, dataset, name) for name in plan.autoencoders]


def _autoencoder(
    shelf: Shelf, sources: Sources, plan: PlanConfig, prepared: PreparedDataset | None, dataset: str, name: str
) -> AutoencoderSounds:
    seed = plan.seeds[0]
    arms = tuple(_arm(shelf, sources, prepared, dataset, name, prior, seed) for prior in plan.priors)
    folder = sources.demonstrations / dataset / name / str(seed)
    if not (folder / "pairs.json").is_file():
        return AutoencoderSounds(name, (), (), arms, f"reconstruct@{dataset}-{name}-{seed}")
    place = f"{dataset}/sounds"
    pairs = []
    for pair, about in enumerate(json.loads((folder / "pairs.json").read_text(encoding="utf-8"))):
        kinds = ("original", "reconstruction")
        (original, rate), (decoded, _) = read_sounds([folder / f"{pair}-{kind}.flac" for kind in kinds])
        pairs.append(
            Pair(
                shelf.add(f"{place}/test/{pair}", original, rate),
                shelf.add(f"{place}/reconstruction/{name}/{pair}", decoded, rate),
                str(about["group"]),
            )
        )
    walks: list[Walk] = []
    while steps := _numbered(folder.glob(f"walk-{len(walks)}-*.flac")):
        to = f"{place}/walk/{name}/{len(walks)}"
        heard = tuple(shelf.add(f"{to}-{i}", *sound) for i, sound in enumerate(read_sounds(steps)))
        walks.append(Walk(heard, *(pairs[2 * len(walks) + end].group for end in (0, 1))))
    return AutoencoderSounds(name, tuple(pairs), tuple(walks), arms, None)


def _arm(
    shelf: Shelf,
    sources: Sources,
    prepared: PreparedDataset | None,
    dataset: str,
    autoencoder: str,
    prior: str,
    seed: int,
) -> ArmSounds:
    folder = sources.generated / dataset / autoencoder / prior / str(seed)
    heard = _numbered((folder / "listen").glob("*.flac"))[:GENERATED]
    if not heard:
        return ArmSounds(prior, (), None, f"sample@{dataset}-{autoencoder}-{prior}-{seed}")
    place = f"{dataset}/sounds/generated/{autoencoder}/{prior}"
    clips = tuple(shelf.add(f"{place}/{i}", *sound) for i, sound in enumerate(read_sounds(heard)))
    closest = closest_pairs(sources.scores / dataset / autoencoder / prior / f"{seed}.json")
    all_clips = folder / "clips.npy"
    if closest is None or prepared is None or not all_clips.is_file():
        return ArmSounds(prior, clips, None, None)
    embedding, pairs = closest
    generated = np.load(all_clips, mmap_mode="r", allow_pickle=False)
    manifest = prepared.rows("train")
    rows = {row["clip"]: i for i, row in enumerate(manifest)}
    found = []
    for pair in pairs[:SUSPICIOUS]:
        number, training = _clip_number(pair["candidate"]), rows.get(pair["training"])
        if number is None or number >= len(generated) or training is None:
            continue  # scored under other names than those of the clips that are here now
        found.append(
            Suspect(
                shelf.add(f"{place}/clip-{number}", generated[number], prepared.sample_rate),
                number,
                shelf.add(
                    f"{dataset}/sounds/train/{training}", prepared.clips("train")[training], prepared.sample_rate
                ),
                manifest[training]["source"],
                float(pair["distance"]),
                bool(pair["authentic"]),
            )
        )
    return ArmSounds(prior, clips, Suspects(embedding, tuple(found)) if found else None, None)


def closest_pairs(scores_file: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """The embedding, and the generated clips nearest to training clips in it; None where they were not looked for."""
    scores = json.loads(scores_file.read_text(encoding="utf-8"))
    known = {score["embedding"]: score["closest"] for score in scores if score.get("closest")}
    order: Sequence[str] = [*(name for name in CLOSE_IN if name in known), *known]
    return (order[0], known[order[0]]) if order else None


def _clip_number(name: str) -> int | None:
    """The row of a candidate, which scoring calls `clip 12`; None where it was scored under another name."""
    found = re.fullmatch(r"clip (\d+)", name)
    return int(found[1]) if found else None


def _numbered(files: Any) -> list[Path]:
    """By the last number in their names."""
    return sorted(files, key=lambda file: int(re.findall(r"\d+", file.stem)[-1]))
