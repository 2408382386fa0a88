"""The list of faults fits the code; whether each is noticed, `python scripts/mutations.py` says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("mutations_script", ROOT / "scripts/mutations.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


@pytest.mark.parametrize("one", script.mutations(), ids=lambda one: one.name)
def test_each_fault_can_be_planted_and_has_its_test(one):
    assert (ROOT / "src/flowshot" / one.file).read_text(encoding="utf-8").count(one.old) == 1
    file, name = one.test.split("::")
    assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
