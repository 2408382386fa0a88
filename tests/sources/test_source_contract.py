"""What every source promises to preparation, whatever its audio comes from."""

import functools
import io
import json
import tarfile
from typing import get_args

import pytest
import soundfile

from flowshot.core.errors import FlowshotError
from flowshot.sources import fetch as fetching
from flowshot.sources.catalog import LICENCES, SOURCES, TITLES, Pack, Package
from flowshot.sources.clients import Download
from flowshot.sources.config import Source, SourceConfig
from flowshot.sources.fetch import fetch
from flowshot.sources.grouping import memberships
from flowshot.sources.inputs import folder_changed, input_files
from flowshot.sources.synthesis import synthesizer

NAMES = get_args(Source)


@pytest.fixture(params=NAMES)
def config(request, tmp_path, monkeypatch, write_audio):
    """Each source, with a little audio: a folder, two packages of one sound, a clip a class."""
    for name in ("a.wav", "kit/b.wav"):
        write_audio(tmp_path / "sounds" / name)
    monkeypatch.setattr(
        synthesizer, "write_clips", functools.partial(synthesizer.write_clips, clips_per_class=1, sample_rate=8000)
    )
    packs = tuple(
        Pack(name, "recorded", (Package("npm", name, "1", "0"),), "CC0-1.0", "made for a test", "package")
        for name in "xy"
    )
    archive = tmp_path / "archive.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("package/kit/a.wav")
        content = (tmp_path / "sounds/a.wav").read_bytes()
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(fetching, "SOURCES", dict.fromkeys(SOURCES, packs))
    monkeypatch.setattr(fetching, "workers", lambda: 1)
    monkeypatch.setattr(fetching, "download", lambda package, folder: Download(package, archive, "1", "0"))
    return SourceConfig(request.param, None, str(tmp_path / "sounds") if request.param == "folder" else None)


def test_a_source_is_fetched_with_its_card_and_gives_readable_audio(tmp_path, config):
    raw = tmp_path / "data/raw/mine"
    fetch("mine", config, raw)
    card, files = input_files("mine", config, raw)
    assert (card["name"], card["source"], card["origin"]) == ("mine", config.source, TITLES[config.source])
    assert card["licence"] and json.loads((raw / "card.json").read_text()) == card
    audio = [file for file in files if file.is_audio]
    assert len(audio) >= 2 and [file.source for file in files] == sorted(file.source for file in files)
    assert all(soundfile.info(file.path).frames > 0 and not file.changed() for file in audio)
    assert not folder_changed(config, raw)
    members = memberships(config.source, files)
    assert all(member.keys[0] == ("file", file.source) for member, file in zip(members, files, strict=True))


def test_fetching_again_gives_the_same_and_what_fails_leaves_the_earlier(tmp_path, config, monkeypatch):
    raw = tmp_path / "data/raw/mine"

    def content():
        return {path.relative_to(raw): path.read_bytes() for path in raw.rglob("*") if path.is_file()}

    fetch("mine", config, raw)
    before = content()
    fetch("mine", config, raw)
    assert content() == before

    def fails(*_):
        raise FlowshotError("no more")

    monkeypatch.setattr(fetching, "_fetched", lambda folder: {})
    monkeypatch.setattr(fetching, "write_json", fails)
    with pytest.raises(FlowshotError, match="no more"):
        fetch("mine", config, raw)
    assert content() == before
    assert {path.name for path in raw.parent.iterdir()} <= {"mine", ".mine.packs"}


def test_every_source_has_a_title_and_packages_or_a_licence():
    assert set(TITLES) == set(NAMES) == set(SOURCES) | set(LICENCES)
