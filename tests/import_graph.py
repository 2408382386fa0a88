"""Which files of `src/flowshot` a file imports, directly or not, read from the source without running it."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"


def imported_modules(path: Path, *, lazily: bool = True) -> set[str]:
    """Names of all modules that `path` imports; without `lazily` only those outside of functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazily else tree.body
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def source_file(module: str) -> Path | None:
    """The file of a module of flowshot, or None: packages themselves are empty and count for nothing."""
    path = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
    return path if module.startswith("flowshot.") and path.is_file() else None


def import_closure(path: Path) -> set[str]:
    """All files of flowshot that `path` needs, relative to the repository."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        files = {source_file(module) for module in imported_modules(waiting.pop())}
        new = {file for file in files if file is not None} - found
        found |= new
        waiting += new
    return {file.relative_to(ROOT).as_posix() for file in found}
