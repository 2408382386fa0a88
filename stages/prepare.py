"""Prepare a dataset: `python stages/prepare.py DATASET` writes `data/prepared/DATASET/`."""

from pathlib import Path

from flowshot.clips.prepared import PREPARED
from flowshot.core.params import read_params
from flowshot.core.process import stage, workers
from flowshot.preparation.config import dataset_config
from flowshot.preparation.preparation import prepare


def main(dataset: str) -> None:
    """Prepare the dataset that the command line names."""
    prepare(dataset, dataset_config(read_params(), dataset), Path("data/raw", dataset), PREPARED / dataset, workers())


if __name__ == "__main__":
    stage(main, __doc__)
