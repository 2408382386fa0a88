"""Prepare a dataset: `python stages/prepare.py DATASET` writes `data/prepared/DATASET/`."""

from pathlib import Path

from flowshot.clips.prepared import PREPARED
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage, workers
from flowshot.preparation.config import dataset_config
from flowshot.preparation.preparation import prepare


def main() -> None:
    """Prepare the dataset that the command line names."""
    name = arguments(__doc__, "dataset").dataset
    prepare(name, dataset_config(read_params(), name), Path("data/raw", name), PREPARED / name, workers())


if __name__ == "__main__":
    stage(main)
