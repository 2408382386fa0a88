import subprocess
import sys
from pathlib import Path

import pytest

PRINT = "import {first}, os; print(os.environ['GOMP_SPINCOUNT'])"


@pytest.mark.parametrize("script", ["train", "fit_prior", "sample", "reconstruct", "score"])
def test_stages_import_the_package_before_torch(script):
    """How torch's threads wait is read when torch is imported, and set when the package is."""
    source = Path(f"stages/{script}.py").read_text(encoding="utf-8")
    imports = [line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert "torch" not in imports[: imports.index("flowshot")]


def test_a_users_own_setting_stays():
    environment = {"GOMP_SPINCOUNT": "7", "PYTHONPATH": "src", "PATH": "/usr/bin"}
    command = [sys.executable, "-c", PRINT.format(first="flowshot")]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip() == "7"
