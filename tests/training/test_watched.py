"""What a person sees of a training that resumes."""

from types import SimpleNamespace

from flowshot.training.run import ModelName, Watched


def watched(folder):
    return Watched(folder, ModelName("mine", "no_nf", 0), 100, SimpleNamespace(kind=None), None)


def steps(folder):
    return [line.split(",")[0] for line in (folder / "history.csv").read_text().splitlines()]


def test_a_training_that_resumes_leaves_the_history_whole_and_one_that_ends_writes_all_of_it(tmp_path):
    with watched(tmp_path) as bar:
        for step in (10, 20, 30):
            bar.show({"step": step})
    assert steps(tmp_path) == ["step", "10", "20", "30"]
    with watched(tmp_path) as bar:
        bar.show({"step": 10})
        assert steps(tmp_path) == ["step", "10", "20", "30"]
        for step in (20, 30, 40):
            bar.show({"step": step})
    assert steps(tmp_path) == ["step", "10", "20", "30", "40"]
