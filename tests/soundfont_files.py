"""Writes small SoundFonts for tests, record by record."""

import struct

import numpy as np

MONO, RIGHT, LEFT = 1, 2, 4


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def text(name):
    return name.encode("latin-1").ljust(20, b"\0")


def soundfont(recordings, instruments, presets, *, kind=b"sfbk", without=()):
    """The bytes of a SoundFont.

    Args:
        recordings: each a dict of audio (int16) and what differs of rate, loop, type, link, start, end.
        instruments: name and zones; a zone is the pairs (kind of generator, amount), the recording (53) last.
        presets: bank and the numbers of instruments.
    """
    audio, headers = b"", b""
    for number, recording in enumerate(recordings):
        samples = np.asarray(recording["audio"], dtype="<i2")
        start = recording.get("start", len(audio) // 2)
        end = recording.get("end", start + len(samples))
        first, behind = recording.get("loop", (0, 0))
        headers += text(recording.get("name", f"sound {number}")) + struct.pack(
            "<IIIIIBbHH", start, end, start + first, start + behind, recording.get("rate", 8000), 60, 0,
            recording.get("link", 0), recording.get("type", MONO),
        )  # fmt: skip
        audio += samples.tobytes() + bytes(46 * 2)  # the format wants 46 zeros between recordings
    headers += text("EOS") + bytes(26)

    def tables(owners, record):
        table, bags, generators = b"", b"", b""
        zones = 0
        for owner, settings in owners:
            table += record(owner, zones)
            for zone in settings:
                bags += struct.pack("<HH", len(generators) // 4, 0)
                generators += b"".join(struct.pack("<HH", *pair) for pair in zone)
            zones += len(settings)
        bags += struct.pack("<HH", len(generators) // 4, 0)
        return table + record(None, zones), bags, generators + bytes(4)

    def preset(bank, zones):
        return text("preset") + struct.pack("<HHHIII", 0, bank or 0, zones, 0, 0, 0)

    def instrument(name, zones):
        return text("EOI" if name is None else name) + struct.pack("<H", zones)

    phdr, pbag, pgen = tables([(bank, [[(41, number)] for number in used]) for bank, used in presets], preset)
    inst, ibag, igen = tables(
        instruments, lambda name, zones: text("EOI" if name is None else name) + struct.pack("<H", zones)
    )
    articulation = {
        b"phdr": phdr, b"pbag": pbag, b"pmod": bytes(10), b"pgen": pgen, b"inst": inst, b"ibag": ibag,
        b"imod": bytes(10), b"igen": igen, b"shdr": headers,
    }  # fmt: skip
    content = kind + chunk(b"LIST", b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)))
    content += chunk(b"LIST", b"sdta" + chunk(b"smpl", audio))
    content += chunk(
        b"LIST", b"pdta" + b"".join(chunk(name, rows) for name, rows in articulation.items() if name not in without)
    )
    return chunk(b"RIFF", content)


def keys(low, high):
    return (43, high << 8 | low)
