"""The benchmarks' numbers are kept and shown as they were measured; tiny runs show that the peers' code fits."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(SCRIPTS))
    import bench

    yield bench
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def root(bench, tmp_path):
    (tmp_path / "reports").mkdir()
    return tmp_path


def known(bench, **numbers):
    catalogue = sys.modules["benchmarks.catalogue"]
    wanted = {"speed": catalogue.Wanted(2), "cost": catalogue.Wanted(1.05, at_least=False)}
    return {
        name: catalogue.Benchmark(lambda found=found: found, f"What {name} is.", wanted)
        for name, found in numbers.items()
    }


def kept(root):
    return json.loads((root / "reports/benchmarks.json").read_text())


def test_numbers_of_others_stay_and_what_is_not_known_goes(bench, root):
    (root / "reports/benchmarks.json").write_text(json.dumps({"decoding_times_real_time": 284.5}))
    both = known(bench, first={"speed": 3.0}, second={"cost": 1.0})
    bench.measure(root, both, both)
    again = known(bench, first={"speed": 4.0}, second={"cost": 9.0})
    bench.measure(root, {"first": again["first"]}, again)
    assert list(kept(root)) == ["first", "second"]
    assert kept(root)["first"]["numbers"] == {"speed": 4.0} and kept(root)["second"]["numbers"] == {"cost": 1.0}
    assert "core" in kept(root)["first"]["machine"]


def test_what_cannot_be_measured_here_leaves_the_earlier_numbers(bench, root):
    former = known(bench, gpu={"speed": 3.0})
    bench.measure(root, former, former)
    now = known(bench, gpu={})
    bench.measure(root, now, now)
    assert kept(root)["gpu"]["numbers"] == {"speed": 3.0}


def test_the_table_says_what_is_asked_for_and_what_is_not_met(bench, root):
    all_known = known(
        bench,
        good={"speed": 2.0, "cost": 1.05},
        bad={"speed": 1.994, "cost": 1.2},
        odd={"speed": "not installed", "n": 12345.0},
    )
    bench.measure(root, all_known, all_known)
    page = (root / "reports/benchmarks.md").read_text()
    assert "| speed | 2 | at least 2 |" in page and "| cost | 1.05 | at most 1.05 |" in page
    assert "| speed | 1.99 | at least 2: **not met** |" in page and "| cost | 1.2 | at most 1.05: **not met** |" in page
    assert "| speed | not installed | at least 2: **not met** |" in page and "| n | 12,345 |  |" in page
    assert "What good is. Measured on: " in page


def test_an_unknown_name_is_wrong_use(bench, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.py", "nothing"])
    with pytest.raises(SystemExit) as caught:
        bench.main()
    assert caught.value.code == 2 and "no benchmark 'nothing'" in capsys.readouterr().err


def test_the_median_of_ratios_leaves_out_what_came_between(bench):
    assert sys.modules["benchmarks.measuring"].median_ratio([(2.0, 1.0), (2.0, 1.0), (9.0, 1.0)]) == 2.0


def test_a_peer_takes_turns_with_the_training(bench):
    measuring = sys.modules["benchmarks.measuring"]
    calls = []
    clips = measuring.decaying_noise(2)
    pairs = measuring.training_in_turns(lambda: calls.append(0), clips, measuring.unvalidated(), group=1, rounds=2)
    assert len(pairs) == 2 and len(calls) == 3  # the first to warm up
    assert all(ours > 0 and theirs >= 0 for ours, theirs in pairs)


def test_small_runs_give_positive_numbers(bench):
    catalogue = sys.modules["benchmarks.catalogue"]
    found = [
        catalogue.sampling.decoding(count=1),
        catalogue.watching.checkpoint_share(),
        catalogue.scoring.frechet(dimensions=(8,), count=20),
        catalogue.scoring.embedding(count=2),
    ]
    values = [value for numbers in found for value in numbers.values() if not isinstance(value, str)]
    assert values and all(value > 0 for value in values)


def test_the_step_that_a_gpu_is_measured_with_runs_without_one_too(bench):
    import torch

    sys.modules["benchmarks.catalogue"].gpu.gpu_step(torch.device("cpu"), batch_size=1)()


@pytest.mark.skipif(importlib.util.find_spec("rave") is None, reason="acids-rave is an extra")
def test_raves_own_step_learns(bench):
    import torch

    training = sys.modules["benchmarks.training"]
    from flowshot.models.autoencoders.rave.model import RaveAutoencoder, RaveConfig, rave_configuration

    model = RaveAutoencoder(RaveConfig("v2_small", 4, 4, (4, 4, 4, 2), 0.75, 32768), 16000, 16000)
    before = {name: value.clone() for name, value in model.rave.named_parameters()}
    step = training.rave_step(model, torch.rand(1, 16000))
    with rave_configuration(model.config, 16000, phase_1_steps=10**9):
        step()
    changed = {name.partition(".")[0] for name, value in model.rave.named_parameters() if (value != before[name]).any()}
    assert changed == {"encoder", "decoder"}  # of the first phase; the discriminators wait
