"""Look the pinned packages up in the database of known vulnerabilities, with pip-audit in an environment of its own.

Exit status 0: none is known; 1: some are, and are listed; 2: the database could not be asked, so nothing is known.
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".flowshot/pip-audit"
PIP_AUDIT = "pip-audit==2.10.1"
PIN = re.compile(r"^([A-Za-z0-9._-]+==[^\s+;]+)", re.MULTILINE)  # a local build has the faults of its version


def main() -> int:
    """Audit `constraints.txt`; returns the exit status."""
    pins = PIN.findall((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    if not (TOOLS / "bin/pip-audit").exists():
        venv.create(TOOLS, with_pip=True, clear=True)
        pip = [str(TOOLS / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", PIP_AUDIT]
        if subprocess.run(pip, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            return unknown("pip-audit could not be installed")
    with tempfile.TemporaryDirectory() as folder:
        listed, found = Path(folder, "pins.txt"), Path(folder, "found.json")
        listed.write_text("\n".join(pins) + "\n", encoding="utf-8")
        subprocess.run(
            [
                str(TOOLS / "bin/pip-audit"), "--requirement", str(listed), "--no-deps", "--disable-pip",
                "--format", "json", "--output", str(found), "--progress-spinner", "off",
            ],
            check=False, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if not found.exists():
            return unknown("the database could not be reached")
        packages = json.loads(found.read_text(encoding="utf-8"))["dependencies"]
    return report(packages)


def report(packages: list[dict]) -> int:
    """Print what pip-audit found, one line a vulnerability; returns the exit status."""
    asked = [package for package in packages if "skip_reason" not in package]
    # Behind a mirror that has packages alone each of them is "not found", and pip-audit still calls that a success.
    if not asked:
        return unknown("the database knows none of the packages, so what answered is only a mirror of them")
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in asked
        for fault in package["vulns"]
    ]
    print("\n".join([*lines, f"{len(lines)} known vulnerabilities in {len(asked)} packages"]))
    if missing := [package["name"] for package in packages if "skip_reason" in package]:
        print(f"not in the database: {', '.join(missing)}")
    return 1 if lines else 0


def unknown(reason: str) -> int:
    """Say that nothing is known, and why; returns the exit status."""
    print(f"error: {reason}; nothing is known of vulnerabilities: run again where the network has it", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
