import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from flowshot.core.errors import FlowshotError
from flowshot.core.process import in_processes, stage


def run_stage(body):
    imports = "from flowshot.core.errors import FlowshotError\nfrom flowshot.core.process import stage\n"
    program = f"{imports}def main():\n    {body}\n"
    return subprocess.run([sys.executable, "-c", program + "stage(main)"], capture_output=True, text=True)


def test_a_mistake_of_the_user_is_one_line_on_standard_error_and_status_1():
    result = run_stage("raise FlowshotError('params.yaml: plan\\n  is   missing')")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: params.yaml: plan is missing\n"


def test_an_interruption_is_one_line():
    result = run_stage("raise KeyboardInterrupt")
    assert result.returncode == 1
    assert result.stderr.startswith("error: interrupted;") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "body",
    [
        "raise MemoryError",
        "import numpy; numpy.empty(2**50)",
        "import torch; torch.empty(2**50)",
        "import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')",
    ],
)
def test_too_little_memory_is_one_line_that_says_what_to_lower(body):
    result = run_stage(body)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: out of memory; lower batch_size") and result.stderr.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    result = run_stage("raise RuntimeError('ours')")
    assert result.returncode == 1 and "Traceback" in result.stderr and "ours" in result.stderr


def test_a_stage_that_ends_well_says_nothing():
    result = run_stage("pass")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_message_is_one_line_whatever_it_quotes():
    assert str(FlowshotError("a\nb\r\n\tc   d\u2028e")) == "a b c d e"


def train(dataset: str, autoencoder: str, seed: int) -> None:
    """Stands for the `main` of a stage."""
    print(repr((dataset, autoencoder, seed)))


def test_the_seed_is_a_number_and_names_are_text(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", "808", "no_nf", "3"])
    stage(train)
    assert capsys.readouterr().out == "('808', 'no_nf', 3)\n"


@pytest.mark.parametrize("words", [[], ["synth", "no_nf"], ["synth", "no_nf", "first"], ["a", "b", "1", "2"]])
def test_wrong_arguments_exit_with_status_2(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    with pytest.raises(SystemExit) as caught:
        stage(train)
    assert caught.value.code == 2
    assert "usage: train.py" in capsys.readouterr().err


def test_a_memory_mapped_file_that_is_cut_off_ends_the_stage_and_says_where(tmp_path):
    path = tmp_path / "clips.npy"
    np.save(path, np.ones((100, 4096), np.float32))
    body = f"import numpy, os; clips = numpy.load({str(path)!r}, mmap_mode='r'); os.truncate({str(path)!r}, 8192); "
    result = run_stage(body + "clips[numpy.array([3, 99])]; print('read')")
    assert result.returncode != 0 and result.stdout == ""
    assert "Bus error" in result.stderr and "in main" in result.stderr


def die_at_three(number: int) -> int:
    """Ends its process at 3, as a system without memory does."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_items_are_worked_on_in_order_and_a_killed_process_is_one_line(capfd):
    assert in_processes(die_at_three, [4, 2, 0], 2, "squares", "number") == [16, 4, 0]
    with pytest.raises(FlowshotError, match="squares: a process was killed or crashed"):
        in_processes(die_at_three, range(6), 2, "squares", "number")
