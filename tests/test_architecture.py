"""Who may import whom, and whether each stage declares what it needs."""

import ast
import re
import subprocess
import sys

import pytest
import yaml

from import_graph import ROOT, SOURCE, import_closure, imported_modules, source_file

PACKAGE = SOURCE / "flowshot"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = PIPELINE["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

# Packages that run on a machine with nothing but these.
PORTABLE_PACKAGES = ("models", "priors", "metrics", "training")
PORTABLE_LIBRARIES = {"torch", "numpy", "nflows"}
PORTABLE = [path for package in PORTABLE_PACKAGES for path in sorted((PACKAGE / package).rglob("*.py"))]

# The section of params.yaml behind each attribute of `Params` that a stage uses.
SECTIONS_OF = {
    "dataset": {"datasets"},
    "autoencoder": {"autoencoder", "autoencoders"},
    "training": {"train", "autoencoders"},
    "training_parameters": {"datasets", "autoencoder", "autoencoders", "train", "plan"},
    # Of `fit_prior` too, but only under the name of a prior that is fitted; `reconstruct` has none.
    "arm_parameters": {"sample", "score"},
    "prior_parameters": {"fit_prior"},
}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def library(module):
    return module.split(".")[0]


def is_portable(module):
    return library(module) in PORTABLE_LIBRARIES or library(module) in sys.stdlib_module_names


def test_there_is_something_to_check():
    assert len(SOURCES) > 50 and len(PORTABLE) > 20 and len(STAGES) >= 8


def test_imports_are_absolute_and_by_name():
    """Else the import graph, and with it the declared dependencies, would miss them."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name_of(path)} imports relatively"
            called = node.func if isinstance(node, ast.Call) else None
            assert getattr(called, "id", getattr(called, "attr", "")) not in ("import_module", "__import__"), path


def test_packages_hold_no_code():
    """But for the outermost one, which sets how torch's threads wait, before torch is imported."""
    for path in set(PACKAGE.rglob("__init__.py")) - {PACKAGE / "__init__.py"}:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) for node in body), f"{name_of(path)} has more than a docstring"


@pytest.mark.parametrize("path", PORTABLE, ids=name_of)
def test_portable_modules_import_torch_numpy_and_nflows_alone(path):
    """At module level; so do the modules of flowshot that they import."""
    waiting, seen = [path], set()
    while waiting:
        current = waiting.pop()
        seen.add(current)
        for module in imported_modules(current, lazily=False):
            if library(module) == "flowshot":
                file = source_file(module)
                waiting += [file] if file and file not in seen else []
            else:
                assert is_portable(module), f"{name_of(path)} needs {module} through {name_of(current)}"


@pytest.mark.parametrize("path", PORTABLE, ids=name_of)
def test_portable_modules_never_import_mlflow_dvc_or_pandas(path):
    for file in [path, *(ROOT / name for name in import_closure(path))]:
        found = {library(module) for module in imported_modules(file)} & {"mlflow", "dvc", "pandas"}
        assert not found, f"{name_of(path)} reaches {found} through {name_of(file)}"


def test_portable_modules_load_where_only_torch_numpy_and_nflows_are():
    """Really, in a fresh interpreter that finds none of the other packages that this project needs."""
    modules = [name_of(path).removeprefix("src/").removesuffix(".py").replace("/", ".") for path in PORTABLE]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = set(re.findall(r'^  "([A-Za-z0-9_-]+)', project, re.MULTILINE)) - PORTABLE_LIBRARIES
    assert {"mlflow", "dvc", "pandas", "pydantic", "safetensors", "scipy"} <= names
    hidden = sorted({"yaml" if name == "pyyaml" else name.replace("-", "_") for name in names})
    program = f"""
import importlib, sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"hidden: {{name}}", name=name)
sys.meta_path.insert(0, Hide())
for module in {modules!r}:
    importlib.import_module(module)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["mlflow"])
def test_mlflow_is_known_by_tracking_alone(name):
    users = {name_of(path) for path in SOURCES if name in {library(module) for module in imported_modules(path)}}
    assert users == {"src/flowshot/tracking/mlflow_runs.py"}


def test_sources_know_neither_the_stages_nor_dvc():
    for path in SOURCES:
        found = {library(module) for module in imported_modules(path)} & {"stages", "dvc"}
        assert not found, f"{name_of(path)} imports {found}"


def test_stages_do_not_import_one_another():
    for path in (ROOT / "stages").glob("*.py"):
        assert not {library(module) for module in imported_modules(path)} & {"stages", "dvc", "mlflow"}, name_of(path)


def test_pandas_is_used_by_the_report_alone():
    users = [path for path in SOURCES if "pandas" in {library(module) for module in imported_modules(path)}]
    assert all(path.is_relative_to(PACKAGE / "report") for path in users), [name_of(path) for path in users]


def commands(stage):
    command = STAGES[stage]["cmd"]
    return [command] if isinstance(command, str) else command


def scripts(stage):
    return [command.split()[1] for command in commands(stage)]


def needed_sources(stage):
    return set().union(*(import_closure(ROOT / script) for script in scripts(stage)))


def listed(stage, key):
    """Entries of `deps`, `params` or `outs`, whether they carry options or not."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in STAGES[stage].get(key, [])]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_files_that_it_imports_and_on_no_others(stage):
    declared = [name for name in listed(stage, "deps") if name.endswith(".py")]
    needed = {*scripts(stage), *needed_sources(stage)}
    missing, superfluous = sorted(needed - set(declared)), sorted(set(declared) - needed)
    assert not missing and not superfluous, f"dvc.yaml, {stage}: missing {missing}, superfluous {superfluous}"
    assert len(declared) == len(set(declared)), f"dvc.yaml, {stage}: a dependency is listed twice"


def test_every_script_of_the_stages_is_run_by_one():
    run = {script for stage in STAGES for script in scripts(stage)}
    assert run == {name_of(path) for path in (ROOT / "stages").glob("*.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_the_parameters_of_a_stage_exist(stage):
    """`${item.x}` stands for every name on that axis of the plan."""
    for key in listed(stage, "params"):
        parts = re.split(r"\.(?![^{]*\})", key)
        nodes = [PARAMS]
        for part in parts:
            axis = re.fullmatch(r"\$\{item\.(\w+)\}", part)
            names = PARAMS["plan"][f"{axis[1]}s"] if axis else [part]
            missing = [name for node in nodes for name in names if name not in node]
            assert not missing, f"dvc.yaml, {stage}: params.yaml has no {key} ({missing[0]})"
            nodes = [node[name] for node in nodes for name in names]


@pytest.mark.parametrize("stage", STAGES)
def test_a_matrix_goes_over_axes_of_the_plan_and_the_command_names_them_in_order(stage):
    axes = STAGES[stage].get("matrix", {})
    assert list(axes.values()) == [f"${{plan.{axis}s}}" for axis in axes]
    for command in commands(stage):
        arguments = [word for word in command.split()[2:] if word.startswith("${")]
        assert arguments == [f"${{item.{axis}}}" for axis in axes]


def upstream(stage):
    """The stage itself and all whose outputs it reads, directly or not."""

    def matches(dependency, out):
        return dependency == out or out.startswith(dependency + "/")

    found, waiting = set(), [stage]
    while waiting:
        current = waiting.pop()
        found.add(current)
        for dependency in listed(current, "deps"):
            made_by = [s for s in STAGES if any(matches(dependency, out) for out in listed(s, "outs"))]
            waiting += [s for s in made_by if s not in found]
    return found


def sections_read(path):
    """Sections of params.yaml that a file reads through a variable `params`, or straight from `read_params()`."""
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(owner, ast.Name) and owner.id in ("params", "read_params"):
                used |= SECTIONS_OF.get(node.attr, {node.attr})
    return used


@pytest.mark.parametrize("stage", STAGES)
def test_every_section_that_a_stage_reads_is_a_parameter_of_it_or_of_a_stage_before_it(stage):
    files = {*scripts(stage), *needed_sources(stage)}
    used = set().union(*(sections_read(ROOT / name) for name in files - {"src/flowshot/core/params.py"}))
    assert used, f"{stage} reads no parameters: does it still call them `params`?"
    declared = {key.split(".")[0] for before in upstream(stage) for key in listed(before, "params")}
    assert used <= declared, f"dvc.yaml, {stage}: reads {sorted(used - declared)} without naming it"
    own = {key.split(".")[0] for key in listed(stage, "params")}
    assert own <= used, f"dvc.yaml, {stage}: names {sorted(own - used)} without reading it"


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_outlive_a_stage_that_fails_and_are_named_after_the_arm(stage):
    for out in STAGES[stage]["outs"]:
        ((path, options),) = out.items()
        assert options["persist"] is True, f"dvc.yaml, {stage}: {path} would be deleted before the stage runs"
        for axis in STAGES[stage].get("matrix", {}):
            assert f"${{item.{axis}}}" in path, f"dvc.yaml, {stage}: {path} is written by several items of {axis}"
