"""Prepare a dataset: `python stages/prepare.py <dataset>` writes `data/prepared/<dataset>/`."""

from pathlib import Path

from flowshot.datasets.preparation import prepare
from flowshot.params import read_params
from flowshot.stage import arguments, stage, workers


def main() -> None:
    """Prepare the dataset that the command line names."""
    name = arguments(__doc__, "dataset").dataset
    prepare(name, read_params().dataset(name), Path("data/raw", name), Path("data/prepared", name), workers())


if __name__ == "__main__":
    stage(main)
