"""What is heard on the page: sounds inside it, each with its waveform and its spectrogram."""

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from flowshot.clips.flac import flac_bytes
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json
from flowshot.core.plan import DIRECT
from flowshot.report.project import Project, stage_of
from flowshot.report.results import Pair, Report, arm_name
from flowshot.report.spectrogram import decibel_spectrogram

FIRST = 3  # real, reconstructed and generated clips at the top
OTHERS = 24  # generated clips of all other arms together, one of each arm at least: a page should stay below 2 MB
PAIRS = 2  # test clips that the other models reconstruct
SUSPICIOUS = 3
# In which embedding copies are looked for first: the one that hears time and frequency most finely.
CLOSE_IN = ("mel", "logmel")
WAVEFORM_COLUMNS, WAVEFORM_HEIGHT = 100, 32
PICTURE_WIDTH, PICTURE_HEIGHT = 160, 64
SHADES = 48  # of a spectrogram; more are not told apart, and cost bytes
FLOOR_DB = -80.0


@dataclass(frozen=True)
class Sound:
    """A sound with its name, its FLAC file and its picture as data URIs, and the outline of its waveform."""

    name: str
    address: str
    picture: str
    waveform: str


@dataclass
class Heard:
    """The sounds of a dataset; `missing` are the stages that make what is not here.

    `first`: real, reconstructed and generated clips of the best arm. `more`: by title, of the other models and arms.
    `suspects`: generated clips and the training clips nearest to them in `embedding`, with the arm's name, the
    recording, their distance, and whether the generated clip is authentic.
    """

    first: dict[str, list[Sound]] = field(default_factory=dict)
    more: dict[str, list[Sound]] = field(default_factory=dict)
    suspects: list[tuple[Sound, Sound, str, str, float, bool]] = field(default_factory=list)
    embedding: str = ""
    missing: list[str] = field(default_factory=list)
    kilohertz: float | None = None


def dataset_sounds(project: Project, report: Report, dataset: str, best: Pair) -> Heard:
    """The sounds of every arm of a dataset, from the plan's first seed; those of the arm `best` come first."""
    plan, words, seed = report.plan, report.words, report.plan.seeds[0]
    heard, prepared = Heard(), project.prepared(dataset)
    heard.kilohertz = prepared.sample_rate / 2000 if prepared else None
    leading = best[0] if best[0] in plan.autoencoders else next(iter(plan.autoencoders), "")
    for model in sorted(plan.autoencoders, key=lambda model: model != leading):
        folder = project.root / "demonstrations" / dataset / model / str(seed)
        if not (folder / "pairs.json").is_file():
            heard.missing.append(f"reconstruct@{dataset}-{model}-{seed}")
            continue
        groups = [str(about["group"]) for about in read_json(folder / "pairs.json")]
        kinds = {"reconstruction": words("reconstruction: {name}")}
        if not heard.first:
            kinds = {"original": words("original: {name}"), **kinds}
        for kind, said in kinds.items():
            names = [said.format(name=group) for group in groups][: FIRST if "original" in kinds else PAIRS]
            sounds = list(_read(names, [folder / f"{i}-{kind}.flac" for i in range(len(names))]))
            if "original" in kinds:
                heard.first["real" if kind == "original" else "reconstructed"] = sounds
            else:
                heard.more[words("{model}, reconstructed", model=model)] = sounds
    if prepared and "real" not in heard.first:
        clips, rows = prepared.clips("test"), prepared.rows("test")[:FIRST]
        said = [words("original: {name}", name=row["source"]) for row in rows]
        heard.first["real"] = [sound(said[i], clips[i], prepared.sample_rate) for i in range(len(rows))]
    each = max(1, OTHERS // max(1, len(plan.arms) - 1))
    for arm in sorted(plan.arms, key=lambda arm: arm != best):
        files = sorted((project.root.joinpath("generated", dataset, *arm, str(seed)) / "listen").glob("*.flac"))
        files = files[: FIRST if arm == best else min(each, FIRST)]
        names = [words("{arm}, clip {number}", arm=arm_name(arm), number=i + 1) for i in range(len(files))]
        if not files:
            heard.missing.append(stage_of("sample", (dataset, *arm, seed)))
        elif arm == best:
            heard.first["generated"] = list(_read(names, files))
        else:
            heard.more[arm_name(arm)] = list(_read(names, files))
    _add_suspects(heard, project, report, dataset)
    return heard


def _add_suspects(heard: Heard, project: Project, report: Report, dataset: str) -> None:
    prepared, seed, found = project.prepared(dataset), report.plan.seeds[0], []
    for arm in report.competing if prepared else ():
        scores = read_json(project.scores((dataset, *arm, seed)))
        known = {score["embedding"]: score["closest"] for score in scores if score.get("closest")}
        heard.embedding = next((name for name in (heard.embedding, *CLOSE_IN, *known) if name in known), "")
        found += [(pair, arm) for pair in known.get(heard.embedding, [])]
    if not prepared:
        return
    trained = prepared.clips("train")
    rows = {row["clip"]: (i, row["source"]) for i, row in enumerate(prepared.rows("train"))}
    for pair, arm in sorted(found, key=lambda one: float(one[0]["distance"])):
        file = project.root.joinpath("generated", dataset, *arm, str(seed), "clips.npy")
        # Scoring calls the candidate of row 12 `clip 12`.
        named, training = re.fullmatch(r"clip (\d+)", pair["candidate"]), rows.get(pair["training"])
        if len(heard.suspects) < SUSPICIOUS and named and training and file.is_file():
            generated = np.load(file, mmap_mode="r", allow_pickle=False)
            if int(named[1]) < len(generated):  # else it was scored under another name than that of today's clips
                name = f"{arm_name(arm)} #{named[1]}"
                sounds = (
                    sound(name, generated[int(named[1])], prepared.sample_rate),
                    sound(report.words("training clip: {name}", name=training[1]), trained[training[0]], prepared.sample_rate),
                )
                heard.suspects.append((*sounds, name, training[1], float(pair["distance"]), bool(pair["authentic"])))


def _read(names: list[str], files: list[Path]) -> Iterator[Sound]:
    """Raises FlowshotError where a file is damaged."""
    for name, file in zip(names, files, strict=True):
        try:
            clip, rate = soundfile.read(file, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise FlowshotError(f"{file}: cannot be decoded ({error}); run `dvc repro --force` for its stage") from None
        yield sound(name, clip.mean(axis=1), int(rate))


def sound(name: str, clip: np.ndarray, sample_rate: int) -> Sound:
    """A clip `[samples]` as the page shows it."""
    address = data_uri("audio/flac", flac_bytes(clip, sample_rate))
    return Sound(name, address, data_uri("image/png", spectrogram_png(clip, sample_rate)), waveform_outline(clip))


def data_uri(kind: str, content: bytes) -> str:
    """A file of this kind, such as `image/png`, as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def waveform_outline(clip: np.ndarray) -> str:
    """The highest and lowest samples of `clip: [samples]` as a closed SVG path, at most 100 by 32."""
    columns = np.array_split(clip, min(WAVEFORM_COLUMNS, len(clip)))
    middle = WAVEFORM_HEIGHT / 2
    # Half a unit at least, so that silence is a line and not nothing.
    upper = [middle - max(float(column.max()), 0.0) * (middle - 0.5) - 0.5 for column in columns]
    lower = [middle - min(float(column.min()), 0.0) * (middle - 0.5) + 0.5 for column in columns]
    there = [f"{x} {y:.1f}" for x, y in enumerate(upper)]
    back = [f"{x} {y:.1f}" for x, y in reversed(list(enumerate(lower)))]
    return f"M{'L'.join(there + back)}Z"


def spectrogram_png(clip: np.ndarray, sample_rate: int) -> bytes:
    """A small PNG of `clip: [samples]`: time to the right, frequency upwards, 80 dB from dark to bright."""
    # Imported here because they take most of a second.
    from matplotlib import colormaps
    from PIL import Image

    _, _, levels = decibel_spectrogram(clip, sample_rate, FLOOR_DB)
    shades = np.round((levels / -FLOOR_DB + 1) * (SHADES - 1)).astype(np.uint8)
    picture = Image.fromarray(shades[::-1]).resize((PICTURE_WIDTH, PICTURE_HEIGHT), Image.Resampling.BOX)
    picture.putpalette((colormaps["magma"](np.linspace(0, 1, SHADES))[:, :3] * 255).round().astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=9)
    return file.getvalue()
