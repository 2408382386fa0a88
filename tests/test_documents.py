"""Every command of the documents runs in a tiny project, or is in a short list of those that are parsed, and why."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from flowshot.cli.main import main
from flowshot.cli.parser import make_parser
from flowshot.core import tracked

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = ("sh", "bash", "shell", "console")
OTHER = ("yaml", "latex", "python", "text", "json", "mermaid", "")  # blocks that hold no commands

# Commands that take minutes, a network or the reader's own shell, by how they begin. They are parsed, no more.
ONLY_PARSED = {
    "make ": "sets up, runs a plan or serves until Ctrl-C; that the target exists is checked",
    "source .venv/bin/activate": "changes the reader's shell",
    "dvc exp run": "trains; the pipeline tests do that",
    "dvc queue start": "trains",
    "HF_HOME=": "downloads weights",
    "flowshot score --reference DIR --candidate DIR --embedding clap": "needs weights of gigabytes",
    "flowshot listening-test --analyse": "listeners save the answers in a browser; tests/cli makes some",
    "flowshot sample synth/nf_prior/nf --label": "its dataset has no labels; tests/api draws by one",
    "flowshot sample samples/no_nf/platune": "needs a prior that the tiny project does not fit; tests/cli fits one",
    "flowshot edit": "needs the same",
    "flowshot transfer": "needs a latent with frames; tests/cli has one",
    "flowshot plan ": "changes which plan the project of these tests has; tests/cli runs it",
    "flowshot play": "fetches onnxruntime-web; tests/cli writes pages",
    "flowshot run": "runs a plan, which its own tests do",
    "squeue": "needs a cluster",
    "dvc remote add": "names a place of the reader's",
    "dvc push": "needs that place",
    "pip install": "downloads a package that only the benchmark needs",
    "PYTHONPATH=": "measures for minutes",
    "python scripts/": "trains, or draws what a finished plan made; that the script exists is checked",
}
# What readers have, and what stands for it here.
READERS = {"/path/to/my/sounds": "sounds", "data/prepared/synth": "data/prepared/mine"}
READERS |= {" synth/": " mine/", " samples/": " mine/", "/nf_both/": "/nf_prior/"}
RATE = 8000
AUTOENCODERS, GENERATORS, PRIORS = ("no_nf", "nf_prior"), ("copies", "drumgan", "crash"), ("own", "nf")


def commands(path: Path) -> list[str]:
    """The commands of a document: those of indented lines, and those of shell blocks, which may have several lines."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"(?<=\n\n)    ((?:flowshot|dvc|make|python) .*)|(?<=\n)    ((?:flowshot|dvc|make) .*)", text)
    found = ["".join(each) for each in found]
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
        assert language in (*SHELL, *OTHER), f"{path.name}: a block of {language!r}, which no one checks"
        waiting = ""
        for line in block.splitlines() if language in SHELL else ():
            waiting = f"{waiting}\n{line}" if waiting else line
            try:
                words = shlex.split(waiting, comments=True)
            except ValueError:  # a quotation that goes on
                continue
            if not waiting.endswith("\\"):
                found += [waiting] if words else []
                waiting = ""
        assert not waiting, f"{path.name}: {waiting!r} does not end"
    return found


COMMANDS = [(path.name, command) for path in DOCUMENTS for command in commands(path)]


def only_parsed(command: str) -> bool:
    return any(command.startswith(beginning) for beginning in ONLY_PARSED)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished plan of two autoencoders on 60 sounds, its stages run in this process; the current folder."""
    folder = tmp_path_factory.mktemp("project")
    write_sounds(folder / "sounds")
    for name in ("kick.wav", "snare.wav"):
        shutil.copy(folder / "sounds" / "1 tone.wav", folder / name)
    shutil.copytree(folder / "sounds", folder / "home" / "sounds")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params(), sort_keys=False))
    shutil.copy(ROOT / "dvc.yaml", folder)
    shutil.copy(ROOT / ".dvcignore", folder)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder / "home"))
        for sender in ("FOLLOWER", "DRAIN"):  # what MLflow gets costs seconds, and has tests of its own
            patch.setattr(tracked, sender, "flowshot.no_such_module")
        patch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
        run_plan(patch)
        shutil.rmtree(folder / ".flowshot/unsent", ignore_errors=True)  # `flowshot sync` would send them
        shutil.copytree(folder / "generated/mine/nf_prior/own/0/listen", folder / "exported")
        for arguments in (
            ["init", "--quiet"],
            ["add", "dvc.yaml", "params.yaml", "reports"],
            [*IDENTITY, "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *arguments], check=True)
        yield folder


IDENTITY = ["-c", "user.name=reader", "-c", "user.email=reader@example.org"]


def run_plan(patch: pytest.MonkeyPatch) -> None:
    for stage in ("fetch", "prepare", "floor"):
        run_stage(patch, stage, "mine")
    for autoencoder in AUTOENCODERS:
        for stage in ("train", "encode", "reconstruct"):
            run_stage(patch, stage, "mine", autoencoder, "0")
        for prior in PRIORS:
            run_stage(patch, "fit_prior", "mine", autoencoder, prior, "0")
            run_stage(patch, "sample", "mine", autoencoder, prior, "0")
        for prior in (*PRIORS, "reconstruction"):
            run_stage(patch, "score", "mine", autoencoder, prior, "0")
    for generator in GENERATORS:
        for stage in ("train_generator", "sample_generator"):
            run_stage(patch, stage, "mine", generator, "0")
        run_stage(patch, "score", "mine", generator, "direct", "0")
    run_stage(patch, "report")


def run_stage(patch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    patch.setattr(sys, "argv", [f"{name}.py", *arguments])
    runpy.run_path(str(ROOT / "stages" / f"{name}.py"), run_name="__main__")


def tiny_params() -> dict:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    budget = {"steps": 2, "batch_size": 4}
    axes = {"datasets": ["mine"], "autoencoders": [*AUTOENCODERS], "generators": [*GENERATORS]}
    axes |= {"priors": [*PRIORS], "seeds": [0]}
    params["plan"] = {"name": "mine", **axes, "budget": budget, "clips": 6}
    clips = params["clips"] | {"sample_rate": RATE, "clip_seconds": 0.25}
    params["datasets"]["mine"] = clips | {"source": "folder", "path": "sounds"}
    tiny = {"bands": 4, "channels": [8, 8], "strides": [4, 4], "latent_size": 4, "flow_width": 8, "flow_layers": 1}
    params["autoencoder"] |= tiny
    params["generators"]["drumgan"] |= {"fft_size": 128, "hop": 64, "latent_size": 4, "widths": [4, 4]}
    params["generators"]["crash"] |= {"channels": [4, 4, 4], "factors": [4, 5], "sampler_steps": 4}
    params["fit_prior"]["nf"] |= {"layers": 1, "width": 8, "steps": 2, "batch_size": 8}
    params["train"] |= {"validate_every": 2, "log_every": 1, "threads": 1}
    params["train"]["loss"]["fft_sizes"] = [128]
    params["score"] |= {"embeddings": ["logmel"], "folds": 3, "resamples": 10, "halves": 2}
    return params


def write_sounds(folder: Path) -> None:
    folder.mkdir()
    time = np.arange(RATE // 4) / RATE
    for index in range(60):
        tone = np.sin(2 * np.pi * (200 + 37 * index) * time) * np.exp(-time * (8 + index % 7))
        soundfile.write(folder / f"{index} tone.wav", 0.5 * tone, RATE)


@pytest.mark.parametrize(
    "command",
    [pytest.param(command, id=f"{name}: {command}") for name, command in COMMANDS if not only_parsed(command)],
)
def test_a_command_of_the_documents_runs(project: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    for theirs, ours in READERS.items():
        command = command.replace(theirs, ours)
    program, *words = shlex.split(command, comments=True)
    words = [os.path.expanduser(word) for word in words]  # noqa: PTH111 (as a shell does, not as a path)
    if "--out" in words:  # several documents write the same
        forget(project / words[words.index("--out") + 1])
    if program == "flowshot":
        assert main(words) == 0, capfd.readouterr().err
    elif program == "dvc":
        from dvc.cli import main as dvc  # imported here: it takes a second

        assert dvc(words) == 0, capfd.readouterr().err
    else:
        pytest.fail(f"no test runs {program!r}: let one, or name it in ONLY_PARSED with the reason")
    said = capfd.readouterr()
    assert "Traceback" not in said.err and "failed to load" not in said.err, said.err


def forget(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.key.json").unlink(missing_ok=True)


@pytest.mark.parametrize("command", sorted({command for _, command in COMMANDS if only_parsed(command)}))
def test_a_command_that_is_only_parsed_exists(command: str) -> None:
    check_words(shlex.split(command, comments=True))


def test_the_documents_have_commands_and_no_reason_is_left_over() -> None:
    assert len(COMMANDS) > 20 and any(name == "tutorial.md" for name, _ in COMMANDS)
    inline = [text for path in DOCUMENTS for text in inline_commands(path)]
    for beginning in ONLY_PARSED:
        assert any(text.startswith(beginning) for text in [*inline, *(one for _, one in COMMANDS)]), beginning


def inline_commands(path: Path) -> list[str]:
    """What stands between backticks and begins like a command, `flowshot audit DIR`."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = (" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text))
    return [each for each in found if re.match(r"(flowshot|dvc|make|python) [\w-]", each)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_within_sentences_name_what_exists(path: Path) -> None:
    for command in inline_commands(path):
        check_words(shlex.split(command, comments=True))


def check_words(words: list[str]) -> None:
    """Fail unless the program has the sub-command, and flowshot's its options."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        unknown = [word for word in rest if word not in targets and not re.fullmatch(r"[A-Z]+=.*", word)]
        assert not unknown, f"make {unknown}"
    elif program == "python":
        assert rest[0] == "-c" or (ROOT / rest[0]).is_file(), rest[0]
    elif program == "flowshot":
        parsers = next(
            action.choices for action in make_parser()._actions if action.dest == "command" or action.choices
        )
        if rest[0].islower() and not rest[0].startswith("-"):  # `flowshot COMMAND` is no command
            options = {option for action in parsers[rest[0]]._actions for option in action.option_strings}
            unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in options]
            assert not unknown, f"flowshot {rest[0]} {unknown}"
    elif program == "dvc":
        check_dvc(rest)
    else:
        assert program in ("source", "squeue", "pip"), f"{program!r} is new: let a test run it"


def check_dvc(words: list[str]) -> None:
    from dvc.cli.parser import get_main_parser  # imported here: it takes a second

    parser = get_main_parser()
    for word in words:
        choices = next((action.choices for action in parser._actions if isinstance(action.choices, dict)), None)
        if not choices or word.startswith("-"):
            return
        assert word in choices, f"dvc {' '.join(words)}: no {word!r}"
        parser = choices[word]
