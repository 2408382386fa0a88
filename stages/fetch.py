"""Fetch a dataset: `python stages/fetch.py DATASET` writes `data/raw/DATASET/`."""

from pathlib import Path

from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.sources.config import source_config
from flowshot.sources.fetch import fetch


def main() -> None:
    """Fetch the dataset that the command line names."""
    name = arguments(__doc__, "dataset").dataset
    fetch(name, source_config(read_params(), name), Path("data/raw", name))


if __name__ == "__main__":
    stage(main)
