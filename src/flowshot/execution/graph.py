"""The stages of the plan and what each of them waits for, as DVC knows them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowshot.core.errors import FlowshotError

# `"parent" -> "child";`, or a stage alone, as DVC writes its graph.
EDGE = re.compile(r'^\s*"(?P<parent>[^"]+)"\s*(?:->\s*"(?P<child>[^"]+)")?\s*;?\s*$')
DVC = (sys.executable, "-m", "dvc")


@dataclass(frozen=True)
class StageGraph:
    """Which stages must be done before each stage starts."""

    parents: Mapping[str, frozenset[str]]

    def with_downstream(self, stages: Iterable[str]) -> set[str]:
        """`stages` and all that depends on them, directly or through others."""
        found: set[str] = set()
        fresh = set(stages)
        while fresh:
            found |= fresh
            fresh = {stage for stage, parents in self.parents.items() if parents & fresh} - found
        return found


def search_path() -> str:
    """`PATH` for stages: the folder of this Python first, because they need its environment."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def parse_graph(text: str) -> StageGraph:
    """The graph that `dvc dag --dot` prints."""
    parents: dict[str, frozenset[str]] = {}
    for found in filter(None, map(EDGE.match, text.splitlines())):
        for name in filter(None, found.groups()):
            parents.setdefault(name, frozenset())
        if found["child"]:
            parents[found["child"]] |= {found["parent"]}
    return StageGraph(parents)


def read_graph() -> StageGraph:
    """The graph of the plan in the current folder. Raises FlowshotError if DVC cannot read it."""
    return parse_graph(_dvc("dag", "--dot"))


def stale_stages() -> set[str]:
    """The stages whose inputs, parameters or outputs changed since they ran, and those that never ran."""
    return set(json.loads(_dvc("status", "--json")))


def _dvc(*arguments: str) -> str:
    result = subprocess.run([*DVC, *arguments], capture_output=True, text=True)
    if result.returncode:
        said = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["no reason given"]
        raise FlowshotError(f"dvc {' '.join(arguments)}: {said[0].removeprefix('ERROR: ')}")
    return result.stdout
