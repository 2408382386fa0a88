"""Which files of `src/flowshot` a file imports, directly or not, read from the source without running it."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


def imported_modules(path, *, lazily=True):
    """Names of all modules that `path` imports; without `lazily` only those outside of functions.

    What is imported for type checking alone counts for nothing.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    names = set()
    for node in ast.walk(tree) if lazily else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def source_file(module):
    """The file of a module of flowshot, or None: packages themselves hold no code."""
    path = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
    return path if module.startswith("flowshot.") and path.is_file() else None


def import_closure(*paths):
    """All files of flowshot that `paths` need, themselves among them where they are of flowshot."""
    found, waiting = set(), list(paths)
    while waiting:
        path = waiting.pop()
        if path.is_relative_to(SOURCE):
            found.add(path)
        files = {source_file(module) for module in imported_modules(path)} - {None}
        waiting += [file for file in files - found if file not in waiting]
    return found
