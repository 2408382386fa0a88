"""The corpus: every kind of bad or unusual file, how it is made, and what the audit must say of it."""

import gzip
import os
import pickle
from dataclasses import dataclass

import numpy as np

from corpus.audio_bytes import (
    SECONDS,
    aac_in_caf,
    chunk,
    encoded,
    extensible,
    faststart,
    id3,
    int16,
    int32,
    texts,
    tone,
    wav,
)
from corpus.makers import (
    Make,
    Mine,
    bound_socket,
    chained,
    channels,
    floats,
    folder_with_a_sound,
    halved,
    holds,
    link_to,
    lying,
    of_tone,
    sparse,
    tar_of,
    with_ffmpeg,
    with_one,
    written,
    zip_of,
)  # fmt: skip

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
NOTES = b"To do: record a kick.\n" * 40


@dataclass(frozen=True)
class Kind:
    """One entry of the corpus.

    Attributes:
        name: of the file, which may lie in a folder.
        make: writes it, given its path and the frequency of its tone.
        reason: the audit's word; empty where the file must be kept, and be its tone.
        source: how the audit writes the name, where that is not text.
        seconds: how long its sound lasts, where it is kept; None where that is up to the decoder.
    """

    name: str
    make: Make
    reason: str = ""
    source: str = ""
    seconds: float | None = SECONDS

    @property
    def listed_as(self) -> str:
        """The column `source` of its row of the audit."""
        return self.source or self.name


GOOD_WAV = encoded(tone(3111), "WAV", "PCM_16")
SILENCE = wav(b"", tag=3, channels=8, bits=64, rate=48000, promised=64 << 20)
NO_AUDIO = np.zeros(0)

KINDS = [
    # Cut off.
    Kind("truncated.wav", halved("WAV", "PCM_16"), "unreadable"),
    Kind("truncated float.wav", halved("WAV", "FLOAT"), "unreadable"),
    Kind("truncated adpcm.wav", halved("WAV", "IMA_ADPCM"), "unreadable"),
    Kind("truncated.rf64", halved("RF64", "PCM_16"), "unreadable"),
    Kind("truncated.w64", halved("W64", "PCM_16"), "unreadable"),
    Kind("truncated.aiff", halved("AIFF", "PCM_16"), "unreadable"),
    Kind("truncated.au", halved("AU", "PCM_16"), "unreadable"),
    Kind("truncated.caf", halved("CAF", "PCM_16"), "unreadable"),
    Kind("truncated.flac", halved("FLAC", "PCM_16"), "unreadable"),
    Kind("truncated.ogg", halved("OGG", "VORBIS"), "unreadable"),
    Kind("truncated.opus", halved("OGG", "OPUS"), "unreadable"),
    Kind("header only.wav", holds(GOOD_WAV[:20]), "unreadable"),
    Kind("one byte.wav", holds(b"R"), "unreadable"),
    Kind("zero bytes.wav", holds(b""), "empty"),
    Kind("no samples.wav", holds(encoded(NO_AUDIO, "WAV", "PCM_16")), "empty"),
    Kind("no samples.flac", holds(encoded(NO_AUDIO, "FLAC", "PCM_16")), "empty"),
    # Streams have no length that could be believed: what there is of them is what they are.
    Kind("half.mp3", halved("MP3", "MPEG_LAYER_III", rate=44_100), seconds=None),
    Kind("truncated aac.m4a",
         with_ffmpeg("ipod", "aac", seconds=2.0, change=lambda content: faststart(content)[:-4000]), "unreadable"),
    Kind("without its index.m4a", with_ffmpeg("ipod", "aac", change=lambda content: content[:-700]), "unreadable"),
    Kind("truncated alac.caf", with_ffmpeg("caf", "alac", seconds=2.0, change=lambda content: content[:-4000]),
         "unreadable"),
    Kind("truncated aac.caf", of_tone(lambda audio: aac_in_caf(audio, 44_100)[:-4000], 44_100, seconds=2.0),
         "unreadable"),
    Kind("truncated.wma", with_ffmpeg("asf", "wmav2", 44_100, seconds=2.0, change=lambda content: content[:-4000]),
         "unreadable"),
    Kind("truncated.tta", with_ffmpeg("tta", "tta", change=lambda content: content[:-300]), "unreadable"),
    Kind("truncated flac.ogg", with_ffmpeg("ogg", "flac", change=lambda content: content[:-300]), "unreadable"),
    Kind("truncated with texts.wav", of_tone(lambda audio: wav(int16(audio), before=texts(1))[:-2000]), "unreadable"),
    # What libsndfile cannot decode, or not all of it.
    Kind("aac.m4a", with_ffmpeg("ipod", "aac", 44_100), seconds=None),
    Kind("stereo.m4a", with_ffmpeg("ipod", "aac", 48_000, channels=2), seconds=None),
    Kind("alac.m4a", with_ffmpeg("ipod", "alac")),
    Kind("alac.caf", with_ffmpeg("caf", "alac")),
    Kind("aac.caf", of_tone(lambda audio: aac_in_caf(audio, 44_100), 44_100)),
    Kind("pcm.m4a", with_ffmpeg("mov", "pcm_s16be")),
    Kind("adts.aac", with_ffmpeg("adts", "aac", 44_100), seconds=None),
    Kind("tagged.aac", with_ffmpeg("adts", "aac", 44_100, change=lambda content: id3(PNG) + content), seconds=None),
    Kind("windows media.wma", with_ffmpeg("asf", "wmav2", 44_100), seconds=None),
    Kind("flac.ogg", with_ffmpeg("ogg", "flac")),
    Kind("8 bit.voc", with_ffmpeg("voc", "pcm_u8")),
    Kind("16 bit.voc", with_ffmpeg("voc", "pcm_s16le")),
    Kind("sphere.sph", written("NIST", "PCM_16")),
    Kind("ircam.sf", written("IRCAM", "PCM_16")),
    Kind("broadcast.bwf", written("WAV", "PCM_24")),
    Kind("wavpack.wv", with_ffmpeg("wv", "wavpack")),
    Kind("true audio.tta", with_ffmpeg("tta", "tta")),
    Kind("alac.wav", with_ffmpeg("ipod", "alac")),
    Kind("id3v1.flac", of_tone(lambda audio: encoded(audio, "FLAC", "PCM_16") + b"TAG" + b"kick".ljust(125, b"\0"))),
    Kind("id3 chunk.aiff", of_tone(lambda audio: encoded(audio, "AIFF", "PCM_16") + b"ID3 \0\0\0\x0a" + id3(b"")[:10])),
    *(Kind(f"texts of {size}.wav", of_tone(lambda audio, size=size: wav(int16(audio), before=texts(size, 7, 4))))
      for size in (1, 2, 4, 5, 6, 9)),
    Kind("texts at the end.wav", of_tone(lambda audio: wav(int16(audio), after=texts(1, 6, 9)))),
    Kind("length of zero.wav", lying(promised=0)),
    Kind("length of zero everywhere.wav", of_tone(lambda audio: b"RIFF\0\0\0\0" + wav(int16(audio), promised=0)[8:])),
    Kind("no sound but a text.wav", holds(wav(b"", after=texts(6))), "empty"),
    Kind("spaces behind.wav  ", written("WAV", "PCM_16")),
    # Audio that nothing here can decode.
    Kind("protected.m4a", with_ffmpeg("ipod", "aac", change=lambda content: content.replace(b"mp4a", b"drms")),
         "unsupported"),
    # Something else under a name of audio, or audio under another name.
    Kind("text.wav", holds(NOTES), "unreadable"),
    Kind("picture.mp3", holds(PNG), "unreadable"),
    Kind("page.ogg", holds(b"<!DOCTYPE html><html><body>404 Not Found</body></html>"), "unreadable"),
    Kind("playlist.m3u", holds(b"#EXTM3U\n/etc/passwd\n"), "not_audio"),
    Kind("playlist.wav", holds(b"#EXTM3U\n/etc/passwd\n"), "unreadable"),
    Kind("playlist.aac", holds(b"[playlist]\nFile1=/etc/passwd\n"), "unreadable"),
    Kind("random.wav", holds(np.random.default_rng(0).bytes(5000)), "unreadable"),
    Kind("zeros.mp3", holds(bytes(100_000)), "unreadable"),
    Kind("midi.wav", holds(b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0"), "unreadable"),
    Kind("soundfont.wav", holds(b"RIFF\x20\0\0\0sfbkLIST\x10\0\0\0INFOifil\x04\0\0\0\x02\0\x01\0"), "unreadable"),
    Kind("movie.m4a", holds(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0" + bytes(500)), "unreadable"),
    Kind("windows.wma", holds(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(500)), "unreadable"),
    Kind("theora.ogg", holds(b"OggS\0\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(60)), "unreadable"),
    Kind("pickle.wav", holds(pickle.dumps(Mine())), "unreadable"),
    Kind("sound.txt", written("WAV", "PCM_16"), "not_audio"),
    Kind("no suffix", written("WAV", "PCM_16"), "not_audio"),
    Kind("headerless.raw", of_tone(int16), "not_audio"),
    Kind("unfinished.wav.part", written("WAV", "PCM_16"), "not_audio"),
    Kind("flac.mp3", written("FLAC", "PCM_16")),
    Kind("wav.flac", written("WAV", "PCM_16")),
    Kind("LOUD NAME.WAV", written("WAV", "PCM_16")),
    # Headers that lie.
    Kind("promises more.wav", lying(promised=40_000), "unreadable"),
    Kind("promises a little more.wav", lying(promised=4044)),  # the size of the file instead of that of its audio
    Kind("streamed.wav", lying(promised=0xFFFFFFFF)),
    Kind("streamed by sox.wav", lying(promised=0x7FFFFFFF)),
    Kind("promises less.wav", lying(promised=2000), seconds=SECONDS / 2),
    Kind("rate of zero.wav", lying(rate=0), "unreadable"),
    Kind("rate of 3 Hz.wav", lying(rate=3), "unreadable"),
    Kind("rate of 4 GHz.wav", lying(rate=0xFFFFFFFF), "unreadable"),
    Kind("no channels.wav", lying(channels=0, align=2), "unreadable"),
    Kind("65535 channels.wav", lying(channels=65535), "unreadable"),
    Kind("no bits.wav", lying(bits=0), "unreadable"),
    Kind("255 bits.wav", lying(bits=255), "unreadable"),
    Kind("vorbis inside.wav", of_tone(lambda audio: wav(encoded(audio, "OGG", "VORBIS"), tag=0x674F)), "unsupported"),
    Kind("mp3 inside.wav",
         of_tone(lambda sound: wav(encoded(sound, "MP3", "MPEG_LAYER_III", 44_100), tag=0x55, rate=44_100), 44_100),
         seconds=None),
    Kind("unknown encoding.wav", lying(tag=0x1234), "unsupported"),
    Kind("24 of 24 bits in 4 bytes.wav", of_tone(lambda audio: extensible(int32(audio), bits=24, align=4, valid=24)),
         "unreadable"),
    Kind("16 bits in 3 bytes.wav", lying(align=3), "unreadable"),
    Kind("24 of 32 bits in 4 bytes.wav", of_tone(lambda audio: extensible(int32(audio), bits=32, align=4, valid=24))),
    Kind("chained.ogg", chained("VORBIS")),
    Kind("chained.opus", chained("OPUS")),
    Kind("no data.wav", holds(b"RIFF\x24\0\0\0WAVE" + GOOD_WAV[12:36]), "unreadable"),
    # Numbers that are no sound.
    Kind("nan.wav", floats(with_one(np.nan)), "not_finite"),
    Kind("infinity.wav", floats(with_one(np.inf)), "not_finite"),
    Kind("minus infinity.wav", floats(with_one(-np.inf), bits=64), "not_finite"),
    Kind("beyond float32.wav", floats(lambda audio: 1e300 * audio, bits=64), "not_finite"),
    Kind("overflows when resampled.wav", floats(lambda audio: 3e38 * np.sign(audio), rate=44100), "not_finite"),
    Kind("zeros.wav", floats(np.zeros_like), "silent"),
    Kind("constant.wav", floats(lambda audio: np.full_like(audio, 0.7)), "silent"),
    Kind("faint.wav", floats(lambda audio: 1e-3 * audio), "silent"),
    Kind("subnormal.wav", floats(lambda audio: 1e-39 * audio), "silent"),
    Kind("cancels.wav", of_tone(lambda audio: encoded(np.stack([audio, -audio], 1), "WAV", "FLOAT")), "silent"),
    Kind("hours of silence.flac", holds(encoded(np.zeros(1 << 22, np.int16), "FLAC", "PCM_16", 44100)), "silent"),
    Kind("one sample.wav", holds(encoded(np.ones(1), "WAV", "PCM_16")), "too_short"),
    Kind("a millisecond.wav", of_tone(lambda audio: encoded(audio[:8], "WAV", "PCM_16")), "too_short"),
    Kind("spike at the end.wav", floats(lambda audio: 1.0 * (np.arange(len(audio)) == len(audio) - 1)), "too_short"),
    Kind("huge.wav", floats(lambda audio: 1e30 * audio)),
    Kind("huger.wav", floats(lambda audio: 6e38 * audio)),
    Kind("beyond full scale.wav", floats(lambda audio: 50 * audio)),
    Kind("with an offset.wav", floats(lambda audio: audio + 1e-4)),
    # Good, but seldom seen.
    Kind("8 channels.wav", channels(8)),
    Kind("200 channels.wav", channels(200)),
    Kind("64-bit float.wav", floats(lambda audio: audio, bits=64)),
    Kind("mu-law.wav", written("WAV", "ULAW")),
    Kind("a-law.wav", written("WAV", "ALAW")),
    Kind("ima adpcm.wav", written("WAV", "IMA_ADPCM")),
    Kind("ms adpcm.wav", written("WAV", "MS_ADPCM")),
    Kind("24 bit.wav", written("WAV", "PCM_24")),
    Kind("8 bit.wav", written("WAV", "PCM_U8")),
    Kind("32 bit.wav", written("WAV", "PCM_32")),
    Kind("extensible.wav", written("WAVEX", "PCM_16")),
    Kind("big endian.wav", written("WAV", "PCM_16", endian="BIG")),
    Kind("384 kHz.wav", written("WAV", "PCM_16", rate=384_000)),
    Kind("192 kHz.flac", written("FLAC", "PCM_24", rate=192_000)),
    Kind("odd rate.wav", written("WAV", "PCM_16", rate=11_127)),
    Kind("long.rf64", written("RF64", "PCM_16")),
    Kind("sony.w64", written("W64", "PCM_16")),
    Kind("integers.aiff", written("AIFF", "PCM_16")),
    Kind("mu-law.aifc", written("AIFF", "ULAW")),
    Kind("little endian.aifc", written("AIFF", "PCM_16", endian="LITTLE")),
    Kind("float.caf", written("CAF", "FLOAT")),
    Kind("lossless.caf", written("CAF", "ALAC_16")),
    Kind("sun.au", written("AU", "PCM_16")),

    Kind("odd chunk.wav", of_tone(lambda audio: wav(int16(audio), before=chunk(b"odd ", b"abc"))), "unreadable"),
    Kind("padded odd chunk.wav", of_tone(lambda audio: wav(int16(audio), before=chunk(b"odd ", b"abc") + b"\0"))),
    Kind("odd data.wav", of_tone(lambda audio: wav(int16(audio) + b"\x01"))),
    Kind("much behind.wav", of_tone(lambda audio: wav(int16(audio), after=chunk(b"junk", PNG) + b"more"))),
    Kind("picture in front.mp3", of_tone(lambda audio: id3(PNG) + encoded(audio, "MP3", "MPEG_LAYER_III"))),
    Kind("picture only.mp3", holds(id3(PNG)), "unreadable"),
    # Archives, of which nothing may be unpacked.
    Kind("bomb.zip", holds(zip_of("a.wav", bytes(20 << 20))), "not_audio"),
    Kind("bomb.wav", holds(zip_of("a.wav", bytes(20 << 20))), "unreadable"),
    Kind("escape.flac", holds(zip_of("../escaped.wav", GOOD_WAV)), "unreadable"),
    Kind("escape.tar.gz", holds(tar_of("../escaped.wav", GOOD_WAV)), "not_audio"),
    Kind("escape.ogg", holds(tar_of("/tmp/escaped.wav", GOOD_WAV)), "unreadable"),
    Kind("zipped.wav", holds(gzip.compress(GOOD_WAV, mtime=0)), "unreadable"),
    # What is no file.
    Kind("directory.wav", folder_with_a_sound, "not_audio"),
    Kind("loop.wav", link_to("loop.wav"), "unreadable"),
    Kind("dangling.wav", link_to("nowhere.wav"), "unreadable"),
    Kind("round and round", link_to("."), "linked_folder"),
    Kind("linked folder.wav", link_to("directory.wav"), "linked_folder"),
    Kind("linked.wav", link_to("8 channels.wav"), "duplicate"),
    Kind("zero device.wav", link_to("/dev/zero"), "unreadable"),
    Kind("terminal.wav", link_to("/dev/tty"), "unreadable"),
    Kind("pipe.wav", lambda path, _: os.mkfifo(path), "unreadable"),
    Kind("socket.wav", bound_socket, "unreadable"),
    # Names.
    Kind("new\nline.wav", written("WAV", "PCM_16")),
    Kind("carriage\rreturn\t\x1b[31m.wav", written("WAV", "PCM_16")),
    Kind("no text \udcff\udcfe.wav", written("WAV", "PCM_16"), source="no text \\udcff\\udcfe.wav"),
    Kind("long" * 62 + "abc.wav", written("WAV", "PCM_16")),
    Kind('<script>alert("1")<&.wav', written("WAV", "PCM_16")),
    Kind("=1+1,;'.wav", written("WAV", "PCM_16")),
    Kind("-rf *.wav", written("WAV", "PCM_16")),
    Kind("\u202egnp.wav", written("WAV", "PCM_16")),
    # What systems leave behind.
    Kind(".hidden.wav", written("WAV", "PCM_16")),
    Kind(".wav", written("WAV", "PCM_16"), "not_audio"),
    Kind("._apple.wav", holds(bytes.fromhex("00051607 00020000") + b"Mac OS X        " + bytes(60)), "not_audio"),
    Kind(".DS_Store", holds(b"\0\0\0\x01Bud1" + bytes(100)), "not_audio"),
    Kind("Thumbs.db", holds(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "not_audio"),
    # 2 GiB each.
    Kind("sparse.wav", sparse(SILENCE), "silent"),
    Kind("sparse without a header.wav", sparse(b""), "unreadable"),
    Kind("sparse behind a sound.wav", lambda path, frequency: sparse(wav(int16(tone(frequency))))(path, frequency)),
    Kind("sparse behind nothing.mp3", sparse(b"\xff\xfb\x90\x00"), "unreadable"),
]  # fmt: skip


def frequency_of(kind: Kind) -> float:
    """Every kind has a tone of its own, in Hz, so that none is a copy of another."""
    return 150.0 + 20 * KINDS.index(kind)
