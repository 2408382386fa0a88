import errno
import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.sources import archives
from flowshot.sources.archives import safe_path, unpack_tar, unpack_zip
from flowshot.sources.catalog import Package
from flowshot.sources.clients import Download
from flowshot.sources.fetch import _unpack_deb


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


ESCAPES = ["../evil.wav", "a/../../evil.wav", "/evil.wav", "..\\evil.wav", "C:/evil.wav", "a/.."]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_member_that_would_leave_its_folder_is_refused(tmp_path, name):
    inside = tmp_path / "inside"
    for unpack in (
        lambda: unpack_tar(tar_of((name, b"evil")), "bad.tgz", inside, everything),
        lambda: unpack_zip(zip_of(tmp_path / "bad.zip", (name, b"evil")), inside, everything),
    ):
        with pytest.raises(FlowshotError, match="would leave its folder") as caught:
            unpack()
        assert "\n" not in str(caught.value)
    assert files_below(tmp_path) == ["bad.zip"]


def test_a_member_that_is_not_wanted_may_not_leave_its_folder_either(tmp_path):
    with pytest.raises(FlowshotError, match="refused"):
        unpack_tar(tar_of(("../evil.txt", b"evil")), "bad.tgz", tmp_path, lambda path: None)


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "b c", "", "C:", "d\\e"]), min_size=1, max_size=5))
def test_a_safe_path_stays_below_its_folder(parts):
    try:
        path = safe_path("/".join(parts), "archive")
    except FlowshotError:
        return
    assert not path.is_absolute() and ".." not in path.parts


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


def test_a_file_is_not_written_through_a_link_made_before_it(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    tar = tar_of(special("folder", tarfile.SYMTYPE, str(outside)), ("folder/kick.wav", b"kick"))
    unpack_tar(tar, "links.tgz", inside, everything)
    assert files_below(outside) == [] and files_below(inside) == ["folder/kick.wav"]


def test_a_link_in_a_zip_is_passed_over(tmp_path):
    link = zipfile.ZipInfo("link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    unpack_zip(zip_of(tmp_path / "links.zip", (link, "/etc/passwd"), ("kick.wav", b"k")), tmp_path / "out", everything)
    assert files_below(tmp_path / "out") == ["kick.wav"]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    bomb = b"\0" * (3 << 20)
    with pytest.raises(FlowshotError, match="unpacks to more than 1 MiB"):
        unpack_zip(zip_of(tmp_path / "bomb.zip", ("a.wav", bomb)), tmp_path / "zip", everything, maximum_bytes=1 << 20)
    with pytest.raises(FlowshotError, match="unpacks to more than 1 MiB"):
        unpack_tar(tar_of(("a.wav", bomb)), "bomb.tgz", tmp_path / "tar", everything, maximum_bytes=1 << 20)
    assert sum(path.stat().st_size for path in (tmp_path / "zip").rglob("*.wav")) <= 2 << 20


def test_a_tar_bomb_is_refused_even_where_nothing_of_it_is_wanted(tmp_path):
    with pytest.raises(FlowshotError, match="unpacks to more"):
        unpack_tar(tar_of(("a", b"\0" * 3000)), "bomb.tgz", tmp_path, lambda path: None, maximum_bytes=2000)


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAXIMUM_MEMBERS", 3)
    members = [(f"{number}.wav", b"x") for number in range(4)]
    with pytest.raises(FlowshotError, match="more than 3 members"):
        unpack_zip(zip_of(tmp_path / "many.zip", *members), tmp_path / "zip", everything)


TWICE = [
    ("a.wav", "a.wav"),
    ("a", "a/b.wav"),
    ("a.wav", "./a.wav"),
    ("Kick.wav", "kick.WAV"),
    ("\u00e9.wav", "e\u0301.wav"),
]


@pytest.mark.parametrize("names", TWICE)
def test_a_name_that_comes_twice_is_refused(tmp_path, names):
    """Also one that would be the same file where names differ neither in case nor in how accents are written."""
    members = [(name, b"x") for name in names]
    with pytest.raises(FlowshotError, match="comes twice"):
        unpack_tar(tar_of(*members), "twice.tgz", tmp_path / "tar", everything)
    if names[0] != names[1]:  # of which zipfile warns, as it should
        with pytest.raises(FlowshotError, match="comes twice"):
            unpack_zip(zip_of(tmp_path / "twice.zip", *members), tmp_path / "zip", everything)


@pytest.mark.parametrize("unwanted", ["../evil.wav", "/evil.wav"])
def test_nothing_leaves_its_folder_through_a_debian_package(tmp_path, unwanted):
    """dpkg-deb gives the tar archive inside a package, which is unpacked like any other."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("this machine has no Debian tools")
    data, control = (
        tar_of((unwanted, b"evil")).getvalue(),
        tar_of(("./control", b"Package: evil\nVersion: 1\n")).getvalue(),
    )
    deb = tmp_path / "evil.deb"
    deb.write_bytes(b"!<arch>\n" + b"".join(
        f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
        for name, content in (("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar.gz", data))
    ))  # fmt: skip
    package = Package("apt", "evil", "1", "0", "CC0-1.0", "made for a test", "usr")
    with pytest.raises(FlowshotError, match="would leave its folder"):
        _unpack_deb(Download(package, deb, "1", "0"), tmp_path / "inside", everything)
    assert files_below(tmp_path) == ["evil.deb"]


def test_a_size_below_zero_is_refused(tmp_path):
    info = tarfile.TarInfo("a.wav")
    info.size = -(1 << 30)
    with pytest.raises(FlowshotError, match=r"size below zero|no readable tar"):
        unpack_tar(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), "odd.tar", tmp_path, everything)


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    with pytest.raises(FlowshotError, match="too long a name"):
        unpack_tar(tar_of(("a" * 300 + ".wav", b"x")), "long.tgz", tmp_path, everything)


def test_a_full_disk_is_not_called_a_damaged_archive(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archives.Path, "open", full)
    with pytest.raises(FlowshotError, match=r"a\.wav: cannot be written \(No space left on device\)"):
        unpack_tar(tar_of(("a.wav", b"x")), "good.tgz", tmp_path, everything)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 broken", b"\x1f\x8b\x08\0 broken"])
def test_a_damaged_archive_is_one_line(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(FlowshotError, match="no readable zip"):
        unpack_zip(tmp_path / "bad.zip", tmp_path / "out", everything)
    with pytest.raises(FlowshotError, match="no readable tar"):
        unpack_tar(io.BytesIO(content), "bad.tgz", tmp_path / "out", everything)


def test_a_truncated_archive_is_one_line(tmp_path):
    whole = tar_of(("noise.wav", os.urandom(100_000))).getvalue()
    with pytest.raises(FlowshotError, match="no readable tar"):
        unpack_tar(io.BytesIO(whole[:50_000]), "cut.tgz", tmp_path, everything)


def test_only_what_is_wanted_is_written_and_where_it_is_wanted(tmp_path):
    def select(path):
        return PurePosixPath("audio", path.name) if path.suffix == ".wav" else None

    written = unpack_tar(tar_of(("package/a.wav", b"a"), ("package/b.txt", b"b")), "a.tgz", tmp_path, select)
    assert files_below(tmp_path) == ["audio/a.wav"] and written == [tmp_path / "audio/a.wav"]
