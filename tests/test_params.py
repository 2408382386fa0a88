"""Every mistake in params.yaml is one line that names the key and the remedy."""

import copy
import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowshot.core.errors import FlowshotError
from flowshot.core.params import Params, read_params
from flowshot.core.sections import to_dict
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.training.config import TrainConfig

COMMITTED = Path(__file__).resolve().parent.parent / "params.yaml"
VALID = {
    "plan": {
        "name": "tiny",
        "datasets": ["synth"],
        "autoencoders": ["no_nf", "nf_prior"],
        "priors": ["own", "nf"],
        "seeds": [0, 1],
        "budget": {"steps": 5, "batch_size": 2},
    },
    "plans": {},
    "budgets": {"short": {"steps": 5, "batch_size": 2}},
    "clips": {"sample_rate": 8000},
    "datasets": {"synth": {"source": "synth"}, "mine": {"source": "folder", "path": "sounds"}},
    "autoencoder": {"latent_size": 8, "channels": [4, 6], "strides": [2, 2]},
    "autoencoders": {
        "no_nf": {},
        "nf_prior": {"prior_flow": "nsf"},
        "high_beta": {"train": {"beta": 1.0, "loss": {"waveform": 0.5}}},
    },
    "train": {"beta": 0.1, "learning_rate": 0.001, "loss": {"energy": 3.0}},
    "fit_prior": {"own": {}, "nf": {"steps": 10}, "gmm": {"components": 2}},
    "sample": {"batch_size": 8},
    "score": {"embeddings": ["logmel"], "metrics": ["fad"]},
    "report": {"digits": 2},
}
MISSING = object()
DILATIONS = ("encoder_dilations", "decoder_dilations")


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
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write_yaml


def error_of(path):
    with pytest.raises(FlowshotError) as caught:
        read_params(path)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def test_entries_are_the_shared_values_with_their_differences(write):
    params = read_params(write(VALID))
    assert params.autoencoder("no_nf") == VAEConfig(latent_size=8, channels=(4, 6), strides=(2, 2))
    assert params.autoencoder("nf_prior") == dataclasses.replace(params.autoencoder("no_nf"), prior_flow="nsf")
    assert params.training["no_nf"].beta == 0.1
    high = params.training["high_beta"]
    assert (high.beta, high.learning_rate) == (1.0, 0.001)
    assert (high.loss.energy, high.loss.waveform) == (3.0, 0.5), "differences go into nested sections"
    assert params.dataset("mine").path == "sounds"
    assert params.plan.seeds == (0, 1)
    assert params.fit_prior.nf.steps == 10


def test_sections_that_are_left_out_have_their_defaults(write):
    raw = {"plan": VALID["plan"], "datasets": VALID["datasets"], "autoencoders": {"no_nf": None, "nf_prior": {}}}
    params = read_params(write(raw))
    assert params.autoencoder("no_nf") == VAEConfig()
    assert params.training["no_nf"] == TrainConfig()


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        # Unknown keys, with what was meant.
        ("trian", {}, "unknown key 'trian'; did you mean 'train'?"),
        ("plan.seed", [0], "plan: unknown key 'seed'; did you mean 'seeds'?"),
        ("plan.budget.step", 3, "plan: unknown key 'budget.step'; did you mean 'steps'?"),
        ("datasets.synth.samplerate", 8000, "datasets.synth: unknown key 'samplerate'; did you mean 'sample_rate'?"),
        ("autoencoder.latent", 8, "autoencoder: unknown key 'latent'; did you mean 'latent_size'?"),
        ("autoencoders.no_nf.betaa", 1, "autoencoders.no_nf: unknown key 'betaa'; known are: .*latent_size"),
        ("autoencoders.no_nf.train", {"betta": 1}, "autoencoders.no_nf.train: unknown key 'betta'; did you mean"),
        ("train.loss.wave_form", 1.0, "train: unknown key 'loss.wave_form'; did you mean 'waveform'?"),
        ("fit_prior.vae", {}, "fit_prior: unknown key 'vae'; known are: gmm, nf, own, "),
        ("fit_prior.nf.kinds", "nsf", "fit_prior: unknown key 'nf.kinds'; did you mean 'kind'?"),
        ("fit_prior.own.steps", 3, "fit_prior: unknown key 'own.steps'; it has no keys"),
        ("budgets.short.stepz", 3, "budgets.short: unknown key 'stepz'; did you mean 'steps'?"),
        # Wrong types.
        ("train.beta", "high", "train.beta: input should be a valid number.*found 'high'"),
        ("train.beta", True, "train.beta: .*found True"),
        ("train.log_every", 2.5, "train.log_every: .*found 2.5"),
        ("train.log_every", "10", "train.log_every: .*found '10'"),
        ("plan.seeds", 0, "plan.seeds: .*found 0"),
        ("plan.seeds", ["first"], "plan.seeds.0: .*found 'first'"),
        ("plan.datasets", "synth", "plan.datasets: .*found 'synth'"),
        ("plan.name", 3, "plan.name: .*found 3"),
        ("autoencoder.channels", [4, "6"], "autoencoder.channels.1: .*found '6'"),
        ("autoencoder.envelope", "yes", "autoencoder.envelope: .*found 'yes'"),
        ("autoencoder.front_end", "mel", "autoencoder.front_end: .*'pqmf' or 'strided'.*found 'mel'"),
        ("autoencoders.nf_prior.prior_flow", "glow", "autoencoders.nf_prior.prior_flow: .*'nsf'.*found 'glow'"),
        ("datasets.synth.source", "freesound", "datasets.synth.source: .*'fx'.*found 'freesound'"),
        ("datasets.synth.split", [0.8, 0.1, 0.1], r"datasets.synth.split: .*found \[0.8"),
        # Out of their limits.
        ("train.beta", -1.0, "train: beta must not be negative"),
        ("train.beta", float("nan"), "train.beta: .*finite"),
        ("train.weight_decay", -1.0, "train: weight_decay must not be negative"),
        ("train.weight_decay", float("nan"), "train.weight_decay: .*finite"),
        ("train.learning_rate", 0.0, "train: learning_rate and gradient_clip must be above 0"),
        ("train.learning_rate", float("inf"), "train.learning_rate: .*finite"),
        ("train.loss.energy", float("nan"), "train.loss.energy: .*finite"),
        ("train.adversarial", {"share": 1.5}, "train.adversarial: share must lie between 0 and 1"),
        ("train.adversarial", {"share": 1.0}, "train.adversarial: share 1 with freeze_encoder would"),
        ("train.adversarial", {"fft_sizes": []}, "train.adversarial: name at least one of fft_sizes, periods, scales"),
        ("train.adversarial", {"fft_sizes": [8]}, "train.adversarial: fft_sizes must be at least 16"),
        ("train.adversarial", {"periods": [2, 0]}, "train.adversarial: periods, scales and width must be above 0"),
        ("train.adversarial", {"feature_matching": -1.0}, "train.adversarial: weights must not be negative"),
        ("train.adversarial", {"noise": -1.0}, "train.adversarial: warmup_steps and noise must not be negative"),
        ("train.adversarial", {"learning_rate": 0.0}, "train.adversarial: learning_rate and gradient_clip"),
        ("train.adversarial", {"loss": "wasserstein"}, "train.adversarial.loss: .*'hinge'.*found 'wasserstein'"),
        ("autoencoders.no_nf.train", {"adversarial": {"shere": 1}}, "autoencoders.no_nf.train: .*did you mean 'share'"),
        ("train.augment", {"gain": 6.0}, "train: unknown key 'augment.gain'; did you mean 'gain_db'?"),
        ("train.augment", {"polarity": 0.5}, "train.augment.polarity: .*found 0.5"),
        ("train.augment", {"probability": 1.5}, "train.augment: probability must lie between 0 and 1"),
        ("train.augment", {"mix_level": 2.0}, "train.augment: mix_level must lie between 0 and 1"),
        ("train.augment", {"speed_semitones": -1.0}, "train.augment: speed_semitones must lie between 0 and 12"),
        ("train.augment", {"filter_db": 60.0}, "train.augment: filter_db must lie between 0 and 24"),
        ("train.augment", {"jitter_seconds": -0.1}, "train.augment: jitter_seconds and gain_db must not be negative"),
        ("train.average_decay", 1.0, "train: average_decay must lie between 0 and below 1"),
        ("train.patience", -1, "train: patience must not be negative"),
        ("autoencoder.latent_size", 1, "autoencoder: latent_size must be at least 2"),
        ("autoencoder.bands", 12, "autoencoder: bands must be a power of two"),
        ("autoencoder.strides", [2], "autoencoder: channels and strides must have the same length"),
        ("autoencoder.kernel_size", 4, "autoencoder: kernel_size must be odd"),
        ("autoencoder.decoder_dilations", [0], "autoencoder: dilations must be above 0"),
        ("autoencoder.encoder_dilations", [1, -1], "autoencoder: dilations must be above 0"),
        ("autoencoders.no_nf.latent_size", 0, "autoencoders.no_nf: latent_size must be at least 2"),
        ("autoencoders.high_beta.train.beta", -2.0, "autoencoders.high_beta.train: beta must not be negative"),
        ("datasets.synth.clip_seconds", 0.0, "datasets.synth: clip_seconds must lie between 0 and 60"),
        ("datasets.synth.split", {"train": 0.9}, "datasets.synth.split: train . valid . test must be 1"),
        ("datasets.synth.exclude", "(", "datasets.synth: exclude is no regular expression"),
        ("datasets.synth.path", "sounds", "datasets.synth: `path` belongs to source `folder`"),
        ("datasets.mine.path", None, "datasets.mine: `path` belongs to source `folder`"),
        ("plan.seeds", [], "plan: seeds must name at least one"),
        ("plan.seeds", [1, 1], "plan: seeds names one twice"),
        ("plan.budget.steps", 0, "plan.budget: steps and batch_size must be above 0"),
        ("fit_prior.nf.steps", -1, "fit_prior.nf: every value must be above 0"),
        ("score.confidence", 1.0, "score: confidence must lie between 0 and 1"),
        ("report.digits", 0, "report: digits must lie between 1 and 10"),
        # What the plan names has to be there.
        ("plan.datasets", ["drums"], "plan.datasets: 'drums' is not defined; add it under `datasets`.*mine, synth"),
        ("plan.autoencoders", ["gan"], "plan.autoencoders: 'gan' is not defined; add it under `autoencoders`.*no_nf"),
        ("plan.priors", ["vae"], "plan.priors: 'vae' is not defined.*gmm, nf, own"),
        ("datasets", {}, "plan.datasets: 'synth' is not defined.*none"),
        ("autoencoders", None, "plan.autoencoders: 'no_nf' is not defined.*none"),
        # Missing.
        ("plan", MISSING, "plan.name: is missing; add it"),
        ("plan", None, "plan.name: is missing; add it"),
        ("plan.budget", MISSING, "plan.budget: is missing; add it"),
        ("plan.seeds", MISSING, "plan.seeds: is missing; add it"),
        ("datasets.synth.source", MISSING, "datasets.synth.source: is missing; add it"),
        ("datasets.synth", None, "datasets.synth: .*found None"),
        # No mapping where one has to be.
        ("datasets", ["synth"], "datasets must be a mapping"),
        ("plans", 3, "plans must be a mapping"),
        ("autoencoders", "no_nf", "autoencoders must be a mapping"),
        ("autoencoders.no_nf", ["nsf"], "autoencoders.no_nf must be a mapping"),
        ("autoencoders.no_nf.train", 5, "autoencoders.no_nf.train must be a mapping"),
        ("autoencoder", [1], r"autoencoder: .*found \[1\]"),
        ("train", 0.1, "train: .*found 0.1"),
        ("fit_prior", "own", "fit_prior: .*found 'own'"),
        ("plan", "quick", "plan: .*found 'quick'"),
        # An empty value of another kind is no empty section.
        ("train", False, "train: .*found False"),
        ("autoencoders.no_nf", 0, "autoencoders.no_nf must be a mapping"),
        ("sample", [], r"sample: .*found \[\]"),
        # Names become folders and parts of the names of stages.
        ("plan.name", "../up", "plan: name.*letters, digits"),
        ("plan.name", "-x", "plan: name.*letters, digits"),
        ("datasets", {"a/b": {"source": "synth"}}, "datasets: .*'a/b'.*letters, digits"),
        ("autoencoders", {"a.b": {}}, "autoencoders: .*'a.b'.*letters, digits"),
        ("autoencoders", {"real": {}}, "autoencoders: .*'real'.*real recordings"),
        ("datasets", {808: {"source": "synth"}}, "datasets: 808.*quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_place(write, place, value, expected):
    message = error_of(write(changed(place, value)))
    assert re.search(f"^{expected}", message), message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plan: [", "no valid YAML"),
        ("plan: {a: 1, b", "no valid YAML"),
        ("a: 2026-13-45", "no valid YAML"),
        ("plan: *quick", "no valid YAML"),
        ("\tplan: 1", "no valid YAML"),
        ("a: &a [*a]", "unknown key 'a'"),
        ("[" * 500, "no valid YAML|nested"),
        ("a: !!int ''", "no valid YAML"),
        ("a: !!bool maybe", "no valid YAML"),
        ("a: !!timestamp today", "no valid YAML"),
        ("a: 0x_", "no valid YAML"),
        ("", "expected sections"),
        ("- plan", "expected sections"),
        ("plan", "expected sections"),
        ("!!python/object:os.system {}", "no valid YAML"),
        ("? [a, b]\n: c", "no valid YAML|unknown key"),
    ],
)
def test_a_file_that_holds_no_sections_is_one_line(write, text, expected):
    assert re.match(expected, error_of(write(text)))


def test_an_anchor_that_holds_itself_is_one_line(write):
    text = yaml.safe_dump(VALID).replace("train:\n  beta: 0.1", "train: &t\n  beta: *t")
    assert "*t" in text
    assert error_of(write(text)).startswith("train")


def test_a_missing_file_is_one_line_that_says_where_to_be(tmp_path):
    assert error_of(tmp_path / "params.yaml") == "not found; run this in the folder that holds params.yaml"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    assert error_of(tmp_path).startswith("cannot be read")
    (tmp_path / "latin").write_bytes("plän: 1".encode("latin-1"))
    assert error_of(tmp_path / "latin").startswith("cannot be read")


def test_what_is_asked_for_by_name_and_is_not_there_is_one_line(write):
    params = read_params(write(VALID))
    for ask, section in ((params.dataset, "datasets"), (params.autoencoder, "autoencoders")):
        with pytest.raises(FlowshotError, match=f"'nothing' is not defined; add it under `{section}`"):
            ask("nothing")


def places(node, prefix=()):
    """Every place of a nested mapping or list, as a tuple of keys."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*prefix, key)
        yield from places(value, (*prefix, key))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
    | st.binary(max_size=3) | st.sampled_from([0, 1, -1, 2, 0.5, 1e9, 1e400, 10**400, "", "synth", "nsf", "own"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4) | st.integers() | st.none() | st.sampled_from(["train", "beta"]), inner,
                      max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_stands_anywhere_gives_parameters_or_one_line(write, data):
    raw = copy.deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 2))):
        *parents, last = data.draw(st.sampled_from(sorted(places(raw), key=repr)))
        node = raw
        for part in parents:
            node = node[part]
        if data.draw(st.booleans()) and isinstance(node, dict):
            node[data.draw(st.text(max_size=5) | st.integers() | st.none())] = data.draw(anything)
        else:
            node[last] = data.draw(anything)
    path = write(yaml.safe_dump(raw, allow_unicode=False))
    try:
        assert isinstance(read_params(path), Params)
    except FlowshotError as error:
        assert "\n" not in str(error) and str(path) in str(error)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet="plan:train{}[]&*!?|>-#'\" \n\t0123.eE_%@`~\\", max_size=60))
def test_whatever_text_gives_one_line(write, text):
    error_of(write(text))


def committed_with_plan(name):
    """The committed file with the one line changed that chooses the plan."""
    text, count = re.subn(r"(?m)^plan: \*\w+$", f"plan: *{name}", COMMITTED.read_text(encoding="utf-8"))
    assert count == 1
    return text


def test_the_committed_file_is_valid():
    params = read_params(COMMITTED)
    assert params.plan in params.plans.values()
    assert {"no_nf", "nf_posterior", "nf_prior", "nf_both"} <= set(params.autoencoders)


@pytest.mark.parametrize("name", yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))["plans"])
def test_changing_one_line_chooses_a_plan(write, name):
    params = read_params(write(committed_with_plan(name)))
    assert params.plan == params.plans[name] and params.plan.name == name


def test_both_great_plans_of_the_committed_file_have_the_four_arms_and_both_priors():
    plans = read_params(COMMITTED).plans
    for plan in (plans["quick"], plans["thesis"]):
        assert {"no_nf", "nf_posterior", "nf_prior", "nf_both"} <= set(plan.autoencoders)
        assert {"own", "nf"} <= set(plan.priors)
    assert len(plans["thesis"].seeds) >= 2


def test_the_arms_of_the_committed_file_differ_in_their_flows_alone():
    params = read_params(COMMITTED)
    arms = {name: to_dict(params.autoencoder(name)) for name in ("no_nf", "nf_posterior", "nf_prior", "nf_both")}
    flows = {name: (arm.pop("posterior_flow"), arm.pop("prior_flow")) for name, arm in arms.items()}
    assert all(arm == arms["no_nf"] for arm in arms.values())
    assert [[flow != "none" for flow in pair] for pair in flows.values()] == [
        [False, False], [True, False], [False, True], [True, True],
    ]  # fmt: skip


def test_the_parameters_of_a_run_are_all_that_it_depends_on(write):
    params = read_params(write(VALID))
    training = params.training_parameters("synth", "high_beta")
    assert training["train"]["beta"] == 1.0 and training["budget"]["steps"] == 5
    assert training["dataset"]["source"] == "synth" and training["autoencoder"]["latent_size"] == 8
    arm = params.arm_parameters("nf")
    assert arm["fit_prior"] == {"nf": to_dict(params.fit_prior.nf)} and arm["sample"]["batch_size"] == 8
    assert params.arm_parameters("reconstruction")["fit_prior"] == {}


@pytest.mark.parametrize("still", [{"tones": 0}, {"front_end": "strided"}])
def test_repulsion_with_a_decoder_that_draws_nothing_is_one_line(still, tmp_path):
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["autoencoders"]["quiet"] = {"noise": False, "train": {"loss": {"repulsion": 1.0}}}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    read_params(file)
    params["autoencoders"]["quiet"] |= still
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    with pytest.raises(FlowshotError, match=r"autoencoders\.quiet: loss\.repulsion needs a decoder that draws"):
        read_params(file)


def test_an_autoencoder_may_have_no_residual_blocks(write):
    params = read_params(write(changed("autoencoder", VALID["autoencoder"] | {key: [] for key in DILATIONS})))
    assert params.autoencoders["no_nf"].encoder_dilations == params.autoencoders["no_nf"].decoder_dilations == ()
