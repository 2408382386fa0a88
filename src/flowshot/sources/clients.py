"""Download packages with the ordinary clients, `npm` and `apt-get`, and keep them under their hash."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.files import sha256_of_file
from flowshot.sources.catalog import Client, Package

TIMEOUT_SECONDS = 1800
PROGRAMS: dict[Client, tuple[str, ...]] = {"npm": ("npm",), "apt": ("apt-get", "dpkg", "dpkg-deb")}
APT_UNKNOWN = ("Unable to locate package", "Can't find a source", "has no installation candidate", "was not found")


@dataclass(frozen=True)
class Download:
    """An archive on disk: its file, its version and its hash."""

    package: Package
    path: Path
    version: str
    sha256: str


class UnavailableError(FlowshotError):
    """A package that is not available on this machine, with or without a network."""


def download(package: Package, folder: Path) -> Download:
    """The package's archive in `folder`, from an earlier download where there is a whole one.

    Raises:
        UnavailableError: the client is missing, or apt does not know the package.
        FlowshotError: the network is down, or the archive has another hash than the catalog says. Nothing is left in
            `folder` then.
    """
    for path in sorted((folder / package.sha256).glob("*")):
        if sha256_of_file(path) == package.sha256:
            return Download(package, path, package.version, package.sha256)
    name = package.name
    for program in PROGRAMS[package.client]:
        if shutil.which(program) is None:
            raise UnavailableError(
                f"{name}: the program `{program}` is not installed; install it, or fetch on another machine"
            )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download.", dir=folder) as fresh:
        path = (_npm if package.client == "npm" else _apt)(package, Path(fresh))
        version = package.version  # npm was asked for exactly this
        if package.client == "apt":
            status, version, _ = _run(["dpkg-deb", "--field", path.name, "Version"], Path(fresh))
            if status != 0:
                raise FlowshotError(f"{name}: the download is not a Debian package; check the network, then run again")
        sha256 = sha256_of_file(path)
        if version == package.version and sha256 != package.sha256:
            raise FlowshotError(
                f"{name} {version}: SHA-256 is {sha256} but should be {package.sha256}; "
                "the download is damaged or was changed: fetch again, and do not use it if this message persists"
            )
        target = folder / sha256 / path.name
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
    return Download(package, target, version, sha256)


def _npm(package: Package, folder: Path) -> Path:
    spec = f"{package.name}@{package.version}"
    command = ["npm", "pack", spec, "--ignore-scripts", "--fetch-retries=1", "--pack-destination", "."]
    status, _, errors = _run(command, folder)
    if "E404" in errors or "ETARGET" in errors:
        raise FlowshotError(f"{spec}: the npm registry does not have it; check the registry that npm is set to")
    return _downloaded(spec, "npm", status, errors, folder, ".tgz")


def _apt(package: Package, folder: Path) -> Path:
    name = package.name
    status, _, errors = _run(["apt-get", "download", f"{name}={package.version}"], folder)
    if status != 0 and "was not found" in errors:
        # Another release of the distribution has another version, which the caller reports.
        status, _, errors = _run(["apt-get", "download", name], folder)
    if status != 0 and any(text in errors for text in APT_UNKNOWN):
        raise UnavailableError(
            f"{name}: apt does not know this package; run `apt-get update` as root, then fetch again"
        )
    return _downloaded(name, "apt-get", status, errors, folder, ".deb")


def _run(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a client."""
    environment = {**os.environ, "LC_ALL": "C", "NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {TIMEOUT_SECONDS // 60} minutes"
    return result.returncode, result.stdout.strip(), result.stderr


def _downloaded(name: str, client: str, status: int, errors: str, folder: Path, suffix: str) -> Path:
    """The file that a client wrote, or the line of its output that says why there is none."""
    if status != 0:
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        marked = [line for line in lines if line.startswith(("E: ", "npm error ", "npm ERR! "))]
        failures = [line for line in marked if "fail" in line.casefold()]
        reason = (failures or marked or lines or ["it gave no reason"])[0][:200]
        raise FlowshotError(f"{name}: {client} could not download it ({reason}); check the network, then run again")
    files = sorted(folder.glob(f"*{suffix}"))
    if len(files) != 1:
        raise FlowshotError(f"{name}: the client reported success but wrote {len(files)} {suffix} files; run again")
    return files[0]
