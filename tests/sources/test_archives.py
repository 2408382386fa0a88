import contextlib
import errno
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.sources.archives import unpack_tar, unpack_zip


def everything(path):
    return path


def tar_of(*members):
    """A tar.gz of (name, content) pairs, or of TarInfo objects for what is no file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    buffer.seek(0)
    return buffer


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", ["../evil.wav", "a/../../evil.wav", "/evil.wav"])
def test_nothing_is_written_outside_of_the_folder(tmp_path, name):
    inside = tmp_path / "inside"
    (tmp_path / "evil").mkdir()
    with contextlib.suppress(FlowshotError):
        unpack_tar(tar_of((name, b"evil")), "bad.tgz", inside / "tar", everything)
    bad = zip_of(tmp_path / "evil/bad.zip", (name, b"evil"))
    unpack_zip(bad, inside / "zip", everything, archive="bad.zip")
    assert {path.split("/")[0] for path in files_below(tmp_path)} <= {"inside", "evil"}
    assert not Path("/evil.wav").exists()


def test_links_and_devices_are_never_made(tmp_path):
    tar = tar_of(
        ("kick.wav", b"kick"),
        special("soft.wav", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard.wav", tarfile.LNKTYPE, "kick.wav"),
        special("null.wav", tarfile.CHRTYPE),
        special("pipe.wav", tarfile.FIFOTYPE),
    )
    unpack_tar(tar, "links.tgz", tmp_path, everything)
    assert files_below(tmp_path) == ["kick.wav"]


def test_a_link_in_a_zip_becomes_an_ordinary_file(tmp_path):
    link = zipfile.ZipInfo("link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = zip_of(tmp_path / "links.zip", (link, "/etc/passwd"))
    unpack_zip(archive, tmp_path / "out", everything, archive="links.zip")
    assert not (tmp_path / "out/link.wav").is_symlink()


def test_a_full_disk_is_not_called_a_damaged_archive(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    archive = tar_of(("a.wav", b"x"))
    monkeypatch.setattr(tarfile, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left on device"):
        unpack_tar(archive, "good.tgz", tmp_path, everything)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 broken", b"\x1f\x8b\x08\0 broken"])
def test_a_damaged_archive_is_one_line(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(FlowshotError, match="no readable zip"):
        unpack_zip(tmp_path / "bad.zip", tmp_path / "out", everything, archive="bad.zip")
    with pytest.raises(FlowshotError, match="no readable tar"):
        unpack_tar(io.BytesIO(content), "bad.tgz", tmp_path / "out", everything)


def test_a_truncated_archive_is_one_line(tmp_path):
    whole = tar_of(("noise.wav", os.urandom(100_000))).getvalue()
    with pytest.raises(FlowshotError, match="no readable tar"):
        unpack_tar(io.BytesIO(whole[:50_000]), "cut.tgz", tmp_path, everything)


def test_only_what_is_wanted_is_written_and_where_it_is_wanted(tmp_path):
    def select(path):
        return PurePosixPath("audio", path.name) if path.suffix == ".wav" else None

    unpack_tar(tar_of(("package/a.wav", b"a"), ("package/b.txt", b"b")), "a.tgz", tmp_path, select)
    assert files_below(tmp_path) == ["audio/a.wav"]
