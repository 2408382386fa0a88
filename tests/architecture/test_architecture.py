"""Who may import whom, and whether each stage declares what it needs. The order of the rooms is in pyproject.toml."""

import ast
import re
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from architecture.import_graph import ROOT, SOURCE, import_closure, imported_modules
from flowshot.models.autoencoders.registry import KINDS as AUTOENCODERS
from flowshot.models.generators.registry import KINDS as GENERATORS

PACKAGE = SOURCE / "flowshot"
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))

# Rooms that run on a machine with nothing but these libraries, and the ones that they must never reach.
PORTABLE_ROOMS = (
    "clips",
    "densities",
    "diagnostics",
    "models",
    "optimisation",
    "priors",
    "training",
    "scoring/metrics",
)
PORTABLE_LIBRARIES = {"torch", "numpy", "nflows"}
FORBIDDEN = {"mlflow", "dvc", "pandas"}
PORTABLE = [path for room in PORTABLE_ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]

# Which sections of params.yaml are read by the functions that rooms offer for that.
SECTIONS_OF = {
    "source_config": {"datasets"},
    "dataset_config": {"datasets"},
    "read_autoencoder": {"autoencoder", "autoencoders"},
    "read_generator": {"generators"},
    "training_config": {"train"},
    "run_training": {"plan"},
    "prior_config": {"fit_prior"},
    "clips_of_arm": {"plan"},
    "write_plan_report": {"plan", "report", "score"},
}
# The first stage that uses a room.
OWNERS = {
    "sources": "fetch",
    "preparation": "prepare",
    "diagnostics": "train",
    "training": "train",
    "models/autoencoders": "train",
    "models/generators": "train_generator",
    "priors": "fit_prior",
    "generation": "sample",
    "scoring": "score",
    "report": "report",
}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def library(module):
    return module.split(".")[0]


def listed(stage, key):
    """Entries of `deps`, `params` or `outs`, whether they carry options or not."""
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in STAGES[stage].get(key, [])]


def script(stage):
    return ROOT / STAGES[stage]["cmd"].split()[1]


def kinds_of(stage):
    """Modules that a registry imports by their names, so that no import statement tells of them."""
    text = script(stage).read_text(encoding="utf-8")
    modules = ["model", "training"] if "run_training" in text else ["model"]
    packages = [
        package
        for registry, kinds in (("autoencoders", AUTOENCODERS), ("generators", GENERATORS))
        if f"models.{registry}.registry" in text
        for package in kinds.values()
    ]
    return [SOURCE.joinpath(*package.split("."), f"{module}.py") for package in packages for module in modules]


def test_there_is_something_to_check():
    assert len(PORTABLE) > 40 and len(STAGES) >= 8


def test_packages_hold_no_code():
    """But for the outermost one, which sets how torch's threads wait, before torch is imported."""
    for path in set(PACKAGE.rglob("__init__.py")) - {PACKAGE / "__init__.py"}:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) for node in body), f"{name_of(path)} has more than a docstring"


def test_the_rooms_import_each_other_in_one_order():
    result = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout


def test_portable_rooms_reach_neither_mlflow_nor_dvc_nor_pandas():
    for file in import_closure(*PORTABLE):
        found = {library(module) for module in imported_modules(file)} & FORBIDDEN
        assert not found, f"{name_of(file)} imports {found}"


def test_portable_rooms_load_where_only_torch_numpy_and_nflows_are():
    """Really, in a fresh interpreter that finds none of the other packages that this project needs."""
    modules = [name_of(path).removeprefix("src/").removesuffix(".py").replace("/", ".") for path in PORTABLE]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = set(re.findall(r'^  "([A-Za-z0-9_.-]+)', project, re.MULTILINE)) - PORTABLE_LIBRARIES
    assert {"mlflow", "dvc", "pandas", "pydantic", "safetensors", "scipy"} <= names
    hidden = [*sorted(name.replace("-", "_") for name in names), "ruamel", "yaml"]
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


def test_mlflow_is_known_by_tracking_alone():
    users = {
        path for path in PACKAGE.rglob("*.py") if "mlflow" in {library(module) for module in imported_modules(path)}
    }
    assert users and all(path.is_relative_to(PACKAGE / "tracking") for path in users)


def test_sources_know_neither_the_stages_nor_dvc():
    for path in PACKAGE.rglob("*.py"):
        found = {library(module) for module in imported_modules(path)} & {"stages", "dvc"}
        assert not found, f"{name_of(path)} imports {found}"


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_lies_within_the_folders_that_it_declares(stage):
    folders = [ROOT / name for name in listed(stage, "deps") if name.startswith("src/")]
    assert all(folder.is_dir() for folder in folders), f"dvc.yaml, {stage}: a dependency on code is a folder"
    needed = import_closure(script(stage), *kinds_of(stage))
    missing = sorted(name_of(path) for path in needed if not any(path.is_relative_to(folder) for folder in folders))
    unused = [name_of(folder) for folder in folders if not any(path.is_relative_to(folder) for path in needed)]
    assert not missing and not unused, f"dvc.yaml, {stage}: outside of its folders {missing}, unused {unused}"
    assert f"stages/{script(stage).name}" in listed(stage, "deps")


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_the_code_of_a_later_one(stage):
    order = list(STAGES)
    for room, owner in OWNERS.items():
        if f"src/flowshot/{room}" in listed(stage, "deps"):
            assert order.index(owner) <= order.index(stage), f"dvc.yaml: {stage} depends on {room}, of {owner}"


def test_every_script_of_the_stages_is_run_by_one():
    assert {script(stage) for stage in STAGES} == set((ROOT / "stages").glob("*.py"))


def test_the_pipeline_is_short_enough_to_be_read():
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 260


@pytest.mark.parametrize("stage", STAGES)
def test_the_parameters_of_a_stage_exist(stage):
    """`${item.x}` stands for every name of a section of names."""
    for key in listed(stage, "params"):
        nodes = [PARAMS]
        for part in re.split(r"\.(?![^{]*\})", key):
            axis = re.fullmatch(r"\$\{item\.(\w+)\}", part)
            names = [list(node) for node in nodes] if axis else [[part] for _ in nodes]
            missing = [name for node, wanted in zip(nodes, names, strict=True) for name in wanted if name not in node]
            assert not missing, f"dvc.yaml, {stage}: params.yaml has no {key} ({missing[0]})"
            nodes = [node[name] for node, wanted in zip(nodes, names, strict=True) for name in wanted]


@pytest.mark.parametrize("stage", STAGES)
def test_a_matrix_goes_over_axes_of_the_plan_and_the_command_names_them_in_order(stage):
    axes = STAGES[stage].get("matrix", {})
    assert all(isinstance(values, list) or re.fullmatch(r"\$\{plan\.\w+\}", values) for values in axes.values())
    arguments = [word for word in STAGES[stage]["cmd"].split()[2:] if word.startswith("${")]
    assert arguments == [f"${{item.{axis}}}" for axis in axes]


def upstream(stage):
    """The stage itself and all whose outputs it reads, directly or not."""

    def plain(path):
        return re.sub(r"\$\{item\.\w+\}", "*", path)

    found, waiting = set(), [stage]
    while waiting:
        current = waiting.pop()
        found.add(current)
        for dependency in map(plain, listed(current, "deps")):
            for other in STAGES:
                outs = [plain(out) for out in listed(other, "outs")]
                if other not in found and any(out == dependency or out.startswith(f"{dependency}/") for out in outs):
                    waiting.append(other)
    return found


def sections_read(stage):
    """Sections of params.yaml that a stage's script reads."""
    used = set()
    for node in ast.walk(ast.parse(script(stage).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            used |= SECTIONS_OF.get(called, set())
            if called == "section":
                used.add(node.args[0].value.split(".")[0])
    return used


@pytest.mark.parametrize("stage", STAGES)
def test_every_section_that_a_stage_reads_is_a_parameter_of_it_or_of_a_stage_before_it(stage):
    used = sections_read(stage)
    declared = {key.split(".")[0] for before in upstream(stage) for key in listed(before, "params")}
    assert used <= declared, f"dvc.yaml, {stage}: reads {sorted(used - declared)} without naming it"
    own = {key.split(".")[0] for key in listed(stage, "params")}
    assert own <= used, f"dvc.yaml, {stage}: names {sorted(own - used)} without reading it"


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_are_named_after_the_arm_and_nothing_depends_on_runs(stage):
    for out in listed(stage, "outs"):
        for axis in STAGES[stage].get("matrix", {}):
            assert f"${{item.{axis}}}" in out, f"dvc.yaml, {stage}: {out} is written by several items of {axis}"
    assert not [name for name in listed(stage, "deps") if name.startswith("runs")]


def test_a_program_in_a_file_is_loaded_only_where_it_was_made_or_is_trusted():
    """TorchScript holds a program; ruff's rules know of pickle and shells, not of this."""
    loads = "torch.jit.load("
    users = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if loads in path.read_text()}
    assert users <= {
        "api/arm.py",
        "export/generators.py",
        "export/torchscript.py",
        "models/autoencoders/exported_rave/model.py",
    }
    unpickling = "weights_only=False"
    lines = [line for path in PACKAGE.rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    # One file is too old for torch's own reader; `test_cdpam.py` tests what is admitted in it.
    assert all("pickle_module=TENSORS_ONLY" in line for line in lines if unpickling in line)
