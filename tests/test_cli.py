"""What all sub-commands have in common."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowshot.cli import COMMANDS, main
from flowshot.datasets import preparation

NAMES = [command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS]


def run(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "flowshot.cli", *arguments], capture_output=True, text=True, **options)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_sub_command_says_what_it_does_and_gives_examples(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"examples:\n  flowshot {name}" in text and "--json" in text


def test_help_lists_every_sub_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n    {name}" in text for name in NAMES)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["audit"],
        ["audit", "DIR", "--seconds", "0"],
        ["audit", "DIR", "--seconds", "nan"],
        ["audit", "DIR", "--sample-rate", "8"],
        ["audit", "DIR", "--silence-db", "3"],
        ["sample", "a/b", "--out", "x"],
        ["sample", "a/../b", "--out", "x"],
        ["sample", "a/b/c"],
        ["sample", "a/b/c", "--out", "x", "--n", "0"],
        ["score", "--reference", "DIR"],
        ["score", "--reference", "DIR", "--candidate", "DIR", "--seconds", "-1"],
        ["diagnose"],
        ["report", "more"],
    ],
)
def test_wrong_use_exits_with_2_and_prints_nothing_on_standard_output(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    out, err = capsys.readouterr()
    assert stop.value.code == 2 and out == ""
    assert "usage: flowshot" in err and "error: " in err.splitlines()[-1]


def test_outside_of_a_project_one_line_says_so(tmp_path):
    result = run("check", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: params.yaml: not found; run this in the folder that holds params.yaml\n"


def test_help_and_check_do_not_wait_for_heavy_libraries():
    heavy = ("torch", "numpy", "scipy", "pandas", "mlflow")
    code = (
        "import sys\nfrom flowshot.cli import main\nassert main(['check', '--json']) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert result.stderr == "[]\n"
    assert json.loads(result.stdout)["plan"]


def test_a_reader_that_closes_early_is_met_with_no_traceback(tmp_path):
    for index in range(2000):
        (tmp_path / f"a long name of a file that is no audio {index}.txt").touch()
    command = [sys.executable, "-m", "flowshot.cli", "audit", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1 and err == b""


def test_a_name_the_terminal_cannot_show_is_escaped(tmp_path):
    (tmp_path / "caf\u00e9\nkick.txt").touch()
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.txt", os.O_CREAT))
    for options in ({}, {"PYTHONIOENCODING": "ascii"}):
        result = run("audit", str(tmp_path), env={**os.environ, **options})
        assert result.returncode == 0, result.stderr
        lines = result.stdout.splitlines()
        assert any("\\nkick.txt" in line for line in lines) and any("\\udcff.txt" in line for line in lines)
    rows = json.loads(run("audit", str(tmp_path), "--json").stdout)["rows"]
    assert {row["source"] for row in rows} == {"caf\u00e9\nkick.txt", "\udcff.txt"}


def test_what_a_library_prints_does_not_mix_with_the_object(tmp_path, monkeypatch, capsys):
    audit_folder = preparation.audit_folder

    def talkative(*arguments):
        print("a library's opinion")
        return audit_folder(*arguments)

    monkeypatch.setattr(preparation, "audit_folder", talkative)
    assert main(["audit", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["files"] == 0 and "opinion" in err
