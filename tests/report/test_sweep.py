"""The sweep's table and figure, from results made here."""

import pandas as pd
import pytest

from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.designs import LATENT, distance_column, sweep_runs, sweep_table
from flowshot.report.language import Words
from flowshot.report.latex import latex_table
from flowshot.report.markup import markdown_table
from flowshot.report.plots import draw_rate_distortion
from flowshot.report.results import COLUMNS, Report


def plan(*autoencoders, seeds=(0, 1)):
    return PlanConfig("sweep", ("toy",), autoencoders, (), ("own", "gmm"), seeds, BudgetConfig(100, 16), None)


def report(frame, chosen):
    return Report(chosen, frame, 3, 0.95, 0.1, Words())


def results(autoencoders=("no_nf", "high_beta"), seeds=(0, 1), without=()):
    rows = []
    for i, name in enumerate(autoencoders):
        for seed in seeds:
            for k, metric in enumerate(LATENT):
                if metric not in without:
                    rows.append(("toy", name, "reconstruction", seed, metric, "none", 10.0 * (i + 1) + k + seed))
            for prior, value in (("own", 20.0), ("gmm", 15.0), ("reconstruction", 12.0)):
                rows.append(("toy", name, prior, seed, "kid", "yamnet", value / 1000))
                rows.append(("toy", name, prior, seed, "fad", "yamnet", value + i + seed))
                rows.append(("toy", name, prior, seed, "fad", "logmel", value))
    rows.append(("toy", "real", "real", 0, "fad", "yamnet", 7.0))
    return pd.DataFrame([(*row, None, None, 50, "arm") for row in rows], columns=list(COLUMNS))


def test_every_training_is_one_row_with_its_rate_its_distortion_and_its_distances():
    runs = sweep_runs(report(results(), plan("high_beta", "no_nf")), "toy")
    assert runs[["autoencoder", "seed"]].to_numpy().tolist() == [
        ["high_beta", 0], ["high_beta", 1], ["no_nf", 0], ["no_nf", 1]
    ]  # fmt: skip
    assert runs["kl"].tolist() == [20.0, 21.0, 10.0, 11.0]
    assert runs["mrstft"].tolist() == [24.0, 25.0, 14.0, 15.0]
    assert runs[distance_column("fad", "own", "yamnet")].tolist() == [21.0, 22.0, 20.0, 21.0]
    assert runs[distance_column("fad", "reconstruction", "yamnet")].tolist() == [13.0, 14.0, 12.0, 13.0]


def test_the_table_has_a_row_for_each_autoencoder_in_the_order_of_the_plan():
    table = sweep_table(report(results(), plan("no_nf", "high_beta")), "toy")
    assert [row.autoencoder for row in table.groups[0]] == ["no_nf", "high_beta"]
    titles = [column.metric.title for column in table.columns]
    assert titles[0].startswith("KL") and [title.split()[::2] for title in titles[-6:-3]] == [
        ["KID", prior] for prior in ("reconstruction", "own", "gmm")
    ]
    assert titles[-3:] == ["FAD reconstruction", "FAD own", "FAD gmm"]
    text = markdown_table(table)
    assert "10.5 ± 0.7" in text and "2 seeds" in text
    assert "no\\_nf" in latex_table(table, "sweep")


def test_one_seed_has_no_spread():
    text = markdown_table(sweep_table(report(results(seeds=(0,)), plan("no_nf", "high_beta", seeds=(0,))), "toy"))
    assert "±" not in text and "One seed" in text


def test_what_was_not_measured_has_no_column():
    table = sweep_table(report(results(without=("mrstft",)), plan("no_nf", "high_beta")), "toy")
    assert "MR-STFT" not in [column.metric.title for column in table.columns]


@pytest.mark.parametrize("missing", ["kl", "one autoencoder"])
def test_without_anything_to_compare_there_is_neither_table_nor_figure(tmp_path, missing):
    frame = results(without=("kl",)) if missing == "kl" else results(("no_nf",), (0,))
    chosen = plan("no_nf", "high_beta") if missing == "kl" else plan("no_nf", seeds=(0,))
    assert sweep_table(report(frame, chosen), "toy") is None
    assert draw_rate_distortion(tmp_path / "x", report(frame, chosen), "toy") is False
    assert not (tmp_path / "x.png").exists()


def test_the_figure_is_written_and_equal_results_give_equal_bytes(tmp_path):
    names = [f"variant_{i}" for i in range(14)]
    for file in ("a", "b"):
        assert draw_rate_distortion(tmp_path / file, report(results(names), plan(*names)), "toy")
    for ending in ("png", "pdf"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
