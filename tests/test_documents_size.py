"""The documents can be read: a README of a minute, pages that are short in all, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README_LINES, WORDS = 120, 13_000


def test_the_readme_and_all_documents_are_short() -> None:
    assert len(DOCUMENTS[0].read_text(encoding="utf-8").splitlines()) <= README_LINES
    assert sum(len(path.read_text(encoding="utf-8").split()) for path in DOCUMENTS) <= WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        file, _, place = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not place or place in anchors(target), link


def test_every_document_that_the_code_names_exists() -> None:
    """In docstrings, error messages and comments."""
    places = ["src", "stages", "scripts"]
    files = [path for place in places for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".toml", ".sh")]
    for path in [*files, ROOT / "params.yaml", ROOT / "dvc.yaml", ROOT / "Makefile"]:
        for name in re.findall(r"\bdocs/[\w-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{path.relative_to(ROOT)}: {name}"


def anchors(path: Path) -> list[str]:
    """As code hosts make them of headings."""
    headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
