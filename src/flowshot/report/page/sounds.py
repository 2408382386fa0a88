"""What is heard on the page: sounds inside it, each with its waveform and its spectrogram."""

import base64
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from flowshot.clips.flac import flac_bytes
from flowshot.core.errors import FlowshotError
from flowshot.core.files import read_json
from flowshot.report.project import Project, stage_of
from flowshot.report.results import Pair, Report, arm_name
from flowshot.report.spectrogram import FLOOR_DB, decibel_spectrogram

FIRST = 3  # real, reconstructed and generated clips at the top
OTHERS = 32  # of all other models and arms together, one of each at least: a page should stay below 2 MB
SUSPICIOUS = 3
# In which embedding copies are looked for first: the one that hears time and frequency most finely.
CLOSE_IN = ("mel", "logmel")
WAVEFORM_COLUMNS, WAVEFORM_HEIGHT = 100, 32
PICTURE_SIZE = (160, 64)
SHADES = 48  # of a spectrogram; more are not told apart, and cost bytes


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
    `suspects`: generated clips and the training clips nearest to them in `embedding`, with the recording, their
    distance, and whether the generated clip is authentic.
    """

    kilohertz: float | None
    first: dict[str, list[Sound]] = field(default_factory=dict)
    more: dict[str, list[Sound]] = field(default_factory=dict)
    suspects: list[tuple[Sound, Sound, str, float, bool]] = field(default_factory=list)
    embedding: str = ""
    missing: list[str] = field(default_factory=list)


def dataset_sounds(project: Project, report: Report, dataset: str, best: Pair) -> Heard:
    """The sounds of every arm of a dataset, from the plan's first seed; those of the arm `best` come first."""
    plan, words, seed, prepared = report.plan, report.words, report.plan.seeds[0], project.prepared(dataset)
    heard = Heard(prepared.sample_rate / 2000 if prepared else None)
    each = min(FIRST, max(1, OTHERS // (len(plan.autoencoders) + len(plan.arms))))
    for model in sorted(plan.autoencoders, key=lambda model: model != best[0]):
        folder = project.root / "demonstrations" / dataset / model / str(seed)
        if not (folder / "pairs.json").is_file():
            heard.missing.append(f"reconstruct@{dataset}-{model}-{seed}")
            continue
        names = [str(about["group"]) for about in read_json(folder / "pairs.json")]
        originals = [words("original: {name}", name=name) for name in names]
        decoded = [words("reconstruction: {name}", name=name) for name in names]
        if "real" in heard.first:
            title = words("{model}, reconstructed", model=model)
            heard.more[title] = _read(folder, "[0-9]-reconstruction.flac", decoded[:each])
        else:
            heard.first["real"] = _read(folder, "[0-9]-original.flac", originals[:FIRST])
            heard.first["reconstructed"] = _read(folder, "[0-9]-reconstruction.flac", decoded[:FIRST])
    if prepared and "real" not in heard.first:
        names = [words("original: {name}", name=row["source"]) for row in prepared.rows("test")[:FIRST]]
        real = zip(names, prepared.clips("test"), strict=False)
        heard.first["real"] = [sound(name, clip, prepared.sample_rate) for name, clip in real]
    for arm in plan.arms:
        count = FIRST if arm == best else each
        names = [words("{arm}, clip {number}", arm=arm_name(arm), number=i + 1) for i in range(count)]
        clips = _read(project.root.joinpath("generated", dataset, *arm, str(seed), "listen"), "*.flac", names)
        if clips:
            shelf, title = (heard.first, "generated") if arm == best else (heard.more, arm_name(arm))
            shelf[title] = clips
        else:
            heard.missing.append(stage_of("sample", (dataset, *arm, seed)))
    _add_suspects(heard, project, report, dataset)
    return heard


def _add_suspects(heard: Heard, project: Project, report: Report, dataset: str) -> None:
    """Add the generated clips of all arms that lie nearest to training clips."""
    prepared, seed, found = project.prepared(dataset), report.plan.seeds[0], []
    if prepared is None:
        return
    trained, rows = prepared.clips("train"), {row["clip"]: row for row in prepared.rows("train")}
    places = {clip: place for place, clip in enumerate(rows)}
    for arm in report.competing:
        scores = read_json(project.scores((dataset, *arm, seed)))
        known = {score["embedding"]: score["closest"] for score in scores if score.get("closest")}
        heard.embedding = next((name for name in (heard.embedding, *CLOSE_IN, *known) if name in known), "")
        found += [(float(pair["distance"]), arm, pair) for pair in known.get(heard.embedding, [])]
    for distance, arm, pair in sorted(found, key=lambda one: one[0])[:SUSPICIOUS]:
        # Scoring calls the candidate of row 12 `clip 12`.
        number, training = int(re.sub(r"\D", "", pair["candidate"]) or -1), pair["training"]
        file = project.root.joinpath("generated", dataset, *arm, str(seed), "clips.npy")
        generated = np.load(file, mmap_mode="r", allow_pickle=False) if file.is_file() else ()
        if 0 <= number < len(generated) and training in rows:  # else it was scored under other names than those here
            source = rows[training]["source"]
            made = sound(f"{arm_name(arm)} #{number}", generated[number], prepared.sample_rate)
            name = report.words("training clip: {name}", name=source)
            nearest = sound(name, trained[places[training]], prepared.sample_rate)
            heard.suspects.append((made, nearest, source, distance, bool(pair["authentic"])))


def _read(folder: Path, pattern: str, names: list[str]) -> list[Sound]:
    """The first files of a folder under these names; raises FlowshotError where one is damaged."""
    found = []
    for name, file in zip(names, sorted(folder.glob(pattern)), strict=False):
        try:
            clip, rate = soundfile.read(file, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise FlowshotError(f"{file}: cannot be decoded ({error}); run `dvc repro --force` for its stage") from None
        found.append(sound(name, clip.mean(axis=1), int(rate)))
    return found


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
    from matplotlib import colormaps  # these take most of a second
    from PIL import Image

    _, _, levels = decibel_spectrogram(clip, sample_rate)
    shades = np.round((levels / -FLOOR_DB + 1) * (SHADES - 1)).astype(np.uint8)
    picture = Image.fromarray(shades[::-1]).resize(PICTURE_SIZE, Image.Resampling.BOX)
    picture.putpalette((colormaps["magma"](np.linspace(0, 1, SHADES))[:, :3] * 255).round().astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=9)
    return file.getvalue()
