"""Folders of audio as sets of clips, and prepared datasets as the reference that the plan's arms meet."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import DatasetConfig
from flowshot.scoring.config import ScoreConfig
from flowshot.sources.inputs import InputFile, list_files

if TYPE_CHECKING:
    from flowshot.clips.held_out import NamedClips
    from flowshot.clips.prepared import PreparedDataset


@dataclass(frozen=True)
class AudioSet:
    """Clips of a folder, named by their files, and what is to be known about the folder.

    `unusable` says of the files that could not be decoded why; their clips are silent.
    """

    named: "NamedClips"
    unusable: dict[str, str]
    facts: dict[str, Any]


def audio_files(folder: str) -> tuple[list[InputFile], list[str]]:
    """The files below `folder` that are audio by their names, and the names of the others.

    Raises:
        FlowshotError: the folder is missing or holds fewer than 2 audio files.
    """
    files = list_files(Path(folder).expanduser().absolute())
    audio = [file for file in files if file.is_audio]
    others = sorted({file.source for file in files} - {file.source for file in audio})
    if len(audio) < 2:
        raise FlowshotError(f"{folder}: holds {len(audio)} audio files, but a comparison needs at least 2; add audio")
    return audio, others


def read_set(
    role: str,
    folder: str,
    audio: list[InputFile],
    others: list[str],
    n: int,
    config: DatasetConfig,
    scoring: ScoreConfig,
    seed: int,
) -> AudioSet:
    """Decode every file, so that none can hide that it is damaged, and keep `n` of them, drawn by `seed`.

    What is left out, cut or padded is said on standard error.

    Raises:
        FlowshotError: a file cannot be decoded, unless `scoring.on_bad_clip` is to skip; names it.
    """
    # Imported here: see `run`.
    import numpy as np
    from tqdm import tqdm

    from flowshot.clips.held_out import NamedClips
    from flowshot.core.randomness import numpy_generator
    from flowshot.preparation.cutting import read_excerpt
    from flowshot.preparation.selection import REASONS
    from flowshot.sources.decode import UnusableAudio, quiet_decoders

    chosen = np.sort(numpy_generator(seed, "score", role).permutation(len(audio))[:n])
    position = {int(index): row for row, index in enumerate(chosen)}
    clips = np.zeros((n, config.clip_samples), dtype=np.float32)
    cut = padded = 0
    unusable: dict[str, str] = {}
    for index, file in enumerate(tqdm(audio, desc=role, unit="file", disable=None)):
        try:
            with quiet_decoders():
                excerpt = read_excerpt(file.path, config.sample_rate, config.clip_samples)
        except UnusableAudio as problem:
            reason = f"{problem.reason} ({REASONS[problem.reason]})"
            if scoring.on_bad_clip == "fail":
                raise FlowshotError(
                    f"{file.path}: {reason}; mend it or take it out, or score with --on-bad-clip skip"
                ) from None
            unusable[str(file.path.resolve())] = reason
            continue
        if index in position:
            clips[position[index]] = excerpt.audio
            cut, padded = cut + excerpt.cut, padded + excerpt.padded
    facts = {"folder": folder, "files": len(audio), "not_audio": others, "cut": cut, "padded": padded}
    for count, what in (
        (len(others), "files are no audio by their names and are left out"),
        (len(audio) - n, f"of {len(audio)} files are left out, so that both sets have {n}"),
        (len(unusable), f"of {len(audio)} files cannot be decoded, and count as skipped"),
        (cut, f"of {n} files go on after {config.clip_seconds:g} s, and only that much is heard"),
        (padded, f"of {n} files are shorter than {config.clip_seconds:g} s, and silence follows them"),
    ):
        if count:
            print(f"{role}: {count} {what}", file=sys.stderr)
    files_chosen = [str(audio[index].path.resolve()) for index in chosen]
    return AudioSet(NamedClips(clips, files_chosen, files_chosen), unusable, facts)


def open_prepared(folder: str) -> "PreparedDataset | None":
    """The prepared dataset in `folder`, or None where it is a folder of audio."""
    # Imported here: see `read_set` of the command.
    from flowshot.clips.prepared import read_prepared

    place = Path(folder).expanduser()
    return read_prepared(place) if (place / "dataset.json").is_file() else None


def held_out_set(prepared: "PreparedDataset") -> AudioSet:
    """The test clips that every arm of the plan is compared with."""
    from flowshot.clips.held_out import reference_clips  # imports the embeddings' runtimes

    held_out = reference_clips(prepared)
    names = [f"test clip {i} of {prepared.name}" for i in range(len(held_out.names))]
    facts = {"folder": str(prepared.folder), "files": len(names), "not_audio": [], "cut": 0, "padded": 0}
    return AudioSet(replace(held_out, names=names), {}, facts)


def usable_pairs(*sets: AudioSet) -> "list[NamedClips]":
    """The clips of the sets without the places at which one of them could not be decoded, so that n stays equal.

    Raises:
        FlowshotError: fewer than 2 places are left.
    """
    import numpy as np  # see `run`

    usable = [[name not in each.unusable for name in each.named.names] for each in sets]
    rows = np.flatnonzero(np.all(usable, axis=0))
    if len(rows) < 2:
        raise FlowshotError(
            f"{len(rows)} files of each set could be decoded, but a comparison needs at least 2; add audio"
        )
    return [each.named.at(rows) for each in sets]
