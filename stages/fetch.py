"""Fetch a dataset: `python stages/fetch.py <dataset>` writes `data/raw/<dataset>/`."""

import argparse
from pathlib import Path

from flowshot.datasets.fetch import fetch
from flowshot.params import read_params
from flowshot.stage import stage


def main() -> None:
    """Fetch the dataset that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="name of an entry of `datasets` in params.yaml")
    name = parser.parse_args().dataset
    fetch(name, read_params().dataset(name), Path("data/raw", name))


if __name__ == "__main__":
    stage(main)
