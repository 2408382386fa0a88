"""Other packages' values of the same sets; `record_reference_values.py` wrote them and says how."""

import json
from pathlib import Path

import numpy as np
import pytest
from record_reference_values import MEASURED, NEIGHBOURS, frechet_case, paired_case

from flowshot.scoring.metrics.diversity import directions, vendi_score
from flowshot.scoring.metrics.frechet import frechet_distance
from flowshot.scoring.metrics.kernel import gaussian_kernel, kernel_distance, median_distance
from flowshot.scoring.metrics.neighbours import coverage, density, distances, precision, radii, recall

VALUES = json.loads(Path(__file__).with_name("reference_values.json").read_text())


@pytest.mark.parametrize("case", range(20))
def test_the_frechet_distance_is_that_of_frechet_audio_distance(case: int) -> None:
    x, y = frechet_case(case)
    assert (len(x) < x.shape[1]) == bool(case % 2)
    assert frechet_distance(x, y) == pytest.approx(VALUES["fad"][case], rel=1e-6)


@pytest.mark.parametrize("case", range(10))
def test_kernel_distances_are_those_of_torchmetrics_and_torch_fidelity(case: int) -> None:
    x, y = paired_case(case)
    for value in VALUES["paired"][case]["kid"].values():
        assert kernel_distance(x, y).value == pytest.approx(value, rel=1e-6, abs=1e-9)
    kad = kernel_distance(x, y, kernel=gaussian_kernel(median_distance(y))).value
    assert kad == pytest.approx(VALUES["paired"][case]["kad"]["torch-fidelity"], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", range(10))
def test_precision_recall_density_and_coverage_are_those_of_prdc(case: int) -> None:
    x, y = paired_case(case)
    between, radii_x, radii_y = distances(x, y), radii(distances(x, x), NEIGHBOURS), radii(distances(y, y), NEIGHBOURS)
    found = {
        "precision": precision(between, radii_y),
        "recall": recall(between, radii_x),
        "density": density(between, distances(y, y), NEIGHBOURS),
        "coverage": coverage(between, radii_y),
    }
    assert found == pytest.approx(VALUES["paired"][case]["prdc"], rel=1e-6)


@pytest.mark.parametrize("case", range(10))
def test_the_vendi_score_is_that_of_vendi_score(case: int) -> None:
    assert vendi_score(directions(paired_case(case)[0])) == pytest.approx(VALUES["paired"][case]["vendi"], rel=1e-6)


def test_the_values_say_which_versions_they_are_from() -> None:
    assert set(VALUES["versions"]) >= set(MEASURED)
    assert np.isfinite(VALUES["fad"]).all()
