"""Stages side by side, with processes that the test makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowshot.execution.graph import StageGraph, parse_graph
from flowshot.execution.local import cores_of
from flowshot.execution.schedule import Schedule, run_schedule

DOT = """
strict digraph {
"fetch@a";
"prepare@a";
"train@a-no_nf-0";
"report";
"fetch@a" -> "prepare@a";
"prepare@a" -> "train@a-no_nf-0";
"train@a-no_nf-0" -> "report";
}
"""


class Countdown:
    """A process that ends after some polls."""

    def __init__(self, polls, status=0):
        self.polls, self.status = polls, status

    def poll(self):
        self.polls -= 1
        return None if self.polls >= 0 else self.status


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("flowshot.execution.schedule.POLL_SECONDS", 0.0)


def test_the_graph_of_dvc_is_read():
    graph = parse_graph(DOT)
    assert set(graph.parents) == {"fetch@a", "prepare@a", "train@a-no_nf-0", "report"}
    assert graph.parents["train@a-no_nf-0"] == {"prepare@a"}
    assert graph.with_downstream({"prepare@a"}) == {"prepare@a", "train@a-no_nf-0", "report"}


@st.composite
def graphs(draw):
    names = [f"stage{number}" for number in range(draw(st.integers(1, 12)))]
    return StageGraph({
        name: frozenset(draw(st.sets(st.sampled_from(names[:place]), max_size=3)) if place else ())
        for place, name in enumerate(names)
    })  # fmt: skip


@given(graph=graphs(), slots=st.integers(1, 4), data=st.data())
def test_every_stage_runs_once_after_its_parents_in_a_slot_of_its_own(graph, slots, data):
    schedule, order, busy = Schedule(graph, graph.parents), [], {}

    def start(stage, slot):
        assert all(schedule.states[parent] == "done" for parent in graph.parents[stage])
        assert schedule.states.get(busy.get(slot)) != "running"
        busy[slot] = stage
        order.append(stage)
        return Countdown(data.draw(st.integers(0, 3)))

    assert run_schedule(schedule, slots, start) == []
    assert sorted(order) == sorted(graph.parents)
    assert set(schedule.states.values()) == {"done"}
    assert set(busy) <= set(range(slots))


@given(graph=graphs(), data=st.data())
def test_a_failure_stops_what_depends_on_it_and_nothing_else(graph, data):
    broken = data.draw(st.sampled_from(sorted(graph.parents)))
    schedule = Schedule(graph, graph.parents)
    run_schedule(schedule, 2, lambda stage, slot: Countdown(1, status=int(stage == broken)))
    assert schedule.named("failed") == [broken]
    assert set(schedule.named("skipped")) == graph.with_downstream({broken}) - {broken}
    assert set(schedule.named("done")) == set(graph.parents) - graph.with_downstream({broken})


def test_only_the_stages_asked_for_run_and_the_others_count_as_done():
    graph, ran = parse_graph(DOT), []
    run_schedule(
        Schedule(graph, {"train@a-no_nf-0", "report"}), 2, lambda stage, slot: ran.append(stage) or Countdown(0)
    )
    assert ran == ["train@a-no_nf-0", "report"]


def test_after_a_request_to_stop_nothing_starts_and_what_runs_is_handed_back():
    graph, process = parse_graph(DOT), Countdown(100)
    schedule = Schedule(graph, graph.parents)
    left = run_schedule(
        schedule, 2, lambda stage, slot: process, stop_requested=lambda: bool(schedule.named("running"))
    )
    assert left == [process]
    assert schedule.named("running") == ["fetch@a"]
    assert len(schedule.named("waiting")) == 3


def test_a_stage_is_alone_while_nothing_else_runs_or_could_run():
    arms = {"train a": frozenset({"prepare"}), "train b": frozenset({"prepare"})}
    graph = StageGraph({"prepare": frozenset(), **arms, "report": frozenset(arms)})
    schedule = Schedule(graph, graph.parents)
    assert schedule.alone("prepare")
    schedule.finish("prepare", succeeded=True)
    assert not schedule.alone("train a")
    schedule.start("train a")
    schedule.finish("train b", succeeded=True)
    assert schedule.alone("train a")
    assert not schedule.alone("report"), "a training still runs"
    schedule.finish("train a", succeeded=True)
    assert schedule.alone("report")


@given(slots=st.integers(1, 9), cores=st.sets(st.integers(0, 63), min_size=1, max_size=16))
def test_slots_share_out_all_cores(slots, cores):
    shares = [cores_of(slot, slots, cores) for slot in range(slots)]
    assert all(shares)
    assert set().union(*shares) <= cores
    if slots <= len(cores):
        assert set().union(*shares) == cores
        assert sum(map(len, shares)) == len(cores)
