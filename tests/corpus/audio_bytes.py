"""Audio files as bytes, well made and not, of which the corpus of bad audio consists."""

import io
import struct

import av
import numpy as np
import soundfile

RATE = 8000  # Hz, of the sounds where nothing else is said
SECONDS = 0.25
AAC_DELAY = 1024  # samples of padding that the encoder puts in front
FRAMES_OF = {"flac": 4608, "alac": 4096, "wmav2": 2048}  # samples that an encoder wants at once


def tone(frequency: float, rate: int = RATE, seconds: float = SECONDS) -> np.ndarray:
    """A struck tone, float64 `[seconds * rate]`: the same sound at every sample rate."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.cos(2 * np.pi * frequency * time) * np.exp(-8 * time)


def encoded(audio: np.ndarray, container: str, subtype: str, rate: int = RATE, endian: str = "FILE") -> bytes:
    """The audio `[frames]` or `[frames, channels]` as libsndfile writes it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, rate, format=container, subtype=subtype, endian=endian)
    return buffer.getvalue()


def through_ffmpeg(audio: np.ndarray, container: str, codec: str, rate: int = RATE, channels: int = 1) -> bytes:
    """The audio `[frames]` as FFmpeg writes it, in each of the channels."""
    content = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.frombuffer(int16(np.repeat(audio, channels)), "<i2")[None], "s16", layout)
    frame.sample_rate, frame.pts = rate, 0
    with av.open(content, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        context = stream.codec_context
        context.format = context.codec.audio_formats[0]
        context.bit_rate = 160_000 if codec == "aac" and rate > RATE else 48_000
        size = FRAMES_OF.get(codec, 1024)
        resampler = av.AudioResampler(context.format, layout, rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            file.mux(stream.encode(piece))
    return content.getvalue()


def aac_in_caf(audio: np.ndarray, rate: int) -> bytes:
    """The audio `[frames]` as AAC in a CAF file, as macOS writes it; FFmpeg encodes it, but has no writer for that.

    Apple, "Core Audio Format Specification 1.0"; its magic cookie is the descriptor of ISO/IEC 14496-1, 7.2.6.5.
    """
    with av.open(io.BytesIO(through_ffmpeg(audio, "ipod", "aac", rate))) as file:
        stream = file.streams.audio[0]
        specific = bytes(stream.codec_context.extradata or b"")
        packets = [bytes(packet) for packet in file.demux(stream) if packet.size]

    def descriptor(tag: int, content: bytes) -> bytes:
        return bytes([tag, len(content)]) + content

    def part(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content

    decoder = descriptor(4, b"\x40\x15" + bytes(11) + descriptor(5, specific))
    cookie = bytes(4) + descriptor(3, bytes(3) + decoder + descriptor(6, b"\x02"))
    sizes = b"".join(bytes([0x80 | len(packet) >> 7, len(packet) & 0x7F]) for packet in packets)
    table = struct.pack(">qqii", len(packets), len(audio), AAC_DELAY, len(packets) * 1024 - AAC_DELAY - len(audio))
    return (
        b"caff\0\1\0\0"
        + part(b"desc", struct.pack(">d4sIIIII", rate, b"aac ", 0, 0, 1024, 1, 0))
        + part(b"kuki", cookie)
        + part(b"pakt", table + sizes)
        + part(b"data", bytes(4) + b"".join(packets))
    )


def faststart(content: bytes) -> bytes:
    """An MP4 file with its index in front of its sound, as those that are played while they load."""
    boxes, place = {}, 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        boxes[content[place + 4 : place + 8]] = content[place : place + size]
        place += size
    index, place = bytearray(boxes[b"moov"]), boxes[b"moov"].index(b"stco") + 4
    for entry in range(int.from_bytes(index[place + 4 : place + 8], "big")):
        at = slice(place + 8 + 4 * entry, place + 12 + 4 * entry)
        index[at] = (int.from_bytes(index[at], "big") + len(index)).to_bytes(4, "big")
    return boxes[b"ftyp"] + bytes(index) + b"".join(boxes[key] for key in boxes if key not in (b"ftyp", b"moov"))


def texts(*lengths: int) -> bytes:
    """A chunk of texts in a WAV file, each padded to four bytes, as some programs write them."""
    names = (b"INAM", b"IART", b"ICMT")
    items = [
        name + struct.pack("<I", size) + b"k" * size + bytes(-size % 4)
        for name, size in zip(names, lengths, strict=False)
    ]
    return chunk(b"LIST", b"INFO" + b"".join(items))


def int16(audio: np.ndarray) -> bytes:
    """The samples as 16-bit little-endian integers."""
    return np.rint(audio * 32767).astype("<i2").tobytes()


def int32(audio: np.ndarray) -> bytes:
    """The samples as 32-bit little-endian integers of which 24 bits are used."""
    return (np.rint(audio * 8388607).astype("<i4") << 8).tobytes()


def chunk(name: bytes, content: bytes, promised: int | None = None) -> bytes:
    """A chunk of a RIFF file, without the byte that should follow an odd one; its size may be a lie."""
    return name + struct.pack("<I", len(content) if promised is None else promised) + content


def wav(
    content: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    align: int | None = None,
    promised: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A WAV file whose header says what it is told to.

    Args:
        content: of the chunk `data`.
        tag: the number of the encoding, 1 for integers.
        channels: as the header has them, as the next four.
        rate: in Hz.
        bits: a sample.
        align: bytes a frame; what fits to channels and bits, if not given.
        promised: size of the chunk `data`; the true one, if not given.
        before: chunks in front of it.
        after: chunks behind it.
    """
    align = channels * bits // 8 if align is None else align
    header = struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    chunks = chunk(b"fmt ", header) + before + chunk(b"data", content, promised) + after
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def extensible(content: bytes, *, bits: int, align: int, valid: int, rate: int = RATE) -> bytes:
    """A mono WAV file of the extensible kind, in integers, whose header says what it is told to."""
    header = struct.pack("<HHIIHHHHI", 0xFFFE, 1, rate, rate * align, align, bits, 22, valid, 4)
    header += struct.pack("<H", 1) + bytes.fromhex("0000 0000 1000 8000 00aa 0038 9b71")
    chunks = chunk(b"fmt ", header) + chunk(b"data", content)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def id3(content: bytes) -> bytes:
    """An ID3v2.3 tag with one picture."""
    picture = b"\0image/png\0\x03\0" + content
    frame = b"APIC" + struct.pack(">IH", len(picture), 0) + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame
