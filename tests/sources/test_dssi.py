"""Presets come out the same twice, on machines that have the synthesizers."""

import platform
from pathlib import Path

import pytest
import soundfile

from flowshot.sources.dssi import NOTES, RATE, SECONDS, Synthesizer, render_presets

PLUGINS = [Path("/usr/lib/dssi", name) for name in ("amsynth_dssi.so", "whysynth.so", "xsynth-dssi.so")]
BANKS = Path("/usr/share/amsynth/banks")


@pytest.fixture(params=PLUGINS, ids=lambda path: path.stem)
def plugin(request, tmp_path):
    """An installed plugin in a folder of its own, amsynth's with the beginning of a bank beside it."""
    if not request.param.exists() or platform.machine() != "x86_64":
        pytest.skip(f"{request.param} is not installed: no Debian package of it on this machine")
    (tmp_path / request.param.name).symlink_to(request.param)
    if request.param.stem == "amsynth_dssi":
        bank = sorted(BANKS.glob("*.bank"))[0]
        presets = bank.read_text(encoding="latin-1").split("<preset>")[:9]
        (tmp_path / "some.bank").write_text("<preset>".join(presets), encoding="latin-1")
    return tmp_path / request.param.name


def rendered(plugin, folder, share):
    render_presets(plugin, folder, share, 1)
    return sorted(folder.rglob("*.flac"))


def test_presets_are_rendered_the_same_twice_and_each_note_is_heard(plugin, tmp_path):
    share = 1.0 if plugin.stem == "amsynth_dssi" else 0.05
    first, again = (rendered(plugin, tmp_path / name, share) for name in ("first", "again"))
    assert len(first) >= len(NOTES)
    assert [path.relative_to(tmp_path / "first") for path in first] == [
        path.relative_to(tmp_path / "again") for path in again
    ]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(first, again, strict=True))
    audio, rate = soundfile.read(first[0])
    assert rate == RATE and len(audio) == round(SECONDS * RATE) and abs(audio).max() == pytest.approx(0.89, abs=1e-3)


def test_a_bank_that_was_rendered_is_not_rendered_again(plugin, tmp_path, monkeypatch):
    share = 1.0 if plugin.stem == "amsynth_dssi" else 0.02
    before = {path: path.stat().st_mtime_ns for path in rendered(plugin, tmp_path / "out", share)}
    monkeypatch.setattr(Synthesizer, "play", None)
    assert {path: path.stat().st_mtime_ns for path in rendered(plugin, tmp_path / "out", share)} == before
