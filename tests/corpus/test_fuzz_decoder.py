"""Whatever bytes a file holds, they give clips or a word for the audit; archives and SoundFonts, files or one line."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.audio_bytes import encoded, int16, texts, through_ffmpeg, tone, wav
from corpus.fuzzing import damaged, fuzz
from flowshot.core.errors import FlowshotError
from flowshot.preparation.config import DatasetConfig
from flowshot.preparation.cutting import Clip, read_clips, read_excerpt
from flowshot.preparation.selection import REASONS
from flowshot.sources import decode
from flowshot.sources.archives import unpack_tar, unpack_zip
from flowshot.sources.decode import UnusableAudio, quiet_decoders
from flowshot.sources.grouping import KIT_FILE, memberships
from flowshot.sources.inputs import list_files
from flowshot.sources.soundfont import write_one_shots
from sound_folders import dataset
from soundfont_files import LEFT, RIGHT, keys, soundfont

# Every container that libsndfile knows decodes by itself, whatever a file is called, and its rarest codecs with it.
FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "NMS_ADPCM_16"),
    ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("AIFF", "ULAW"),
    ("AU", "PCM_16"), ("AU", "G723_24"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("VOC", "PCM_16"), ("SVX", "PCM_16"),
    ("PAF", "PCM_16"), ("NIST", "PCM_16"), ("IRCAM", "PCM_16"), ("XI", "DPCM_16"), ("MAT4", "FLOAT"), ("MAT5", "FLOAT"),
    ("PVF", "PCM_16"), ("HTK", "PCM_16"), ("SDS", "PCM_16"), ("AVR", "PCM_16"), ("MPC2K", "PCM_16"), ("WVE", "ALAW"),
]  # fmt: skip
# And those that FFmpeg decodes.
OTHERS = [
    ("ipod", "aac"), ("ipod", "alac"), ("caf", "alac"), ("adts", "aac"), ("ogg", "flac"), ("voc", "pcm_u8"),
    ("wv", "wavpack"), ("tta", "tta"),
]  # fmt: skip
SOUND = tone(500, 8000)
AUDIO = [encoded(SOUND, container, subtype) for container, subtype in FORMATS] + [wav(int16(SOUND), channels=2)]
AUDIO += [through_ffmpeg(SOUND, container, codec) for container, codec in OTHERS]
AUDIO += [through_ffmpeg(tone(500, 44_100), "asf", "wmav2", 44_100), wav(int16(SOUND), before=texts(1), promised=0)]
AUDIO += [encoded(SOUND, "FLAC", "PCM_16") + b"TAG" + bytes(125)]
CUTS = [dataset("synth", sample_rate=8000, clip_seconds=0.1, hop_seconds=0.05, cut=cut) for cut in ("file", "windows")]


def tar_of(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name in ("package/a.wav", "package/folder/b.wav", "package/licence"):
            member = tarfile.TarInfo(name)
            member.size = 300
            archive.addfile(member, io.BytesIO(bytes(range(150)) * 2))
    return buffer.getvalue()


def zip_of(compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in ("a.wav", "folder/b.wav", "licence"):
            archive.writestr(name, bytes(range(150)) * 2)
    return buffer.getvalue()


TARS = [tar_of(mode) for mode in ("w:", "w:gz", "w:bz2", "w:xz")]
ZIPS = [zip_of(kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)]
NOISE = np.arange(-1000, 1000, dtype=np.int16)
SOUNDFONT = soundfont(
    [{"audio": NOISE, "loop": (200, 1800)}, {"audio": NOISE, "type": LEFT, "link": 2}, {"audio": NOISE, "type": RIGHT}],
    [("Piano", [[keys(0, 60), (54, 1), (53, 0)], [keys(61, 127), (53, 1)], [keys(61, 127), (53, 2)]])],
    [(0, [0]), (128, [0])],
)
KIT = b"""<?xml version="1.0"?><drumkit_info xmlns="x"><instrumentList><instrument><name>Kick</name><layer>
<filename>a.wav</filename></layer></instrument></instrumentList></drumkit_info>"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and bounds so low that a case which reaches them takes no time."""
    monkeypatch.setattr(decode, "MAXIMUM_SAMPLES", 1 << 22)
    return tmp_path


@fuzz()
@given(content=damaged(st.sampled_from(AUDIO)) | st.binary(max_size=200), config=st.sampled_from(CUTS))
def test_whatever_bytes_give_clips_or_a_word_for_the_audit(place: Path, content: bytes, config: DatasetConfig) -> None:
    path = place / "damaged.wav"  # it stays there if the process itself should end
    path.write_bytes(content)
    clips: list[Clip] = []
    try:
        with quiet_decoders():
            facts, _ = read_clips(path, config, clips.append)
        assert clips and facts.seconds > 0
    except UnusableAudio as problem:
        assert problem.reason in REASONS
    for clip in clips:
        assert clip.samples.shape == (800,) and clip.samples.dtype == np.float32
        assert np.isfinite(clip.samples).all() and 0 < np.abs(clip.samples).max() <= 1


@fuzz(0.2)
@given(content=damaged(st.sampled_from(AUDIO)))
def test_whatever_bytes_give_an_excerpt_or_a_word(place: Path, content: bytes) -> None:
    path = place / "damaged.wav"
    path.write_bytes(content)
    try:
        with quiet_decoders():
            excerpt = read_excerpt(path, 8000, 800)
    except UnusableAudio as problem:
        assert problem.reason in REASONS
    else:
        assert excerpt.audio.shape == (800,) and np.isfinite(excerpt.audio).all() and np.abs(excerpt.audio).max() <= 1


@fuzz(0.2)
@given(content=damaged(st.sampled_from(TARS + ZIPS)))
def test_whatever_archive_stays_in_its_folder_and_is_unpacked_or_one_line(place: Path, content: bytes) -> None:
    (place / "archive").write_bytes(content)
    before = {path.name for path in place.iterdir()}
    target = place / "unpacked" / str(len(list(place.glob("unpacked/*"))))
    for unpack in (
        lambda: unpack_tar(io.BytesIO(content), "archive", target / "tar", lambda path: path),
        lambda: unpack_zip(place / "archive", target / "zip", lambda path: path, archive="archive"),
    ):
        try:
            unpack()
        except FlowshotError as error:
            assert "\n" not in str(error) and str(error).startswith("archive")
    assert {path.name for path in place.iterdir()} <= before | {"unpacked"}
    for path in target.rglob("*"):
        assert not path.is_symlink() and (path.is_dir() or path.stat().st_nlink == 1)


@fuzz(0.2)
@given(content=damaged(st.just(SOUNDFONT)))
def test_whatever_soundfont_gives_one_shots_or_one_line(place: Path, content: bytes) -> None:
    (place / "font.sf2").write_bytes(content)
    try:
        write_one_shots(place / "font.sf2", place / "shots")
    except FlowshotError as error:
        assert "\n" not in str(error)


@fuzz(0.1)
@given(content=damaged(st.just(KIT)))
def test_whatever_drum_kit_says_something_about_groups_or_nothing(place: Path, content: bytes) -> None:
    (place / KIT_FILE).write_bytes(content)
    (place / "a.wav").touch()
    assert len(memberships("folder", list_files(place))) >= 2
