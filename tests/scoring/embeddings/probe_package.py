"""Run every embedder of frechet-audio-distance on small random weights: `python probe_package.py FOLDER`.

A process of its own, because the package decides at import where its tokenizers come from. Prints one JSON object.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(sys.argv[1]).absolute()
REVISION = "0" * 40
# What the package downloads from github, as far as it is used: 96 frames, and a last layer that is cut off.
HUBCONF = """
import numpy as np
import torch
from torch import hub, nn

dependencies = ["torch", "numpy"]
URL = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/"


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Sequential(nn.Linear(96 * 201, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.load_state_dict(hub.load_state_dict_from_url(URL + "vggish-10086976.pth", progress=False))
        pca = hub.load_state_dict_from_url(URL + "vggish_pca_params-970ea276.pth", progress=False)
        assert pca["pca_means"].shape == (128,)
        self.postprocess = True

    def forward(self, x, fs):
        assert isinstance(x, np.ndarray) and fs == 16000 and not self.postprocess
        frames = torch.from_numpy(x).unfold(0, 400, 160)
        examples = torch.fft.rfft(frames).abs().log1p().unfold(0, 96, 96)
        return self.embeddings(examples.reshape(len(examples), -1))


def vggish():
    return Network()
"""


def main() -> None:
    write_hub()
    from flowshot.core.errors import FlowshotError
    from flowshot.scoring.config import PolicyConfig
    from flowshot.scoring.embeddings.package_networks import Pann
    from flowshot.scoring.embeddings.registry import embedder

    policy = PolicyConfig(window_seconds=None, hop=1.0, level="none", level_db=-1.0)

    write_vggish()
    report = {"vggish": measure(embedder("vggish", policy, str(FOLDER)))}
    # The package is imported now, from the tokenizers above; its networks can be made.
    write_encodec()
    report["encodec"] = measure(embedder("encodec", policy, str(FOLDER)))
    write_pann()
    pann = embedder("pann", policy, str(FOLDER))
    clips = sounds(16000)
    report["pann"] = measure(pann)
    report["pann"]["from_package"] = largest_difference(
        pann.embed(clips, 16000), pann.package.get_embeddings(list(clips), 16000).reshape(len(clips), -1)
    )
    write_clap()
    clap = embedder("clap", policy, str(FOLDER))
    second = sounds(48000)[:1]
    report["clap"] = measure(clap, clips=2)
    report["clap"]["from_package"] = largest_difference(
        clap.embed(np.tile(second, 10), 48000), clap.package.get_embeddings(list(second), 48000)
    )
    import torch

    torch.save({"model": Trap()}, FOLDER / "Cnn14_16k_mAP%3D0.438.pth")
    try:
        Pann(policy, FOLDER)
    except FlowshotError as error:
        report["trap"] = {"error": str(error), "sprung": (FOLDER / "sprung").exists()}
    print(json.dumps(report))


class Trap:
    """Would leave a file behind if it were unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(FOLDER / "sprung"),)


def measure(each, clips=4) -> dict:
    found = each.embed(sounds(16000)[:clips], 16000)
    again = each.embed(sounds(16000)[1:2], 16000)
    short = each.embed(sounds(16000)[:1, :800], 16000)
    return {
        "name": each.name,
        "shape": found.shape,
        "finite": bool(np.isfinite(found).all() and np.isfinite(short).all()),
        "distance": float(np.linalg.norm(found[0] - found[1]) / np.linalg.norm(found[0])),
        "repeated": largest_difference(found[1:2], again),
        "weights": each.weights_sha256,
        "runtime": each.runtime,
        "dimensions": each.dimensions,
    }


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def sounds(rate: int) -> np.ndarray:
    """Four clips of one second: two decaying tones and two noises, `[4, rate]`."""
    time = np.arange(rate) / rate
    noise = np.random.default_rng(0).normal(size=(2, rate))
    tones = [np.sin(2 * np.pi * hertz * time) * np.exp(-5 * time) for hertz in (300, 2000)]
    return (0.1 * np.stack([tones[0], noise[0], tones[1], noise[1]])).astype(np.float32)


def write_hub() -> None:
    """The tokenizers, with a few words each, and a text network of one small layer."""
    bert = {"vocab.txt": "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])}
    words = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a"])}
    bpe = {"vocab.json": json.dumps(words), "merges.txt": "#version: 0.2\n"}
    for name, kind, files in (
        ("bert-base-uncased", "bert", bert),
        ("roberta-base", "roberta", bpe),
        ("facebook--bart-base", "bart", bpe),
    ):
        model = FOLDER / "huggingface/hub" / f"models--{name}"
        snapshot = model / "snapshots" / REVISION
        snapshot.mkdir(parents=True)
        (model / "refs").mkdir()
        (model / "refs/main").write_text(REVISION)
        config = {"model_type": kind}
        if kind == "roberta":
            config |= {"hidden_size": 768, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
            config |= {"vocab_size": 6, "max_position_embeddings": 514, "pad_token_id": 1, "type_vocab_size": 1}
        (snapshot / "config.json").write_text(json.dumps(config))
        (snapshot / "tokenizer_config.json").write_text("{}")
        for file, text in files.items():
            (snapshot / file).write_text(text)


def small(model, seed: int) -> dict:
    """Random weights for a network, in 16 bits; large layers repeat them, because drawing 80 million takes seconds."""
    import torch

    drawn = np.random.default_rng(seed).normal(size=2**19).astype(np.float16)

    def weight(tensor):
        if not tensor.is_floating_point() or tensor.ndim < 2:
            return tensor
        scale = np.float16(tensor[0].numel() ** -0.5)
        return torch.from_numpy(np.resize(scale * drawn, tuple(tensor.shape)))

    return {name: weight(tensor) for name, tensor in model.state_dict().items()}


def write_vggish() -> None:
    import torch

    repository = FOLDER / "harritaylor_torchvggish_master"
    repository.mkdir()
    (repository / "hubconf.py").write_text(HUBCONF)
    (FOLDER / "checkpoints").mkdir()
    generator = torch.Generator().manual_seed(0)
    shapes = {"embeddings.0": (128, 96 * 201), "embeddings.2": (128, 128)}
    weights = {f"{name}.weight": torch.randn(shape, generator=generator) / 50 for name, shape in shapes.items()}
    weights |= {f"{name}.bias": torch.zeros(shape[0]) for name, shape in shapes.items()}
    torch.save(weights, FOLDER / "checkpoints/vggish-10086976.pth")
    # Like the real one, this holds arrays of numpy.
    pca = {"pca_means": np.zeros(128, np.float32), "pca_eigen_vectors": np.eye(128)}
    torch.save(pca, FOLDER / "checkpoints/vggish_pca_params-970ea276.pth")


def write_encodec() -> None:
    import torch
    from encodec import EncodecModel

    model = EncodecModel.encodec_model_24khz(pretrained=False)
    torch.save(small(model, 1), FOLDER / "checkpoints/encodec_24khz-d7cc33bc.th")


def write_pann() -> None:
    import torch
    from frechet_audio_distance.models.pann import Cnn14_16k

    model = Cnn14_16k(16000, window_size=512, hop_size=160, mel_bins=64, fmin=50, fmax=8000, classes_num=527)
    torch.save({"model": small(model, 2)}, FOLDER / "Cnn14_16k_mAP%3D0.438.pth")


def write_clap() -> None:
    import torch
    from laion_clap import CLAP_Module
    from transformers import RobertaConfig, RobertaModel

    snapshot = FOLDER / "huggingface/hub/models--roberta-base/snapshots" / REVISION
    RobertaModel(RobertaConfig.from_json_file(snapshot / "config.json")).save_pretrained(snapshot)
    weights = small(CLAP_Module(enable_fusion=False, device="cpu").model, 3)
    # As in the real checkpoint: from several processes, with a buffer of an older library, and numbers of numpy beside.
    weights["text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    state = {f"module.{name}": tensor for name, tensor in weights.items()}
    checkpoint = {"epoch": 1, "name": "random", "state_dict": state, "best": np.float64(0.5), "step": np.int64(3)}
    torch.save(checkpoint, FOLDER / "630k-audioset-best.pt")


if __name__ == "__main__":
    main()
