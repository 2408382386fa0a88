import hashlib
import io
import json
import shutil
import stat
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from flowshot.core.errors import FlowshotError
from flowshot.sources import fetch as fetch_module
from flowshot.sources.catalog import Pack, Package
from flowshot.sources.fetch import fetch
from sound_folders import dataset
from soundfont_files import keys, soundfont

SAMPLES = dataset("samples")


def sound(seed):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(seed).uniform(-1, 1, 800), 8000, format="WAV")
    return buffer.getvalue()


def tar_bytes(members, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_bytes(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Two packages, and clients that hand out their archives as the real ones would: one of npm, one of apt."""
    programs, archives = tmp_path / "programs", tmp_path / "archives"
    programs.mkdir()
    archives.mkdir()
    npm = tar_bytes({
        "package/wav/a b.wav": sound(1), "package/wav/kit/drumkit.xml": b"<x/>", "package/LICENSE": b"free",
        "package/index.js": b"js", "package/other/c.wav": sound(2),
    })  # fmt: skip
    pk3 = zip_bytes({"sound/d.ogg": sound(3), "sound/readme.txt": b"text"})
    deb = tar_bytes({"./usr/share/game/base.pk3": pk3, "./usr/share/doc/game/copyright": b"GPL"}, mode="w")
    (archives / "shots-1.0.tgz").write_bytes(npm)
    (archives / "game_2.0_all.deb").write_bytes(deb)
    hashes = [hashlib.sha256(content).hexdigest() for content in (npm, deb)]
    shots = (Package("npm", "shots", "1.0", hashes[0]),)
    game = (Package("apt", "game", "2.0", hashes[1]),)
    packs = (
        Pack("shots", "recorded", shots, "CC0-1.0", "made for a test", "package/wav"),
        Pack("game", "recorded", game, "GPL-2", "made for a test", "usr/share/game", "zip", r"\.pk3$"),
    )
    scripts = {
        "npm": f"/bin/cp '{archives}/shots-1.0.tgz' .",
        "apt-get": f"/bin/cp '{archives}/game_2.0_all.deb' .",
        "dpkg": "exit 0",
        # The test's .deb is the bare tar that dpkg-deb would unpack from a real one.
        "dpkg-deb": 'case "$1" in --field) echo 2.0;; *) /bin/cat "$2";; esac',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": packs})
    return programs, archives, packs, monkeypatch


def repacked(pack, sha256, version=None, **changes):
    """The pack with another archive of its one package."""
    (package,) = pack.packages
    return replace(pack, packages=(replace(package, sha256=sha256, version=version or package.version),), **changes)


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_audio_kits_and_licences_are_unpacked_and_the_card_says_where_from(tmp_path, registry):
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    assert files_below(raw) == [
        "audio/game/sound/d.ogg", "audio/shots/a b.wav", "audio/shots/kit/drumkit.xml", "card.json",
        "licences/game/copyright", "licences/shots/LICENSE",
    ]  # fmt: skip
    card = json.loads((raw / "card.json").read_text())
    assert [(row["pack"], row["packages"][0]["version"], row["files"]) for row in card["packs"]] == [
        ("shots", "1.0", 1), ("game", "2.0", 1)
    ]  # fmt: skip
    assert card["licence"] == "shots: CC0-1.0; game: GPL-2" and card["incomplete"] == []


def test_what_was_downloaded_is_not_downloaded_again(tmp_path, registry):
    programs, *_ = registry
    fetch("samples", SAMPLES, tmp_path / "data/raw/samples")
    (programs / "npm").write_text("#!/bin/sh\nexit 1\n")
    (programs / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    fetch("samples", SAMPLES, tmp_path / "data/raw/samples")


def test_without_apt_the_rest_is_fetched_and_said_to_be_incomplete(tmp_path, registry, capsys):
    programs, *_ = registry
    (programs / "apt-get").unlink()
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    card = json.loads((raw / "card.json").read_text())
    assert [row["pack"] for row in card["packs"]] == ["shots"]
    assert card["incomplete"] == ["without game, because the program `apt-get` is not installed"]
    said = capsys.readouterr().err
    assert "samples is INCOMPLETE: without game" in said and "Available: shots, 1 files" in said


def test_without_any_client_there_is_one_line(tmp_path, registry):
    programs, *_ = registry
    for path in programs.iterdir():
        path.unlink()
    with pytest.raises(FlowshotError, match="`npm` is not installed; install what is missing") as caught:
        fetch("samples", SAMPLES, tmp_path / "data/raw/samples")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("broken", ["npm", "apt-get"])
def test_a_failed_fetch_leaves_the_earlier_one_untouched(tmp_path, registry, broken):
    programs, _, _, _ = registry
    raw = tmp_path / "data/raw/samples"
    raw.mkdir(parents=True)
    (raw / "card.json").write_text("earlier")
    (programs / broken).write_text("#!/bin/sh\necho 'E: Failed to fetch' >&2\nexit 1\n")
    with pytest.raises(FlowshotError, match="check the network"):
        fetch("samples", SAMPLES, raw)
    assert files_below(raw) == ["card.json"] and (raw / "card.json").read_text() == "earlier"
    assert {path.name for path in raw.parent.iterdir()} <= {"samples", ".samples.packs"}


def test_a_tampered_archive_is_refused(tmp_path, registry):
    _, archives, _, _ = registry
    (archives / "shots-1.0.tgz").write_bytes(tar_bytes({"package/wav/a.wav": sound(9)}))
    with pytest.raises(FlowshotError, match="SHA-256"):
        fetch("samples", SAMPLES, tmp_path / "data/raw/samples")
    assert not (tmp_path / "data/raw/samples").exists()


@pytest.mark.parametrize("name", ["../../evil.wav", "/evil.wav"])
def test_a_nested_archive_cannot_leave_its_folder_either(tmp_path, registry, name):
    _, archives, packs, monkeypatch = registry
    deb = tar_bytes({"./usr/share/game/base.pk3": zip_bytes({name: sound(3)})}, mode="w")
    (archives / "game_2.0_all.deb").write_bytes(deb)
    pinned = (repacked(packs[1], hashlib.sha256(deb).hexdigest()),)
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": pinned})
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    assert [path.is_relative_to(raw / "audio/game") for path in tmp_path.rglob("evil.wav")] == [True]


def test_a_package_without_the_expected_audio_is_one_line(tmp_path, registry):
    _, _, packs, monkeypatch = registry
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": (replace(packs[0], root="elsewhere"),)})
    with pytest.raises(FlowshotError, match="holds no audio below elsewhere"):
        fetch("samples", SAMPLES, tmp_path / "data/raw/samples")


def test_another_version_is_said(tmp_path, registry, capsys):
    _, _, packs, monkeypatch = registry
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": (repacked(packs[1], "0" * 64, "1.9"),)})
    fetch("samples", SAMPLES, tmp_path / "data/raw/samples")
    assert "version 2.0; earlier results used 1.9" in capsys.readouterr().err


def test_a_folder_is_indexed_and_not_copied(tmp_path, write_audio, folder_config):
    write_audio(tmp_path / "sounds/deep/kick drum.wav")
    write_audio(tmp_path / "sounds/ünïcode.wav")
    fetch("mine", folder_config(), tmp_path / "raw/mine")
    assert files_below(tmp_path / "raw/mine") == ["card.json", "index.json"]
    index = json.loads((tmp_path / "raw/mine/index.json").read_text())
    assert [row["path"] for row in index["files"]] == ["deep/kick drum.wav", "ünïcode.wav"]


@pytest.mark.parametrize(
    ("made", "message"), [("nothing", "does not exist"), ("file", "is not a folder"), ("empty", "holds no files")]
)
def test_a_folder_that_cannot_be_used_is_one_line(tmp_path, folder_config, made, message):
    if made == "file":
        (tmp_path / "sounds").touch()
    if made == "empty":
        (tmp_path / "sounds/deeper").mkdir(parents=True)
    with pytest.raises(FlowshotError, match=message):
        fetch("mine", folder_config(), tmp_path / "raw/mine")
    assert not (tmp_path / "raw/mine").exists()


def test_a_soundfont_in_a_package_becomes_files_by_instrument(tmp_path, registry):
    _, archives, packs, monkeypatch = registry
    noise = np.random.default_rng(0).integers(-9000, 9000, 900)
    font = soundfont(
        [{"audio": noise, "name": "kick"}, {"audio": noise[::-1], "name": "C4"}],
        [("Kit", [[keys(36, 36), (53, 0)]]), ("Piano", [[(53, 1)]])],
        [(128, [0]), (0, [1])],
    )
    deb = tar_bytes({"./usr/share/sounds/sf2/Font.sf2": font, "./usr/share/sounds/sf2/Font.txt": b"text"}, mode="w")
    (archives / "game_2.0_all.deb").write_bytes(deb)
    changes = {"root": "usr/share/sounds/sf2", "unpack": "soundfont", "inside": r"\.sf2$"}
    pack = repacked(packs[1], hashlib.sha256(deb).hexdigest(), **changes)
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": (pack,)})
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    assert files_below(raw / "audio") == ["game/Font/Piano/Piano/0001 C4.flac", "game/Font/kick/drums/0000 kick.flac"]
    assert json.loads((raw / "card.json").read_text())["packs"][0]["files"] == 2


def test_a_second_fetch_does_nothing_and_says_so(tmp_path, registry, capsys):
    programs, *_ = registry
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    for path in programs.iterdir():
        path.unlink()
    capsys.readouterr()
    fetch("samples", SAMPLES, raw)
    assert "nothing to fetch" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before


def test_a_licence_that_the_catalog_has_mended_is_put_into_the_card_without_a_download(tmp_path, registry):
    programs, _, packs, monkeypatch = registry
    raw = tmp_path / "data/raw/samples"
    fetch("samples", SAMPLES, raw)
    for path in programs.iterdir():
        path.unlink()
    shutil.rmtree(tmp_path / "data/downloads")
    mended = (replace(packs[0], licence="MIT", exclude="kit"), packs[1])
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": mended})
    fetch("samples", SAMPLES, raw)
    card = json.loads((raw / "card.json").read_text())
    assert card["licence"] == "shots: MIT; game: GPL-2" and "audio/shots/a b.wav" in files_below(raw)


def interrupted_fetch(programs, raw):
    """Fetches until the second pack, for which there is no network."""
    whole = (programs / "apt-get").read_text()
    (programs / "apt-get").write_text("#!/bin/sh\necho 'E: Failed to fetch' >&2\nexit 1\n")
    with pytest.raises(FlowshotError, match="check the network"):
        fetch("samples", SAMPLES, raw)
    (programs / "apt-get").write_text(whole)


def test_an_interrupted_fetch_goes_on_with_the_pack_where_it_stopped(tmp_path, registry, capsys):
    programs, *_ = registry
    raw = tmp_path / "data/raw/samples"
    interrupted_fetch(programs, raw)
    (programs / "npm").unlink()
    shutil.rmtree(tmp_path / "data/downloads")
    capsys.readouterr()
    fetch("samples", SAMPLES, raw)
    said = capsys.readouterr().err
    assert "pack 2 of 2, game" in said and "pack 1 of 2" not in said
    assert "audio/shots/a b.wav" in files_below(raw) and [path.name for path in raw.parent.iterdir()] == ["samples"]


def test_other_datasets_and_their_interrupted_fetches_are_left_alone(tmp_path, registry):
    raw = tmp_path / "data/raw/samples"
    others = [raw.with_name(name) / "card.json" for name in ("mine", ".fx.packs", ".samples_original.packs")]
    for other in others:
        other.parent.mkdir(parents=True)
        other.touch()
    fetch("samples", SAMPLES, raw)
    assert all(other.is_file() for other in others)


def test_a_pack_that_the_catalog_has_changed_is_not_taken_from_an_interrupted_fetch(tmp_path, registry):
    programs, _, packs, monkeypatch = registry
    raw = tmp_path / "data/raw/samples"
    interrupted_fetch(programs, raw)
    monkeypatch.setattr(fetch_module, "SOURCES", {"samples": (replace(packs[0], root="package/other"), packs[1])})
    fetch("samples", SAMPLES, raw)
    assert files_below(raw / "audio/shots") == ["c.wav"]


def test_some_packs_can_be_had_alone_and_more_are_added_to_what_is_there(tmp_path, registry):
    programs, _, _, monkeypatch = registry
    raw = tmp_path / "data/raw/samples"
    fetch("samples", replace(SAMPLES, packs=None), raw)
    monkeypatch.setattr("flowshot.sources.config.SOURCES", fetch_module.SOURCES)
    for path in programs.iterdir():
        path.unlink()
    shutil.rmtree(tmp_path / "data/downloads")
    fetch("samples", replace(SAMPLES, packs=("game",)), raw)
    assert sorted(path.name for path in (raw / "audio").iterdir()) == ["game"]


def test_packs_of_another_source_are_refused():
    with pytest.raises(ValueError, match="fx has no amsynth; it has ufoai-sound"):
        replace(dataset("fx"), packs=("amsynth",))
