import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import UnusableClips, clip_policy
from flowshot.scoring.embeddings.package_networks import (
    TOKENIZERS,
    PackageEmbedder,
    Pann,
    hash_of_weights,
    reachable,
    use_hub,
)
from flowshot.scoring.embeddings.registry import embedder

ROOT = Path(__file__).parents[3]
POLICY = default(PolicyConfig, "score.policy")
DIMENSIONS = {"clap": 512, "vggish": 128, "pann": 2048, "encodec": 128}
needs_package = pytest.mark.skipif(
    not importlib.util.find_spec("frechet_audio_distance"), reason="the optional package is not installed"
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a network nor what this machine keeps of the hubs; the variables that embedders set are put back."""
    for variable in ("HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "nothing")
    yield
    torch.hub.set_dir(hub)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the package's real networks make of random weights, in a process of its own."""
    folder = tmp_path_factory.mktemp("checkpoints")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__).with_name("probe_package.py")), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@needs_package
@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_clip_becomes_one_vector(probe: dict, name: str) -> None:
    found = probe[name]
    assert found["name"] == name and found["dimensions"] == DIMENSIONS[name]
    assert found["shape"] == [2 if name == "clap" else 4, DIMENSIONS[name]] and found["finite"]
    assert found["distance"] > 1e-3  # of a tone and noise, relative to their size
    assert found["repeated"] < 1e-4  # alone or among others
    assert "frechet-audio-distance 0.3" in found["runtime"] and "torch 2" in found["runtime"]


@needs_package
def test_weights_are_told_apart_and_so_is_the_code_of_vggish(probe: dict) -> None:
    assert len({probe[name]["weights"] for name in DIMENSIONS}) == 4
    assert "torchvggish" in probe["vggish"]["runtime"]


@needs_package
def test_the_package_itself_makes_the_same_vectors_of_clips_that_it_neither_repeats_nor_cuts(probe: dict) -> None:
    assert probe["pann"]["from_package"] < 1e-5
    # Ten repetitions of a second are its own way of making ten seconds.
    assert probe["clap"]["from_package"] < 1e-5


@needs_package
def test_a_checkpoint_with_code_in_it_is_refused_and_the_code_does_not_run(probe: dict) -> None:
    assert probe["trap"]["sprung"] is False
    assert "embedding pann: could not be loaded from" in probe["trap"]["error"]
    assert "docs/embeddings.md" in probe["trap"]["error"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("clap", "630k-audioset-best.pt"),
        ("vggish", "harritaylor_torchvggish_ma*/hubconf.py"),
        ("pann", "Cnn14_16k_mAP%3D0.438.pth"),
        ("encodec", "checkpoints/encodec_24khz-d7cc33bc.th"),
    ],
)
def test_without_network_and_weights_one_line_says_what_is_missing_and_where(
    tmp_path: Path, name: str, file: str
) -> None:
    with pytest.raises(FlowshotError) as caught:
        embedder(name, POLICY, str(tmp_path / "weights"))
    message = str(caught.value)
    assert message.startswith(f"embedding {name}: {tmp_path}/weights/{file} is missing")
    assert "no network" in message and "docs/embeddings.md" in message and "\n" not in message


def test_the_hub_is_looked_for_in_the_checkpoint_folder(tmp_path: Path) -> None:
    (tmp_path / "Cnn14_16k_mAP%3D0.438.pth").touch()
    with pytest.raises(FlowshotError, match=f"{tmp_path}/huggingface/hub/{TOKENIZERS[0]}/.* is missing"):
        embedder("pann", POLICY, str(tmp_path))
    assert os.environ["HF_HOME"] == f"{tmp_path}/huggingface"
    assert use_hub(tmp_path) == tmp_path / "huggingface/hub"


def test_without_a_checkpoint_folder_the_libraries_keep_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert use_hub(None) == tmp_path / "home/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    assert use_hub(None) == tmp_path / "cache"


def test_a_host_that_does_not_answer_counts_as_no_network() -> None:
    assert not reachable("http://127.0.0.1:9")
    assert not reachable("no address")


def loaded(get_embeddings: object) -> PackageEmbedder:
    """A network that is there already, in place of one that takes weights and ten seconds."""
    each = Pann.__new__(Pann)
    each.policy = clip_policy(POLICY, 16000, least=Pann.least)
    each.package = SimpleNamespace(get_embeddings=get_embeddings)
    return each


def test_a_clip_that_the_package_drops_is_named_and_told(capsys: pytest.CaptureFixture) -> None:
    def drops_loud_clips(clips: list[np.ndarray], rate: int) -> np.ndarray:
        """What the package's loop does: print, stop, and join what there is so far."""
        found: list[np.ndarray] = []
        for clip in clips:
            if clip.max() > 1:
                print("get_embeddings throw an exception: out of memory")
                break
            found.append(np.full(2048, clip.mean()))
        return np.concatenate(found, axis=0)

    each = loaded(drops_loud_clips)
    assert each.embed(np.full((3, 6000), 0.5, np.float32), 16000).shape == (3, 2048)
    clips = np.full((4, 6000), 0.5, np.float32)
    clips[1:3] = 2
    with pytest.raises(UnusableClips, match=r"clip 1 .*NaN.*1 more") as caught:
        each.embed(clips, 16000)
    assert set(caught.value.reasons) == {1, 2}
    assert "out of memory" in capsys.readouterr().err


def test_vectors_of_another_length_are_never_taken_for_embeddings() -> None:
    each = loaded(lambda clips, rate: np.ones(100))
    with pytest.raises(UnusableClips, match="clip 0"):
        each.embed(np.ones((1, 6000), np.float32), 16000)


def test_several_vectors_of_a_window_are_averaged_and_short_clips_filled() -> None:
    lengths = []

    def two(clips: list[np.ndarray], rate: int) -> np.ndarray:
        lengths.append(len(clips[0]))
        return np.stack([np.zeros(2048), np.ones(2048)])

    assert (loaded(two).embed(np.ones((1, 800), np.float32), 16000) == 0.5).all()
    assert lengths == [Pann.least]


def test_the_hash_of_weights_knows_names_shapes_and_every_number() -> None:
    def of(**tensors: torch.Tensor) -> str:
        return hash_of_weights(SimpleNamespace(state_dict=lambda: tensors))  # type: ignore[arg-type]

    base = torch.zeros(2, 3)
    changed = base.clone()
    changed[1, 2] = 1e-30
    hashes = [of(a=base), of(b=base), of(a=base.T), of(a=changed), of(a=base.double()), of(a=base, b=base)]
    assert len(set(hashes)) == len(hashes)
    assert of(a=base, b=changed) == of(b=changed, a=base)
