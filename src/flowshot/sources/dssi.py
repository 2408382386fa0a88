"""Render presets of DSSI synthesizers: shared objects that are played here, without a sound server.

The structures are those of ladspa.h 1.1, dssi.h 1.0 and the events of ALSA's sequencer. Each note is played by a new
instance, so that no tail of an earlier one is in it. Some engines draw noise from a state that all their instances
share: notes of a bank are always played by one fresh process, in one order, and come out the same each time.
"""

import ctypes
import functools
import hashlib
import os
from collections.abc import Iterator
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_ubyte, c_uint, c_ulong, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.core.files import whole_folder
from flowshot.core.process import in_processes
from flowshot.sources.soundfont import safe_name

RATE, BLOCK = 44100, 1024
NOTES, VELOCITY = (48, 60, 72), 100
HELD_SECONDS, SECONDS = 0.5, 1.2
PEAK, SILENT = 0.89, 1e-4
NOTE_ON, NOTE_OFF = 6, 7
IS_INPUT, IS_CONTROL = 1, 4
SHARES = {0x40: 0.0, 0x80: 0.25, 0xC0: 0.5, 0x100: 0.75, 0x140: 1.0}  # defaults between the bounds of a port
FIXED = {0x200: 0.0, 0x240: 1.0, 0x280: 100.0, 0x2C0: 440.0}


class _Hint(Structure):
    _fields_ = [("kind", c_int), ("low", c_float), ("high", c_float)]


class _Ladspa(Structure):
    pass


_Ladspa._fields_ = [
    ("id", c_ulong), ("label", c_char_p), ("properties", c_int), ("name", c_char_p), ("maker", c_char_p),
    ("copyright", c_char_p), ("ports", c_ulong), ("port_kinds", POINTER(c_int)), ("port_names", POINTER(c_char_p)),
    ("port_hints", POINTER(_Hint)), ("data", c_void_p),
    ("instantiate", ctypes.CFUNCTYPE(c_void_p, POINTER(_Ladspa), c_ulong)),
    ("connect", ctypes.CFUNCTYPE(None, c_void_p, c_ulong, c_void_p)),
    ("activate", c_void_p), ("run", c_void_p), ("run_adding", c_void_p), ("set_gain", c_void_p),
    ("deactivate", c_void_p), ("cleanup", c_void_p),
]  # fmt: skip


class _Dssi(Structure):
    _fields_ = [
        ("version", c_int), ("ladspa", POINTER(_Ladspa)), ("configure", c_void_p), ("get_program", c_void_p),
        ("select_program", c_void_p), ("get_controller", c_void_p), ("run_synth", c_void_p), ("unused", c_void_p * 3),
    ]  # fmt: skip


class _Program(Structure):
    _fields_ = [("bank", c_ulong), ("program", c_ulong), ("name", c_char_p)]


class _Event(Structure):
    _fields_ = [
        ("kind", c_ubyte), ("flags", c_ubyte), ("tag", c_ubyte), ("queue", c_ubyte), ("tick", c_uint),
        ("nanoseconds", c_uint), ("addresses", c_ubyte * 4), ("channel", c_ubyte), ("note", c_ubyte),
        ("velocity", c_ubyte), ("off_velocity", c_ubyte), ("duration", c_uint), ("unused", c_uint),
    ]  # fmt: skip


class Synthesizer:
    """A plugin, and instances of it that play one note each."""

    def __init__(self, path: Path) -> None:
        for library in path.parent.glob("lib*.so*"):  # what the plugin needs, where it came with it
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        find = ctypes.CDLL(str(path)).dssi_descriptor
        find.restype, find.argtypes = POINTER(_Dssi), [c_ulong]
        self._dssi = find(0).contents
        self._ladspa = self._dssi.ladspa.contents

    def programs(self) -> dict[tuple[int, int], str]:
        """The names of programs, by bank and number."""
        instance = self._ladspa.instantiate(self._ladspa, RATE)
        found: dict[tuple[int, int], str] = {}
        get = ctypes.CFUNCTYPE(POINTER(_Program), c_void_p, c_ulong)(self._dssi.get_program)
        while program := get(instance, len(found)):
            found[program.contents.bank, program.contents.program] = program.contents.name.decode("latin-1")
        self._call(self._ladspa.cleanup, instance)
        return found

    def play(
        self, note: int, program: tuple[int, int] | None = None, ports: dict[str, float] | None = None
    ) -> np.ndarray:
        """A note of a program, or with these values of control ports by name: float32 `[samples]` in mono."""
        libc = ctypes.CDLL(None)
        libc.srand(1)
        libc.srandom(1)
        instance = self._ladspa.instantiate(self._ladspa, RATE)
        buffers, outputs = [], []
        for port in range(self._ladspa.ports):
            kind, name = self._ladspa.port_kinds[port], self._ladspa.port_names[port].decode()
            buffer = np.zeros(1 if kind & IS_CONTROL else BLOCK, dtype=np.float32)
            if kind & IS_CONTROL:
                buffer[0] = (ports or {}).get(name, self._default(port))
            elif not kind & IS_INPUT:
                outputs.append(buffer)
            buffers.append(buffer)
            self._ladspa.connect(instance, port, buffer.ctypes.data)
        self._call(self._ladspa.activate, instance)
        if program is not None:
            ctypes.CFUNCTYPE(None, c_void_p, c_ulong, c_ulong)(self._dssi.select_program)(instance, *program)
        run = ctypes.CFUNCTYPE(None, c_void_p, c_ulong, POINTER(_Event), c_ulong)(self._dssi.run_synth)
        moments = {0: NOTE_ON, round(HELD_SECONDS * RATE): NOTE_OFF}
        run(instance, BLOCK, None, 0)  # in which changed ports are taken over
        blocks = []
        for start in range(0, round(SECONDS * RATE), BLOCK):
            events = [
                _Event(kind=kind, tick=moment - start, note=note, velocity=VELOCITY)
                for moment, kind in moments.items()
                if start <= moment < start + BLOCK
            ]
            run(instance, BLOCK, (_Event * len(events))(*events), len(events))
            blocks.append(np.mean(outputs, axis=0))
        self._call(self._ladspa.deactivate, instance)
        self._call(self._ladspa.cleanup, instance)
        return np.concatenate(blocks)[: round(SECONDS * RATE)]

    def _default(self, port: int) -> float:
        hint = self._ladspa.port_hints[port]
        kind = hint.kind & 0x3C0
        if kind in SHARES:
            return float(hint.low + SHARES[kind] * (hint.high - hint.low))
        return FIXED.get(kind, 0.0)

    @staticmethod
    def _call(function: int | None, instance: int) -> None:
        if function:
            ctypes.CFUNCTYPE(None, c_void_p)(function)(instance)


def render_presets(plugin: Path, folder: Path, share: float, workers: int) -> None:
    """Play NOTES of the presets of a plugin as `bank/preset/note.flac` below `folder`.

    The presets are those of the `.bank` files beside the plugin, if there are any (of amsynth, whose programs all
    sound alike), otherwise its programs. `share` of them are taken, the same each time. A bank that was rendered whole
    before is not rendered again.
    """
    banks = sorted(plugin.parent.glob("*.bank")) or [plugin]
    work = functools.partial(_render_bank, plugin, folder, share)
    in_processes(work, banks, workers, plugin.stem, "bank", max_tasks_per_child=1)


def _render_bank(plugin: Path, folder: Path, share: float, bank: Path) -> None:
    target = folder / safe_name(bank.name.partition(".")[0])
    if target.exists():
        return
    # Engines look for settings of the user's, and complain on standard error that there are none.
    os.environ |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(plugin.parent))
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)
    synthesizer = Synthesizer(plugin)
    presets: list[tuple[str, dict[str, Any]]] = (
        [(name, {"program": program}) for program, name in synthesizer.programs().items()]
        if bank == plugin
        else [(name, {"ports": ports}) for name, ports in _bank_presets(bank)]
    )
    with whole_folder(target) as fresh:
        for number, (name, settings) in enumerate(presets):
            digest = hashlib.sha256(repr(settings).encode()).digest()
            if int.from_bytes(digest[:4], "big") >= share * 2**32:
                continue
            for note in NOTES:
                audio = synthesizer.play(note, **settings)
                # Threads that draw noise beside the playing one would make another sound the next time.
                if "program" in settings and not np.array_equal(audio, synthesizer.play(note, **settings)):
                    continue
                peak = float(np.abs(audio).max())
                if SILENT < peak < np.inf:
                    path = fresh / f"{number:03d} {safe_name(name)}" / f"{note}.flac"
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(flac_bytes(audio * np.float32(PEAK / peak), RATE))


def _bank_presets(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    for text in path.read_text(encoding="latin-1").split("<preset>")[1:]:
        first, *lines = text.strip().splitlines()
        rows = [line.split() for line in lines if line.startswith("<parameter>")]
        yield first.removeprefix("<name>").strip(), {name: float(value) for _, name, value in rows}
