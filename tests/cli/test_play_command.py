"""The page of `flowshot play` in a headless Chromium: it draws what the Python decoder makes, without a network."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from browser import CHROMIUM, Browser, Page
from defaults import COMMITTED
from flowshot.api.arm import read_clip
from flowshot.core.errors import FlowshotError
from flowshot.export import play
from flowshot.generation.interpolation import interpolate_latents
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard
from flowshot.preparation.config import dataset_config
from flowshot.priors.own import OwnPrior
from flowshot.priors.registry import make_prior, prior_config
from tiny_vae import tiny_config

pytest.importorskip("onnxruntime", reason="onnxruntime is missing: make setup EXTRAS=onnx")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")

REPOSITORY = Path(__file__).parents[2]
RATE, SAMPLES = 8000, 2000
CONFIG = replace(dataset_config(COMMITTED, "synth"), sample_rate=RATE, clip_seconds=SAMPLES / RATE)
CARD = ModelCard("vae", tiny_config(), "mine", RATE, SAMPLES, {})
CLOSE = 1e-3
READY = "document.getElementById('status').textContent === 'Ready'"


@pytest.fixture(scope="module")
def downloaded():
    """onnxruntime-web in the repository's cache, so that it is fetched once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play, "DOWNLOADS", REPOSITORY / play.DOWNLOADS)
        try:
            play.runtime_assets(play.DOWNLOADS)
        except FlowshotError as error:
            pytest.skip(str(error))
        yield


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VAE(tiny_config(), SAMPLES, RATE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def written(downloaded, model, tmp_path_factory):
    """The page of one model with two priors."""
    made = play.Page()
    assert made.add("mine/no_nf/own", model, OwnPrior(model.prior), CONFIG) < CLOSE
    mixture = make_prior("gmm", replace(prior_config(COMMITTED, "gmm"), components=2, iterations=5), model)
    latents = 2 + torch.randn(60, model.latent_size, generator=torch.Generator().manual_seed(1))
    mixture.fit(latents, latents, torch.Generator().manual_seed(2))
    made.add("mine/no_nf/gmm", model, mixture.eval(), CONFIG)
    path = tmp_path_factory.mktemp("play") / "play.html"
    path.write_text(made.text())
    return path


@pytest.fixture
def page(browser: Browser, written) -> Page:
    tab = browser.open(written, width=1280, height=800)
    tab.wait_for(READY)
    yield tab
    assert tab.problems == [] and tab.network_requests == []
    tab.close()


def numbers(page: Page, expression: str) -> torch.Tensor:
    return torch.tensor(page.evaluate(f"(async () => Array.from(await {expression}))()"))


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=CLOSE, rtol=0)


def bytes_of(path: Path) -> str:
    """JavaScript for the bytes of a file."""
    return f"Uint8Array.from(atob('{base64.b64encode(path.read_bytes()).decode()}'), (c) => c.charCodeAt(0))"


def test_a_pad_draws_a_sound_that_is_that_of_the_python_decoder(page, model):
    page.click(".pad")
    page.wait_for("last !== null")
    clip, latent = numbers(page, "last.clip"), numbers(page, "last.latent")
    assert clip.shape == (SAMPLES,) and clip.abs().max() > 0.01
    assert_close(clip, model.decode(latent[None])[0])
    page.wait_for(READY)
    page.evaluate("window.before = last")
    page.key("1")
    page.wait_for("last !== before && document.querySelector('.busy') === null")
    assert not torch.allclose(numbers(page, "last.latent"), latent), "a second press draws another sound"
    page.click("#hold")
    page.evaluate("window.before = last")
    page.key("1")
    assert page.evaluate("last === before"), "a pad that keeps its sound draws none"


@pytest.mark.parametrize(("place", "mean"), [(0, 0), (1, 2)])
def test_draws_are_those_of_the_prior(page, place, mean):
    drawn = f"Promise.all(Array.from({{length: 300}}, () => drawLatent(arms[{place}])))"
    draws = numbers(page, f"{drawn}.then((all) => all.flatMap((z) => [...z]))").reshape(300, -1)
    assert (draws.mean(0) - mean).abs().max() < 0.4 and (draws.std(0) - 1).abs().max() < 0.4


def test_the_wav_file_holds_the_sound(page):
    page.click(".pad")
    page.wait_for("last !== null")
    encoded = page.evaluate(
        "wavFile(last.clip, last.arm.sample_rate).arrayBuffer()"
        ".then((buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))))"
    )
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="float32")
    assert rate == RATE
    torch.testing.assert_close(torch.from_numpy(samples), numbers(page, "last.clip"), atol=1e-4, rtol=0)


def drop(page: Page, end: str, path: Path) -> None:
    page.evaluate(
        f"window.files = new DataTransfer(); files.items.add(new File([{bytes_of(path)}], {json.dumps(path.name)}));"
        f"document.querySelector('[data-end={end}]').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: files, cancelable: true}))"
    )
    page.wait_for(f"ends.{end} !== null")
    page.wait_for(READY)


def test_two_dropped_sounds_are_cut_encoded_and_joined_as_flowshot_does(page, model, write_sounds, tmp_path):
    files = sorted(write_sounds(tmp_path / "sounds", 2, seconds=0.4).iterdir())
    late = np.concatenate([np.zeros(900), soundfile.read(files[1])[0]])
    soundfile.write(files[1], late, RATE)
    for path, end in zip(files, "AB", strict=True):
        drop(page, end, path)
    cut = f"decodeFile({bytes_of(files[1])}.buffer, {RATE}).then((samples) => cutClip(samples, arms[0]))"
    clip = numbers(page, cut)
    assert_close(clip, torch.from_numpy(read_clip(files[1], CONFIG, CARD).samples))
    page.evaluate(f"window.given = Float32Array.from({clip.tolist()})")
    mean = numbers(page, "encodeClip(arms[0], given, new Float32Array(arms[0].latent_size))")
    assert_close(mean, model.encode_mean(clip[None])[0])
    a, b = (numbers(page, f"ends.{end}.latentOf(arms[0])") for end in "AB")
    page.evaluate(f"window.way = [{a.tolist()}, {b.tolist()}]")
    found = numbers(page, "between({...arms[0], centre: way[0].map(() => 0)}, ...way, 0.25)")
    assert_close(found, interpolate_latents(model.prior, a, b, 5)[1])
    page.evaluate("document.getElementById('morph').focus()")
    page.key("ArrowRight")
    page.wait_for("last.title.endsWith('morph 0.55')")


def test_what_is_no_sound_is_told(page):
    page.evaluate("takeFile('A', new File(['no sound'], 'notes.txt'))")
    page.wait_for("document.getElementById('status').classList.contains('problem')")
    told = page.evaluate("document.getElementById('status').textContent")
    assert told.startswith("Reading notes.txt:") and page.evaluate("ends.A === null")


def test_the_plane_moves_by_pointer_and_keys(page):
    page.click("#new-plane")
    page.wait_for("last !== null && last.title.endsWith('plane 1.00 0.00')")
    assert_close(numbers(page, "last.latent"), numbers(page, "plus(plane.a, arms[0].centre)"))
    page.click("#plane")
    page.wait_for("last.title.includes('plane 0.00') || last.title.includes('plane -0.00')")
    torch.testing.assert_close(numbers(page, "last.latent"), numbers(page, "arms[0].centre"), atol=0.05, rtol=0)
    page.key("ArrowUp")
    page.wait_for("last.title.endsWith(' 0.10')")


def test_the_page_fits_phones_and_screens_light_and_dark(browser, written):
    tab = browser.open(written, width=390, height=844)
    for width, dark in ((390, True), (1280, False)):
        tab.resize(width, 800)
        tab.colour_scheme("dark" if dark else "light")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        heights = "[...document.querySelectorAll('button, select')].map((e) => e.getBoundingClientRect().height)"
        assert tab.evaluate(f"Math.min(...{heights})") >= 30
        colours = tab.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        page_light, ink_light = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
        assert (page_light < ink_light) is dark
    tab.close()


def test_models_that_arms_share_are_held_once(written):
    text = written.read_text()
    arms = json.loads(text.split('id="arms-data">')[1].split("</script>")[0])
    assert [one["name"] for one in arms] == ["mine/no_nf/own", "mine/no_nf/gmm"]
    # The runtime's two files, encoder, decoder and its noise, and two priors.
    assert arms[0]["decode"] == arms[1]["decode"] and text.count('type="text/plain"') == 7


@pytest.mark.usefixtures("downloaded")
def test_the_command_writes_the_page(save_vae, found, fails):
    save_vae()
    report = found("play", "mine/no_nf/own", "--out", "play.html")
    assert report["arms"] == ["mine/no_nf/own"] and report["bytes"] == Path("play.html").stat().st_size
    assert "play.html: exists" in fails("play", "mine/no_nf/own", "--out", "play.html")


def test_without_npm_it_is_one_line(save_vae, fails, monkeypatch, tmp_path):
    save_vae()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(play, "DOWNLOADS", tmp_path / "downloads")
    line = fails("play", "mine/no_nf/own", "--out", "play.html")
    assert "the program `npm` is not installed; install it" in line and not Path("play.html").exists()
