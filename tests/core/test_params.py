"""Every mistake in params.yaml is one line that names the key and the remedy."""

import copy
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from defaults import COMMITTED, ROOT
from flowshot.cli.check import check_params
from flowshot.core.errors import FlowshotError
from flowshot.core.params import SECTIONS, Params, merge, parse_params, project_params, read_params
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.training.job import training_config

VALID = copy.deepcopy(dict(COMMITTED.values))
VALID["datasets"]["mine"] = VALID["clips"] | {"source": "folder", "path": "sounds"}
MISSING = object()


def changed(place, value):
    """`VALID` with `value` at a dotted place; MISSING removes what is there."""
    raw = copy.deepcopy(VALID)
    node, *parts = raw, *place.split(".")
    for part in parts[:-1]:
        node = node[part]
    if value is MISSING:
        del node[parts[-1]]
    else:
        node[parts[-1]] = value
    return raw


@pytest.fixture
def write(tmp_path):
    def write_yaml(content):
        path = tmp_path / "params.yaml"
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            YAML(typ="safe").dump(content, path)
        return path

    return write_yaml


def error_of(path):
    with pytest.raises(FlowshotError) as caught:
        check_params(read_params(path))
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def test_entries_are_the_shared_values_with_their_differences(write):
    raw = changed("autoencoders.high_beta", {"train": {"beta": 1.0, "loss": {"energy": 3.0}}})
    params = read_params(write(raw))
    shared = read_autoencoder(params, "no_nf").config
    assert read_autoencoder(params, "nf_prior").config != shared
    high = read_autoencoder(params, "high_beta")
    training = training_config(params, "autoencoders", high)
    assert high.config == shared
    assert (training.beta, training.loss.energy) == (1.0, 3.0), "differences apply within nested sections"
    assert training.learning_rate == VALID["train"]["learning_rate"]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        # Unknown keys, with what was meant.
        ("trian", {}, "unknown key 'trian'; did you mean 'train'?"),
        ("plan.seed", [0], "plan: unknown key 'seed'; did you mean 'seeds'?"),
        ("plan.budget.step", 3, "plan: unknown key 'budget.step'; did you mean 'steps'?"),
        ("datasets.mine.samplerate", 8000, "datasets.mine: unknown key 'samplerate'; did you mean 'sample_rate'?"),
        ("autoencoder.latent", 8, r"autoencoders.\w+: unknown key 'latent'; did you mean 'latent_size'?"),
        ("autoencoders.no_nf.betaa", 1, "autoencoders.no_nf: unknown key 'betaa'; known are: .*latent_size"),
        ("autoencoders.no_nf.train", {"betta": 1}, "autoencoders.no_nf.train: unknown key 'betta'; did you mean"),
        ("fit_prior.vae", {}, "there is no prior 'vae'; use one of: .*gmm"),
        ("fit_prior.nf.kinds", "nsf", "fit_prior.nf: unknown key 'kinds'; did you mean 'kind'?"),
        ("fit_prior.own.steps", 3, "fit_prior.own: unknown key 'steps'; known are: none"),
        # Wrong types.
        ("train.beta", "high", r"autoencoders.\w+.train.beta: input should be a valid number.*found 'high'"),
        ("train.log_every", 2.5, r"autoencoders.\w+.train.log_every: .*found 2.5"),
        ("plan.seeds", 0, "plan.seeds: .*found 0"),
        ("plan.seeds", ["first"], "plan.seeds.0: .*found 'first'"),
        ("plan.datasets", "synth", "plan.datasets: .*found 'synth'"),
        ("autoencoders.nf_prior.prior_flow", "glow", "autoencoders.nf_prior.prior_flow: .*'nsf'.*found 'glow'"),
        ("datasets.mine.source", "freesound", "datasets.mine.source: .*'fx'.*found 'freesound'"),
        # Out of their limits.
        ("train.beta", -1.0, r"autoencoders.\w+.train: beta must not be negative"),
        ("train.beta", float("nan"), r"autoencoders.\w+.train.beta: .*finite"),
        ("autoencoders.no_nf.latent_size", 0, "autoencoders.no_nf: latent_size must be at least 2"),
        ("datasets.mine.clip_seconds", 0.0, "datasets.mine: clip_seconds must lie between 0 and 60"),
        ("datasets.mine.exclude", "(", "datasets.mine: exclude is not a regular expression"),
        ("datasets.mine.path", None, "datasets.mine: `path` belongs to source `folder`"),
        ("plan.seeds", [], "plan: seeds must name at least one"),
        ("plan.seeds", [1, 1], "plan: seeds names one twice"),
        ("plan.budget.steps", 0, "plan.budget: steps and batch_size must be above 0"),
        ("fit_prior.nf.steps", -1, "fit_prior.nf: steps must be above 0, found -1"),
        ("score.confidence", 1.0, "score: confidence must lie between 0 and 1"),
        ("report.digits", 0, "report: digits must lie between 1 and 10"),
        # What a plan names has to be there.
        ("plan.datasets", ["drums"], "datasets: 'drums' is not defined; add it under `datasets`.*synth"),
        ("plan.autoencoders", ["gan"], "autoencoders: 'gan' is not defined; add it under `autoencoders`.*no_nf"),
        ("plan.generators", ["gan"], "generators: 'gan' is not defined; add it under `generators`.*copies"),
        ("plan.priors", ["vae"], "fit_prior: 'vae' is not defined.*gmm"),
        ("plan.generators", ["no_nf"], "plan: no_nf cannot be both an autoencoder and a generator"),
        ("generators.mine", {"kind": "gan"}, "generators.mine.kind: found 'gan'; use one of: crash"),
        # Missing.
        ("plan", MISSING, "plan: is missing; add it"),
        ("plan", "quick", "plan: expected the values of a plan; `flowshot plan quick` writes them"),
        ("plans", {"mine": {"budget": "quick"}}, r"plans.mine.datasets: is missing; add it"),
        ("plans", {"mine": {"budget": "eternal"}}, "budgets: 'eternal' is not defined; add it under `budgets`.*quick"),
        ("plan.budget", MISSING, "plan.budget: is missing; add it"),
        ("datasets.mine.source", MISSING, "datasets.mine.source: is missing; add it"),
        ("sample", MISSING, "sample: is missing; add it"),
        ("train.beta", MISSING, r"autoencoders.\w+.train.beta: is missing; add it"),
        # No mapping where one has to be.
        ("datasets", ["synth"], "datasets must be a mapping"),
        ("train", 5, "train must be a mapping, found 5"),
        ("train", ["beta"], r"train must be a mapping, found \['beta'\]"),
        ("autoencoder", [1], r"autoencoder must be a mapping, found \[1\]"),
        ("autoencoders.no_nf", ["nsf"], "autoencoders.no_nf must be a mapping"),
        ("autoencoders.no_nf.train", 5, "autoencoders.no_nf.train must be a mapping"),
        # Names become folders and parts of the names of stages.
        ("plan.name", "../up", "plan: name.*letters, digits"),
        ("datasets", {"a/b": {"source": "synth"}}, "datasets: .*'a/b'.*letters, digits"),
        ("autoencoders.real", {}, "autoencoders.real: this name is reserved"),
        ("datasets", {808: {"source": "synth"}}, "datasets: 808.*quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_place(write, place, value, expected):
    message = error_of(write(changed(place, value)))
    assert re.search(f"^{expected}", message), message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plan: [", "not valid YAML"),
        ("plan: *quick", "not valid YAML.*; `flowshot plan NAME` chooses a plan"),
        ("\tplan: 1", "not valid YAML"),
        ("train: {beta: 1}\ntrain: {beta: 2}", "not valid YAML.*duplicate key"),
        ("!!python/object:os.system {}", "not valid YAML"),
        ("", "expected sections"),
        ("- plan", "expected sections"),
    ],
)
def test_a_file_that_holds_no_sections_is_one_line(write, text, expected):
    assert re.match(expected, error_of(write(text)))


def test_a_missing_or_unreadable_file_is_one_line(tmp_path):
    assert error_of(tmp_path / "params.yaml") == "not found; run this in the folder that holds params.yaml"
    assert error_of(tmp_path).startswith("cannot be read")
    (tmp_path / "latin").write_bytes("plän: 1".encode("latin-1"))
    assert error_of(tmp_path / "latin").startswith("cannot be read")


@pytest.mark.parametrize("number", ["1e-05", "1e-4", "0.00001", "1E-5"])
def test_numbers_are_read_as_dvc_reads_them(write, number):
    """YAML 1.1 takes 1e-05, which DVC writes, for text."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text, count = re.subn(r"(?m)^  learning_rate: \S+", f"  learning_rate: {number}", text)
    assert count == 1
    params = read_params(write(text))
    config = training_config(params, "autoencoders", read_autoencoder(params, "no_nf"))
    assert config.learning_rate == float(number)


def test_merging_replaces_lists_and_values_and_keeps_the_rest():
    base = {"a": [1, 2], "b": {"c": 1, "d": 2}}
    assert merge(base, {"a": [3], "b": {"c": {"e": 4}}}) == {"a": [3], "b": {"c": {"e": 4}, "d": 2}}
    assert base == {"a": [1, 2], "b": {"c": 1, "d": 2}}


def test_outside_of_a_project_its_own_values_are_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert project_params().values == COMMITTED.values


def places(node, prefix=()):
    """Every place of a nested mapping or list, as a tuple of keys."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*prefix, key)
        yield from places(value, (*prefix, key))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc/. \n", max_size=4)
    | st.sampled_from([0, 1, -1, 0.5, 1e9, 10**400, "", "synth", "nsf", "own"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["train", "beta", "x"]), inner),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_anywhere_gives_parameters_or_one_line(tmp_path, data):
    raw = copy.deepcopy(VALID)
    *parents, last = data.draw(st.sampled_from(sorted(places(raw), key=repr)))
    node = raw
    for part in parents:
        node = node[part]
    node[last] = data.draw(ANYTHING)
    path = tmp_path / "params.yaml"
    try:
        check_params(Params(path, raw))
    except FlowshotError as error:
        assert "\n" not in str(error) and str(path) in str(error)


def test_the_committed_file_is_valid():
    check_params(COMMITTED)


def test_the_arms_of_the_committed_file_differ_in_their_flows_alone():
    names = ("no_nf", "nf_posterior", "nf_prior", "nf_both")
    arms = {name: dict(vars(read_autoencoder(COMMITTED, name).config)) for name in names}
    flows = {name: (arm.pop("posterior_flow"), arm.pop("prior_flow")) for name, arm in arms.items()}
    assert all(arm == arms["no_nf"] for arm in arms.values())
    assert [[flow != "none" for flow in pair] for pair in flows.values()] == [
        [False, False], [True, False], [False, True], [True, True],
    ]  # fmt: skip


@pytest.mark.parametrize("section", sorted(SECTIONS - {"plan"}))
@pytest.mark.parametrize("value", ["5", "text", "[1]", "[]", "0", "false"])
def test_a_section_that_is_no_mapping_is_one_line(tmp_path, section, value):
    with pytest.raises(FlowshotError, match=rf"params.yaml: {section} must be a mapping( of names to entries)?, found"):
        parse_params(f"{section}: {value}\n", tmp_path / "params.yaml")
