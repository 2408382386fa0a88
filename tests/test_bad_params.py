"""Whatever a file of parameters holds, it gives parameters or one line."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.fuzzing import damaged, fuzz
from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params, read_params

VALID = b"""
budgets:
  short: &short { steps: 5, batch_size: 2 }
plans:
  tiny: &tiny
    name: tiny
    datasets: [synth]
    autoencoders: [no_nf, nf_prior]
    priors: [own, nf]
    seeds: [0, 1]
    budget: *short
plan: *tiny
clips: &clips { sample_rate: 8000, clip_seconds: 1.0, split: { train: 0.8, valid: 0.1, test: 0.1 } }
datasets:
  synth: { <<: *clips, source: synth }
  mine: { <<: *clips, source: folder, path: sounds, exclude: "loop|[0-9]+bpm" }
autoencoder: { latent_size: 8, channels: [4, 6], strides: [2, 2] }
autoencoders:
  no_nf: {}
  nf_prior: { prior_flow: nsf, train: { beta: 1.0, loss: { waveform: 0.5 } } }
train: { beta: 0.1, learning_rate: 0.001, loss: { energy: 3.0 } }
fit_prior: { own: {}, nf: { steps: 10 }, gmm: { components: 2 } }
sample: { batch_size: 8 }
score: { embeddings: [logmel], metrics: [fad] }
report: { digits: 2 }
"""

# What YAML has of its own: tags, anchors, merges, numbers in odd bases, dates, block scalars, and other characters.
PIECES = [
    "*clips", "*tiny", "&tiny [*tiny]", "<<: *short", "<<: [*short, *short]", "? [a]\n: b", "!!python/name:os.system",
    "!!int 'x'", "!!binary x", "!!set {a}", "!!float nan", "!!omap [a: 1]", "!!timestamp 2026-02-30", "2026-11-23",
    ".inf", "-.inf", "1e400", "0x" + "f" * 500, "1" + ":59" * 300, "9" * 5000, "1_0", "0o7", "~", "null", "yes",
    "''", "[]", "{}", "- a", "|\n  a", ">\n  a", "---", "...", "%YAML 1.1", "\t", "\n", "\r", "\x85", "\u2028",
    "\ufeff", "\U0001f600", "\ud800", '"\\ud800"', "[" * 300, "{a: " * 300, "a" * 3000, "../..", "(", "(a+)+$", "synth",
    "nsf", "-1", "0", "1e308", "[1, 2]", "{a: 1}",
]  # fmt: skip


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    """The text with some of its words replaced by other pieces."""
    words = re.split(r"(\s+|[,\[\]{}])", text)
    for place, count, piece in edits:
        words[place % len(words) : place % len(words) + count] = [piece]
    return "".join(words)


EDITS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 3), st.sampled_from(PIECES) | st.text(max_size=6)),
    min_size=1,
    max_size=4,
)


def parameters_or_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        assert isinstance(read_params(path), Params)
    except FlowshotError as error:
        assert len(str(error).splitlines()) == 1 and str(error).startswith(str(path))


@fuzz(0.7)
@given(edits=EDITS)
def test_whatever_yaml_gives_parameters_or_one_line(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = edited(VALID.decode(), edits)
    parameters_or_one_line(tmp_path / "params.yaml", text.encode("utf-8", "surrogatepass"))


@fuzz(0.3)
@given(content=damaged(st.just(VALID)) | st.binary(max_size=100))
def test_whatever_bytes_give_parameters_or_one_line(tmp_path: Path, content: bytes) -> None:
    parameters_or_one_line(tmp_path / "params.yaml", content)


def test_what_is_damaged_here_is_valid_before(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(VALID)
    assert read_params(tmp_path / "params.yaml").plan.name == "tiny"


LEVELS = range(1, 30)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in LEVELS),
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in LEVELS),
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{b: *a{i - 1}, c: *a{i - 1}}}\n" for i in LEVELS),
    ],
    ids=["lists", "merges", "mappings"],
)  # fmt: skip
def test_names_that_stand_for_more_than_memory_holds_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(FlowshotError, match="more than 100000 values once its names are replaced"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "1" + ":59" * 3000, "9" * 5000])
@pytest.mark.parametrize(
    "place", ["{}: 1", "train: {{beta: {} }}", "autoencoders: {{{}: 1}}", "autoencoders: {{a: {} }}"]
)
def test_a_number_that_python_would_not_write_is_one_line(tmp_path: Path, number: str, place: str) -> None:
    (tmp_path / "params.yaml").write_text(place.format(number))
    with pytest.raises(FlowshotError) as caught:
        read_params(tmp_path / "params.yaml")
    assert len(str(caught.value)) < 500


def test_nothing_in_a_file_of_parameters_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for text in (f"!!python/object/apply:os.mkdir ['{trap}']", f"a: !!python/object/new:os.mkdir ['{trap}']"):
        (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(FlowshotError, match="no valid YAML"):
            read_params(tmp_path / "params.yaml")
    assert not trap.exists()
