"""Plans are chosen by name, also in a file that DVC has written."""

import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from flowshot.core.params import read_params
from flowshot.core.plan import PlanConfig

COMMITTED = Path(__file__).parents[2] / "params.yaml"
NAMES = read_params(COMMITTED).names("plans")


@pytest.fixture
def committed(tmp_path, monkeypatch):
    """The committed params.yaml in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(COMMITTED, tmp_path / "params.yaml"))


def other_lines(path):
    """What a file says but for its plan."""
    return {key: value for key, value in yaml.safe_load(path.read_text()).items() if key != "plan"}


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_chosen_by_its_name_and_nothing_else_changes(committed, found, name):
    before = committed.read_text()
    assert found("plan", name)["plan"] == name
    params = read_params(committed)
    assert params.plan.name == name
    assert params.plan.datasets == tuple(params.entry("plans", name)["datasets"])
    budget = params.entry("budgets", params.entry("plans", name)["budget"])
    assert (params.plan.budget.steps, params.plan.budget.batch_size) == (budget["steps"], budget["batch_size"])
    assert other_lines(committed) == other_lines(COMMITTED)
    found("plan", "quick")
    assert committed.read_text() == before


def test_plans_can_be_chosen_after_dvc_rewrote_the_file_and_its_values_stay_where_they_were_set(committed, found):
    apply_overrides(committed, ["train.learning_rate=0.00001", "plan.seeds=[7]", "budgets.thesis.steps=3"])
    params = read_params(committed)
    assert params.section("train.learning_rate", float) == 1e-5
    assert params.plan.seeds == (7,) and params.plan.name == "quick"
    assert params.entry("plans", "quick")["seeds"] == [0], "what was set of the plan that runs is not set of another"
    for name in NAMES:
        found("plan", name)
        assert read_params(committed).plan.name == name
    found("plan", "thesis")
    assert read_params(committed).plan.budget.steps == 3


@pytest.mark.parametrize("line", ["plan: thesis", "plan: *thesis", "plan:", "plan: [1"])
def test_a_plan_that_was_written_wrongly_is_mended_by_choosing_one(committed, found, line):
    text = committed.read_text()
    start, end = text.index("plan:\n  name"), text.index("# How audio becomes clips")
    committed.write_text(f"{text[:start]}{line}\n\n{text[end:]}")
    found("plan", "thesis")
    assert read_params(committed).plan.name == "thesis"
    assert other_lines(committed) == other_lines(COMMITTED)


def test_a_name_that_is_no_plan_or_a_plan_that_is_wrong_leaves_the_file_alone(committed, fails):
    before = committed.read_text()
    assert "plans: 'sung' is not defined" in fails("plan", "sung")
    assert committed.read_text() == before
    committed.write_text(before.replace("    budget: thesis", "    budget: eternal"))
    assert "budgets: 'eternal' is not defined" in fails("plan", "thesis")
    assert read_params(committed).section("plan", PlanConfig).name == "quick"


def test_a_plan_whose_lines_are_not_all_indented_is_left_alone(committed, fails):
    before = committed.read_text().replace("\n  seeds:", "\n# a comment\n  seeds:")
    committed.write_text(before)
    assert "its section `plan` cannot be replaced" in fails("plan", "thesis")
    assert committed.read_text() == before


def test_a_plan_in_the_last_line_is_replaced_although_the_line_has_no_end(committed, found):
    text = committed.read_text()
    start, end = text.index("plan:\n  name"), text.index("# How audio becomes clips")
    committed.write_text(f"{text[:start]}{text[end:]}\nplan: quick")
    found("plan", "thesis")
    assert read_params(committed).plan.name == "thesis" and committed.read_text().count("\nplan:") == 1
