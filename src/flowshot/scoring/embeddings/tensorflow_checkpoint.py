"""Read the tensors of a TensorFlow 1 checkpoint without TensorFlow.

A checkpoint (its "tensor bundle") is a file `.index`, a table in LevelDB's format that says where in the file
`.data-00000-of-00001` each tensor lies, and that file, which is nothing but their numbers. The formats are described in
LevelDB's doc/table_format.md and in TensorFlow's tensor_bundle.proto and tensor_shape.proto.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.core.errors import FlowshotError

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57
BLOCK_TRAILER_BYTES = 5  # how the block is compressed (0: not at all), and a checksum
FLOAT = 1  # DT_FLOAT in types.proto
# Numbers of the fields in BundleEntryProto, TensorShapeProto and its Dim.
DTYPE, SHAPE, SHARD, OFFSET, SIZE = 1, 2, 3, 4, 5
DIM, DIM_SIZE = 2, 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # how protocol buffers encode a field


def read_tensors(index: Path, data: Path) -> dict[str, np.ndarray]:
    """Every float32 tensor of a checkpoint by its name; those of other types (counters) are left out.

    Raises:
        FlowshotError: a file is missing or is no uncompressed checkpoint of one part.
    """
    try:
        table, numbers = index.read_bytes(), data.read_bytes()
        return dict(_tensors(table, numbers))
    except OSError as error:
        raise FlowshotError(f"{error.filename}: cannot be read ({error.strerror}); install it again") from None
    except (ValueError, IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise FlowshotError(f"{index}: no checkpoint of TensorFlow 1 ({error}); install it again") from None


def _tensors(table: bytes, numbers: bytes) -> Iterator[tuple[str, np.ndarray]]:
    footer = table[-FOOTER_BYTES:]
    if struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        raise ValueError("its last 8 bytes are others")
    place = 0
    for _ in range(2):  # the place of an index of meta blocks, which is of no use here
        _, place = _varint(footer, place)
    for _, handle in _entries(_block(table, footer, place)):
        for key, value in _entries(_block(table, handle, 0)):
            entry = _fields(value)
            if not key or entry.get(DTYPE) != FLOAT:  # the empty key has the bundle's header
                continue
            if entry.get(SHARD, 0) != 0:
                raise ValueError("it has several parts")
            dimensions = [value for field, value in _message(entry.get(SHAPE, b"")) if field == DIM]
            shape = [_fields(dimension).get(DIM_SIZE, 0) for dimension in dimensions]
            start, size = entry.get(OFFSET, 0), entry[SIZE]
            tensor = np.frombuffer(numbers[start : start + size], dtype="<f4").reshape(shape)
            yield key.decode(), tensor.copy()


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """An integer in base 128, least significant digit first, and the place behind it."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7


def _block(table: bytes, handle: bytes, place: int) -> bytes:
    """The content of the block whose offset and size stand at `place` in `handle`."""
    offset, place = _varint(handle, place)
    size, _ = _varint(handle, place)
    block = table[offset : offset + size + BLOCK_TRAILER_BYTES]
    if len(block) != size + BLOCK_TRAILER_BYTES or block[size] != 0:
        raise ValueError("a block is cut off or compressed")
    return block[:size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values; a key is written as what differs from the one before. Behind them stand restart points."""
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    key, place = b"", 0
    while place < end:
        shared, place = _varint(block, place)
        rest, place = _varint(block, place)
        size, place = _varint(block, place)
        key = key[:shared] + block[place : place + rest]
        yield key, block[place + rest : place + rest + size]
        place += rest + size


def _message(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer: their numbers, and values as int or bytes; fixed-width ones as bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        field, kind = tag >> 3, tag & 7
        value: Any
        if kind == VARINT:
            value, place = _varint(message, place)
        else:
            if kind == BYTES:
                size, place = _varint(message, place)
            else:
                size = {FIXED64: 8, FIXED32: 4}[kind]
            value, place = message[place : place + size], place + size
        yield field, value


def _fields(message: bytes) -> dict[int, Any]:
    return dict(_message(message))
