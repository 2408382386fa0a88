"""No code of this repository unpickles, evaluates text, starts a shell, unpacks blindly, or listens to the network."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from architecture.import_graph import ROOT

SOURCES = sorted(path for folder in ("src", "stages", "scripts") for path in (ROOT / folder).rglob("*.py"))

# Modules that make objects, or run code, out of bytes.
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "imp", "pty"}
# Calls that do, by the end of their dotted name.
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.full_load", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.Loader", "pd.read_pickle", "pandas.read_pickle",
    "subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive", "tempfile.mktemp",
    "ssl._create_unverified_context",
}  # fmt: skip
METHODS = {"extractall", "read_pickle", "to_pickle"}
# Keywords that must have this value if they are there at all.
KEYWORDS = {"shell": False, "allow_pickle": False, "weights_only": True, "verify": True, "trust_remote_code": False}


def dotted(node: ast.expr) -> str:
    """The name of what is called, as it is written."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def problems(text: str) -> Iterator[str]:
    """What is forbidden of the source text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (f"imports {name}" for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in CALLS or name.rpartition(".")[2] in METHODS:
            yield f"calls {name}"
        keywords = {keyword.arg: getattr(keyword.value, "value", "?") for keyword in node.keywords}
        if name == "torch.load" and "weights_only" not in keywords:
            yield "calls torch.load without weights_only=True"
        yield from (f"{name} with {key}={keywords[key]}" for key, value in KEYWORDS.items()
                    if key in keywords and keywords[key] is not value)  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_calls_what_would_run_data(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "torch.load(x)", "torch.load(x, weights_only=False)",
        "np.load(x, allow_pickle=True)", "np.load(x, allow_pickle=flag)", "yaml.load(x, Loader=yaml.SafeLoader)",
        "eval(x)", "exec(x)", "subprocess.run(x, shell=True)", "subprocess.run(x, shell=flag)", "os.system(x)",
        "archive.extractall()", "tarfile.open(x).extractall()", "pd.read_pickle(x)", "import joblib as j",
    ],
)  # fmt: skip
def test_the_walk_finds_what_it_looks_for(text: str) -> None:
    assert list(problems(text))


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(x, weights_only=True)", "np.load(x)", "np.load(x, allow_pickle=False)", "yaml.safe_load(x)",
        "re.compile(x)", "model.eval()", "subprocess.run(['ls'])", "subprocess.run(x, shell=False)",
    ],
)  # fmt: skip
def test_the_walk_leaves_the_rest_alone(text: str) -> None:
    assert not list(problems(text))


def test_torchscript_is_loaded_only_where_it_was_made_or_is_asked_for() -> None:
    """A file of TorchScript holds a program; that of somebody else's RAVE needs `trust`."""
    users = {path.relative_to(ROOT / "src/flowshot").as_posix() for path in SOURCES if "jit.load" in path.read_text()}
    assert users <= {"export/torchscript.py", "cli/export.py", "models/autoencoders/exported_rave/model.py"}


def test_servers_listen_to_this_machine_alone() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in [*SOURCES, ROOT / "Makefile", ROOT / "README.md"]}
    for path, text in texts.items():
        assert "0.0.0.0" not in text, path
        for host in re.findall(r"--host[\"', =]+([^\s\"',]+)", text):
            assert host in ("127.0.0.1", "HOST"), f"{path} listens to {host}"
        for host in re.findall(r"(?:bind|HTTPServer|TCPServer)\(\(([^,]*),", text):
            assert host in ('"127.0.0.1"', "HOST"), f"{path} listens to {host}"
        for host in re.findall(r"^HOST = (.*?)(?:\s+#.*)?$", text, re.MULTILINE):
            assert host == '"127.0.0.1"', f"{path} listens to {host}"
    assert any("HOST = " in text for text in texts.values()), "there is a server to look at"
