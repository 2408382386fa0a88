"""Record what the original musicnn computes: `python record_musicnn.py`, where TensorFlow 2.15 and musicnn 0.1.0 are.

    pip install tensorflow-cpu==2.15.1 librosa 'numpy<2' && pip install --no-deps musicnn==0.1.0

Writes `musicnn.json` beside this file. The spectrogram is librosa's, with the padding of librosa 0.7, for which musicnn
was written. It is kept in 32 bits, where musicnn rounds it to 16; how much that matters is recorded too.
"""

import json
from pathlib import Path

import numpy as np

RECORD = Path(__file__).with_name("musicnn.json")
RATE, FRAMES = 16000, 187


def clips() -> np.ndarray:
    """A decaying chord, a rising tone, and noise in pulses: 187 frames of 256 samples at 16 kHz, `[3, samples]`."""
    time = np.arange(FRAMES * 256) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.18, 329.63)) * np.exp(-2 * time)
    rising = np.sin(2 * np.pi * (200 * time + 500 * time**2))
    noise = np.random.default_rng(0).normal(size=len(time)) * np.exp(-20 * (time % 0.5))
    return np.stack([0.1 * chord, 0.02 * rising, 0.05 * noise]).astype(np.float32)


def main() -> None:
    import librosa
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    import musicnn
    from musicnn import configuration, models

    spectrogram = tf.compat.v1.placeholder(tf.float32, [None, FRAMES, configuration.N_MELS])
    with tf.name_scope("model"):
        outputs = models.define_model(spectrogram, tf.constant(False), "MSD_musicnn", len(configuration.MSD_LABELS))
    session = tf.compat.v1.Session()
    tf.compat.v1.train.Saver().restore(session, f"{Path(musicnn.__file__).parent}/MSD_musicnn/")

    def penultimate(kind: type) -> np.ndarray:
        mel = [
            librosa.feature.melspectrogram(y=clip, sr=RATE, hop_length=256, n_fft=512, n_mels=96, pad_mode="reflect")
            for clip in clips()
        ]
        power = np.stack(mel).transpose(0, 2, 1)[:, :FRAMES].astype(kind)
        return session.run(outputs[-1], {spectrogram: np.log10(10000 * power + 1)})

    found, rounded = penultimate(np.float32), penultimate(np.float16)
    record = {
        "versions": {"tensorflow": tf.__version__, "librosa": librosa.__version__, "musicnn": "0.1.0"},
        "largest_change_by_16_bits": float(np.abs(found - rounded).max()),
        "penultimate": [[round(float(value), 6) for value in row] for row in found],
    }
    RECORD.write_text(json.dumps(record) + "\n")
    print({key: value for key, value in record.items() if key != "penultimate"}, np.abs(found).max())


if __name__ == "__main__":
    main()
