"""The table of a factorial, from results made here."""

import pandas as pd
import pytest

from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report.designs import factorial_table
from flowshot.report.language import Words
from flowshot.report.markup import markdown_table
from flowshot.report.results import COLUMNS, Report


def plan(autoencoders=("no_nf", "rave"), priors=("own", "gmm"), generators=()):
    return PlanConfig("factorial", ("toy",), autoencoders, generators, priors, (0, 1), BudgetConfig(100, 16), None)


def report(frame, chosen=None):
    return Report(chosen or plan(), frame, 3, 0.95, 0.1, Words())


def results():
    rows = []
    for i, autoencoder in enumerate(("no_nf", "rave", "of another plan")):
        for k, prior in enumerate(("own", "gmm", "reconstruction")):
            for seed in (0, 1):
                value = 10.0 + 4 * i - 2 * k + seed
                rows.append(("toy", autoencoder, prior, seed, "fad", "yamnet", value))
                rows.append(("toy", autoencoder, prior, seed, "fad", "logmel", 100.0))
                rows.append(("toy", autoencoder, prior, seed, "kid", "yamnet", value / 1000))
                rows.append(("toy", autoencoder, prior, seed, "prior_nats", "none", 70.0))
    return pd.DataFrame([(*row, None, None, 50, "arm") for row in rows], columns=list(COLUMNS))


@pytest.mark.parametrize(
    ("chosen", "dataset"),
    [(plan(priors=("own",)), "toy"), (plan(autoencoders=("no_nf",)), "toy"), (plan(), "elsewhere")],
)
def test_what_is_no_factorial_has_no_table(chosen, dataset):
    assert factorial_table(report(results(), chosen), dataset) is None


def test_the_table_has_a_row_for_each_autoencoder_and_a_column_for_each_prior_and_metric():
    frame = results()
    frame.loc[(frame["metric"] == "prior_nats") & (frame["prior"] == "gmm"), "value"] = 65.0
    table = factorial_table(report(frame), "toy")
    assert [row.autoencoder for row in table.groups[0]] == ["no_nf", "rave"]
    titles = [column.metric.title for column in table.columns]
    assert titles[2:4] == ["FAD own", "FAD gmm"] and titles[-1] == "prior NLL (nats) gmm" and len(titles) == 6
    _, _, fad_of_own, fad_of_gmm, nats_of_own, nats_of_gmm = table.groups[0][1].cells
    assert (fad_of_own.value, fad_of_gmm.value, fad_of_gmm.spread) == (14.5, 12.5, pytest.approx(0.5**0.5))
    assert fad_of_gmm.best and nats_of_gmm.best and not fad_of_own.best and not nats_of_own.best
    assert "2 seeds" in markdown_table(table)
