"""`make audit` never calls unknown what it could not ask about safe."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from audit_packages import PIN, report

SAFE = {"name": "safe", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SAFE], 0, "0 known vulnerabilities in 1 packages"),
        ([SAFE, BAD], 1, "bad 2: PYSEC-1, mended in 3"),
        ([SAFE, SKIPPED], 0, "not in the database: unknown"),
        ([SKIPPED, SKIPPED], 2, "nothing is known"),
        ([], 2, "nothing is known"),
    ],
)
def test_what_was_found_is_said_and_what_is_not_known_is_no_success(capsys, packages, status, said):
    assert report(packages) == status
    assert said in "".join(capsys.readouterr())


def test_every_pin_is_looked_up_under_its_version_alone():
    text = "# comment\ntorch==2.11.0+cu130\nnumpy==1.26.4 ; x\n-e .\n"
    assert PIN.findall(text) == ["torch==2.11.0", "numpy==1.26.4"]
