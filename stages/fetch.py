"""Fetch a dataset: `python stages/fetch.py <dataset>` writes `data/raw/<dataset>/`."""

from pathlib import Path

from flowshot.datasets.fetch import fetch
from flowshot.params import read_params
from flowshot.stage import arguments, stage


def main() -> None:
    """Fetch the dataset that the command line names."""
    name = arguments(__doc__, "dataset").dataset
    fetch(name, read_params().dataset(name), Path("data/raw", name))


if __name__ == "__main__":
    stage(main)
