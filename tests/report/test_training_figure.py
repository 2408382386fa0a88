"""The figure of training curves, from histories made here."""

from contextlib import contextmanager

import pandas as pd
from matplotlib.figure import Figure

from flowshot.core.plan import BudgetConfig, PlanConfig
from flowshot.report import plots
from flowshot.report.language import Words
from flowshot.report.project import Training
from flowshot.report.results import COLUMNS, Report

COLUMN = next(iter(plots.CURVES))


def trained(model, seed, values):
    return Training(model, seed, {}, {}, pd.DataFrame({COLUMN: values}, dtype=float))


def drawn(monkeypatch, tmp_path, *trainings):
    """The figure of these trainings, and whether there is one."""
    figure = Figure()

    @contextmanager
    def kept(*_):
        yield figure

    monkeypatch.setattr(plots, "drawn_figure", kept)
    plan = PlanConfig("plan", ("toy",), ("no_nf",), ("copies",), ("own",), (0, 1), BudgetConfig(10, 16), None)
    report = Report(plan, pd.DataFrame(columns=list(COLUMNS)), 3, 0.95, 0.1, Words(), trainings={"toy": trainings})
    return figure, plots.draw_training(tmp_path / "training", report, "toy")


def test_a_model_that_learns_nothing_has_no_place_in_the_legend(monkeypatch, tmp_path):
    figure, found = drawn(
        monkeypatch, tmp_path, trained("no_nf", 0, [2.0, 1.0]), trained("no_nf", 1, [3.0]), trained("copies", 0, [])
    )
    assert found and [text.get_text() for text in figure.legends[0].get_texts()] == ["no_nf"]
    assert len(figure.axes[0].lines) == 2


def test_trainings_without_any_value_have_no_figure(monkeypatch, tmp_path):
    figure, found = drawn(monkeypatch, tmp_path, trained("copies", 0, []))
    assert not found and not figure.axes
