"""Prepare a dataset: `python stages/prepare.py <dataset>` writes `data/prepared/<dataset>/`."""

from pathlib import Path

from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, workers
from flowshot.preparation.config import dataset_config
from flowshot.preparation.preparation import prepare


def main() -> None:
    """Prepare the dataset that the command line names."""
    name = arguments(__doc__, "dataset").dataset
    config = dataset_config(read_params(), name)
    prepare(name, config, Path("data/raw", name), Path("data/prepared", name), workers())


if __name__ == "__main__":
    stage(main)
