"""What names a piece of work, so that nothing else goes on from it."""

import sys
from types import ModuleType

from flowshot.core.provenance import work_digest


def test_work_is_named_by_its_parameters_its_data_and_its_code(tmp_path, monkeypatch):
    data, code = tmp_path / "manifest.csv", tmp_path / "part.py"
    data.write_text("clip\n0\n")
    code.write_text("STEPS = 1\n")
    module = ModuleType("flowshot.part")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, "flowshot.part", module)
    first = work_digest({"beta": 0.1}, data)
    assert work_digest({"beta": 0.1}, data) == first
    digests = {first, work_digest({"beta": 0.2}, data)}
    data.write_text("clip\n1\n")
    digests.add(work_digest({"beta": 0.1}, data))
    code.write_text("STEPS = 2\n")
    digests.add(work_digest({"beta": 0.1}, data))
    assert len(digests) == 4
