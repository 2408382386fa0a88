"""What all sub-commands have in common."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowshot.cli import audit
from flowshot.cli.main import main
from flowshot.cli.parser import make_parser
from flowshot.cli.terminal import counted, working

NAMES = sorted(next(action.choices for action in make_parser()._actions if action.choices))


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "flowshot.cli.main", *arguments], capture_output=True, text=True, **options
    )


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
        ["sample", "a", "--out", "x"],
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


def test_alone_it_prints_the_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    out, err = capsys.readouterr()
    assert stop.value.code == 2 and out == "" and "examples:" in err and err.endswith("error: name a COMMAND\n")


def test_outside_of_a_project_one_line_says_so(tmp_path):
    result = run("check", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: params.yaml: not found; run this in the folder that holds params.yaml\n"


def test_verbose_gives_the_traceback_and_the_way_and_leaves_the_object_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--verbose"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" in err and err.splitlines()[-1].startswith("error: params.yaml: not found")
    assert main(["audit", str(tmp_path), "--json", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["files"] == 0 and "flowshot audit: took " in err
    assert main(["audit", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("arguments", "environment", "red"),
    [((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False)],
)
def test_an_error_is_red_on_a_terminal_unless_asked_otherwise(tmp_path, monkeypatch, arguments, environment, red):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {"TERM": "xterm", **environment})
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["check", *arguments]) == 1
    assert sys.stderr.getvalue().startswith("\x1b[31merror:\x1b[0m params" if red else "error: params")


def test_signs_of_life_are_for_terminals_alone(monkeypatch):
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with working("waiting"):
            pass
        assert list(counted([1, 2], "counting", "number")) == [1, 2]
        assert ("waiting" in stream.getvalue()) == ("counting" in stream.getvalue()) == shown


def test_the_tab_key_offers_sub_commands_options_and_planned_arms(tmp_path):
    """As the script of `register-python-argcomplete` asks: the line so far, and the answer in a file."""
    offered = {}
    for line in ("flowshot exp", "flowshot export --fo", "flowshot sample synth/no"):
        answer = tmp_path / "answer"
        completion = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
        asked = {**completion, "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_IFS": "\n"}
        run(cwd=Path(__file__).parents[2], env={**os.environ, **asked})
        offered[line] = answer.read_text().split("\n")
    assert "export " in offered["flowshot exp"] or "export" in offered["flowshot exp"]
    assert any(word.startswith("--format") for word in offered["flowshot export --fo"])
    assert any(word.startswith("synth/no_nf/own") for word in offered["flowshot sample synth/no"])


def test_the_help_does_not_wait_for_heavy_libraries():
    heavy = ("torch", "numpy", "scipy", "pandas", "mlflow")
    code = (
        "import sys\nfrom flowshot.cli.parser import make_parser\nmake_parser().format_help()\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "[]\n"


def test_a_reader_that_closes_early_is_met_with_no_traceback(tmp_path):
    for index in range(2000):
        (tmp_path / f"a long name of a file that is no audio {index}.txt").touch()
    command = [sys.executable, "-m", "flowshot.cli.main", "audit", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1 and err == b""


def test_a_name_the_terminal_cannot_show_is_escaped(tmp_path, capsys):
    (tmp_path / "caf\u00e9\nkick.txt").touch()
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.txt", os.O_CREAT))
    result = run("audit", str(tmp_path), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert any("\\nkick.txt" in line for line in lines) and any("\\udcff.txt" in line for line in lines)
    assert main(["audit", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["source"] for row in rows} == {"caf\u00e9\nkick.txt", "\udcff.txt"}


def test_what_a_library_prints_does_not_mix_with_the_object(tmp_path, monkeypatch, capsys):
    audit_folder = audit.audit_folder

    def talkative(*arguments):
        print("a library's opinion")
        return audit_folder(*arguments)

    monkeypatch.setattr(audit, "audit_folder", talkative)
    assert main(["audit", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["files"] == 0 and "opinion" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["listening-test", "--pairs", "-1"], "argument --pairs: must be 0 or more"),
        (["listening-test", "--pairs", "x"], "argument --pairs: invalid int value: 'x'"),
        (["sample", "a/b/c", "--n", "x"], "argument --n: invalid int value: 'x'"),
        (["sample", "a/b/c", "--temperature", "x"], "argument --temperature: invalid float value: 'x'"),
    ],
)
def test_a_wrong_number_is_named_as_what_was_expected(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err.splitlines()[-1]
