"""Fetch a dataset: `python stages/fetch.py DATASET` writes `data/raw/DATASET/`."""

from pathlib import Path

from flowshot.core.params import read_params
from flowshot.core.process import stage
from flowshot.sources.config import source_config
from flowshot.sources.fetch import fetch


def main(dataset: str) -> None:
    """Fetch the dataset that the command line names."""
    fetch(dataset, source_config(read_params(), dataset), Path("data/raw", dataset))


if __name__ == "__main__":
    stage(main, __doc__)
