"""Prepare a dataset: `python stages/prepare.py <dataset>` writes `data/prepared/<dataset>/`."""

import argparse
from pathlib import Path

from flowshot.datasets.preparation import prepare
from flowshot.params import read_params
from flowshot.stage import stage, workers


def main() -> None:
    """Prepare the dataset that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="name of an entry of `datasets` in params.yaml")
    name = parser.parse_args().dataset
    prepare(name, read_params().dataset(name), Path("data/raw", name), Path("data/prepared", name), workers())


if __name__ == "__main__":
    stage(main)
