import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.sources.catalog import PACKS, Package
from flowshot.sources.clients import download

CONTENT = b"an archive"
PACKAGE = Package("npm", "some-sounds", "1.0.0", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH that holds only shell scripts of the test; returns a function that adds one."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return add


def failure(package, folder):
    with pytest.raises(FlowshotError) as caught:
        download(package, folder)
    # Nothing half done may be taken for a download later.
    assert not folder.exists() or list(folder.iterdir()) == []
    return str(caught.value)


def test_a_download_is_kept_under_its_hash_and_not_fetched_again(tmp_path, programs):
    programs("npm", "printf 'an archive' > some-sounds-1.0.0.tgz")
    found = download(PACKAGE, tmp_path / "downloads")
    assert found.path.read_bytes() == CONTENT and found.sha256 == PACKAGE.sha256
    programs("npm", "exit 1")
    assert download(PACKAGE, tmp_path / "downloads") == found


def test_a_damaged_earlier_download_is_fetched_again(tmp_path, programs):
    programs("npm", "printf 'an archive' > some-sounds-1.0.0.tgz")
    path = download(PACKAGE, tmp_path / "downloads").path
    path.write_bytes(b"rotten")
    assert download(PACKAGE, tmp_path / "downloads").path.read_bytes() == CONTENT


def test_another_hash_is_refused(tmp_path, programs):
    programs("npm", "printf 'something else' > some-sounds-1.0.0.tgz")
    message = failure(PACKAGE, tmp_path / "downloads")
    assert "SHA-256" in message and PACKAGE.sha256 in message


def test_a_missing_client_is_named(tmp_path, programs):
    assert "`npm` is not installed" in failure(PACKAGE, tmp_path / "downloads")
    assert "`apt-get` is not installed" in failure(replace(PACKAGE, client="apt"), tmp_path / "downloads")


def test_a_cut_network_is_one_line_with_the_client_s_reason(tmp_path, programs):
    programs("npm", "echo 'npm error code ENOTFOUND' >&2; echo 'npm error network request failed' >&2; exit 1")
    message = failure(PACKAGE, tmp_path / "downloads")
    assert "request failed" in message and "check the network" in message and "\n" not in message


def test_a_cut_network_is_one_line_with_apt_too(tmp_path, programs):
    programs("apt-get", "echo 'E: Failed to fetch x  Could not resolve host' >&2; exit 100")
    programs("dpkg", "exit 1")
    programs("dpkg-deb", "exit 1")
    message = failure(replace(PACKAGE, client="apt"), tmp_path / "downloads")
    assert "Could not resolve host" in message and "check the network" in message


def test_a_package_that_apt_does_not_know_asks_for_an_update(tmp_path, programs):
    programs("apt-get", "echo 'E: Unable to locate package some-sounds' >&2; exit 100")
    programs("dpkg", "exit 1")
    programs("dpkg-deb", "exit 1")
    assert "run `apt-get update` as root" in failure(replace(PACKAGE, client="apt"), tmp_path / "downloads")


def test_an_archive_that_is_no_debian_package_is_refused(tmp_path, programs):
    programs("apt-get", "printf 'x' > some-sounds_1.0.0_all.deb")
    programs("dpkg", "exit 0")
    programs("dpkg-deb", "exit 2")
    assert "not a Debian package" in failure(replace(PACKAGE, client="apt"), tmp_path / "downloads")


def test_apt_gives_another_version_where_the_pinned_one_is_gone(tmp_path, programs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    programs(
        "apt-get",
        "case \"$2\" in *=*) echo \"E: Version '1.0.0' for 'some-sounds' was not found\" >&2; exit 100;; esac\n"
        "printf 'newer' > some-sounds_2.0.0_all.deb",
    )
    programs("dpkg", "exit 0")
    programs("dpkg-deb", 'test -f "$2" && echo 2.0.0')
    found = download(replace(PACKAGE, client="apt"), Path("downloads"))  # as a stage names it
    assert found.version == "2.0.0" and found.sha256 == hashlib.sha256(b"newer").hexdigest()


def test_a_client_that_writes_nothing_is_one_line(tmp_path, programs):
    programs("npm", "exit 0")
    assert "wrote 0 .tgz files" in failure(PACKAGE, tmp_path / "downloads")


def test_every_package_of_the_catalog_is_pinned():
    for pack in PACKS.values():
        assert pack.licence and pack.origin and "/" not in pack.name
        assert (pack.unpack == "files") == (pack.inside == "")
        assert all(len(package.sha256) == 64 and package.version for package in pack.packages)
