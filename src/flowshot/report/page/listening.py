"""What of each arm is heard on the page: generated clips, reconstructions, walks, and what may be copied."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.files import read_json
from flowshot.core.plan import DIRECT, PlanConfig
from flowshot.report.page.sounds import Shelf, read_sounds
from flowshot.report.project import Arm, Project, stage_of

GENERATED = 8  # clips of each arm
SUSPICIOUS = 3  # of each arm
# In which embedding copies are looked for first: the one that hears time and frequency most finely.
CLOSE_IN = ("mel", "logmel")


@dataclass(frozen=True)
class ArmSounds:
    """What is heard of an arm, by paths on the shelf; `missing` is the stage that makes its clips.

    `suspects` are the generated clips nearest to training clips in `embedding`: candidate, its number, training clip,
    recording, distance, whether it is authentic.
    """

    name: str
    prior: str
    clips: tuple[str, ...] = ()
    embedding: str = ""
    suspects: tuple[tuple[str, int, str, str, float, bool], ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class ModelSounds:
    """What is heard of a model and its arms; a generator has no pairs and no walks. `missing` as there.

    `pairs`: test clip, its reconstruction, the recording it comes from. `walks`: the sounds on the way between two test
    clips, and the recordings of both.
    """

    name: str
    arms: tuple[ArmSounds, ...]
    pairs: tuple[tuple[str, str, str], ...] = ()
    walks: tuple[tuple[tuple[str, ...], str, str], ...] = ()
    missing: str = ""


def dataset_sounds(shelf: Shelf, project: Project, plan: PlanConfig, dataset: str) -> list[ModelSounds]:
    """Put on the shelf what is heard of every arm of a dataset, from the plan's first seed."""
    prepared, seed = project.prepared(dataset), plan.seeds[0]
    found = []
    for model in plan.models:
        priors = [prior for name, prior in plan.arms if name == model]
        arms = tuple(_arm(shelf, project, prepared, (dataset, model, prior, seed)) for prior in priors)
        made = model in plan.generators
        found.append(ModelSounds(model, arms) if made else _autoencoder(shelf, project, (dataset, model, seed), arms))
    return found


def _autoencoder(
    shelf: Shelf, project: Project, training: tuple[str, str, int], arms: tuple[ArmSounds, ...]
) -> ModelSounds:
    dataset, name, seed = training
    folder = project.root / "demonstrations" / dataset / name / str(seed)
    if not (folder / "pairs.json").is_file():
        return ModelSounds(name, arms, missing=f"reconstruct@{dataset}-{name}-{seed}")
    place = f"{dataset}/sounds"
    pairs = []
    for pair, about in enumerate(read_json(folder / "pairs.json")):
        original, decoded = read_sounds([folder / f"{pair}-{kind}.flac" for kind in ("original", "reconstruction")])
        first = shelf.add(f"{place}/test/{pair}", *original)
        second = shelf.add(f"{place}/reconstruction/{name}/{pair}", *decoded)
        pairs.append((first, second, str(about["group"])))
    walks: list[tuple[tuple[str, ...], str, str]] = []
    while steps := _numbered(folder.glob(f"walk-{len(walks)}-*.flac")):
        to = f"{place}/walk/{name}/{len(walks)}"
        heard = tuple(shelf.add(f"{to}-{i}", *sound) for i, sound in enumerate(read_sounds(steps)))
        walks.append((heard, pairs[2 * len(walks)][2], pairs[2 * len(walks) + 1][2]))
    return ModelSounds(name, arms, tuple(pairs), tuple(walks))


def _arm(shelf: Shelf, project: Project, prepared: PreparedDataset | None, arm: Arm) -> ArmSounds:
    dataset, model, prior, seed = arm
    name = model if prior == DIRECT else f"{model} / {prior}"
    folder = project.root / "generated" / dataset / model / prior / str(seed)
    heard = _numbered((folder / "listen").glob("*.flac"))[:GENERATED]
    if not heard:
        return ArmSounds(name, prior, missing=stage_of("sample", arm))
    place = f"{dataset}/sounds/generated/{model}/{prior}"
    clips = tuple(shelf.add(f"{place}/{i}", *sound) for i, sound in enumerate(read_sounds(heard)))
    embedding, pairs = closest_pairs(project.scores(arm))
    if prepared is None or not (folder / "clips.npy").is_file():
        return ArmSounds(name, prior, clips)
    generated = np.load(folder / "clips.npy", mmap_mode="r", allow_pickle=False)
    training_clips, rate = prepared.clips("train"), prepared.sample_rate
    rows = {row["clip"]: (i, row["source"]) for i, row in enumerate(prepared.rows("train"))}
    suspects = []
    for pair in pairs[:SUSPICIOUS]:
        # Scoring calls the candidate of row 12 `clip 12`.
        named, training = re.fullmatch(r"clip (\d+)", pair["candidate"]), rows.get(pair["training"])
        if named is None or int(named[1]) >= len(generated) or training is None:
            continue  # scored under other names than those of the clips that are here now
        number, (row, source) = int(named[1]), training
        candidate = shelf.add(f"{place}/clip-{number}", generated[number], rate)
        nearest = shelf.add(f"{dataset}/sounds/train/{row}", training_clips[row], rate)
        suspects.append((candidate, number, nearest, source, float(pair["distance"]), bool(pair["authentic"])))
    return ArmSounds(name, prior, clips, embedding, tuple(suspects))


def closest_pairs(scores_file: Path) -> tuple[str, list[dict[str, Any]]]:
    """An embedding, and the generated clips nearest to training clips in it; empty where they were not looked for."""
    known = {score["embedding"]: score["closest"] for score in read_json(scores_file) if score.get("closest")}
    embedding = next((name for name in (*CLOSE_IN, *known) if name in known), "")
    return embedding, known.get(embedding, [])


def _numbered(files: Iterable[Path]) -> list[Path]:
    """By the last number in their names."""
    return sorted(files, key=lambda file: int(re.findall(r"\d+", file.stem)[-1]))
