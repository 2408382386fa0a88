"""The page of `flowshot play` in a headless Chromium: it draws what the Python decoder makes, without a network."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import flowshot
from browser import CHROMIUM, Browser, Page
from flowshot.core.errors import FlowshotError
from flowshot.export import play
from flowshot.generation.interpolation import interpolate_latents

pytest.importorskip("onnxruntime", reason="onnxruntime is missing: make setup EXTRAS=onnx")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")

REPOSITORY = Path(__file__).parents[2]
CLOSE = 1e-3
READY = "document.getElementById('status').textContent === 'Ready'"


@pytest.fixture
def downloaded(monkeypatch):
    """onnxruntime-web in the repository's cache, so that it is fetched once."""
    monkeypatch.setattr(play, "DOWNLOADS", REPOSITORY / play.DOWNLOADS)
    try:
        play.runtime_assets(play.DOWNLOADS)
    except FlowshotError as error:
        pytest.skip(str(error))


@pytest.fixture
def arm(downloaded, save_vae, found):
    save_vae()
    report = found("play", "mine/no_nf/own", "--out", "play.html")
    assert report["arms"] == ["mine/no_nf/own"] and report["bytes"] == Path("play.html").stat().st_size
    return flowshot.load("mine/no_nf/own")


@pytest.fixture
def page(browser: Browser, arm) -> Page:
    tab = browser.open(Path("play.html"), width=1280, height=800)
    tab.wait_for(READY)
    yield tab
    assert tab.problems == [] and tab.network_requests == []
    tab.close()


def numbers(page: Page, expression: str) -> torch.Tensor:
    return torch.tensor(page.evaluate(f"(async () => Array.from(await {expression}))()"))


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=CLOSE, rtol=0)


def test_a_pad_draws_a_sound_that_is_that_of_the_python_decoder(page, arm):
    page.click(".pad")
    page.wait_for("last !== null")
    clip, latent = numbers(page, "last.clip"), numbers(page, "last.latent")
    assert clip.shape == (arm.clip_samples,) and clip.abs().max() > 0.01
    assert_close(clip, arm.decode(latent[None])[0])
    page.wait_for(READY)
    page.key("1")
    page.wait_for(f"last.clip[0] !== {clip[0]}")
    assert not torch.allclose(numbers(page, "last.latent"), latent), "a second press draws another sound"
    page.wait_for(READY)
    page.click("#hold")
    page.evaluate("window.before = last")
    page.key("1")
    assert page.evaluate("last === before")
    page.evaluate("document.activeElement.blur()")
    page.key(" ")


def test_draws_are_those_of_the_prior(page, arm):
    page.evaluate("document.title = 'draws'")
    drawn = (
        "Promise.all(Array.from({length: 300}, () => drawLatent(arms[0]))).then((all) => all.flatMap((z) => [...z]))"
    )
    draws = numbers(page, drawn).reshape(300, -1)
    assert draws.mean(0).abs().max() < 0.25 and (draws.std(0) - 1).abs().max() < 0.25


def test_the_wav_file_holds_the_sound(page, arm):
    page.click(".pad")
    page.wait_for("last !== null")
    encoded = page.evaluate(
        "new Promise((done) => { const reader = new FileReader(); reader.onload = () => done(reader.result.split(',')[1]);"
        "reader.readAsDataURL(wavFile(last.clip, last.arm.sample_rate)); })"
    )
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="float32")
    assert rate == arm.sample_rate
    torch.testing.assert_close(torch.from_numpy(samples), numbers(page, "last.clip"), atol=1e-4, rtol=0)


def drop(page: Page, end: str, path: Path) -> None:
    page.evaluate(
        f"(() => {{ const bytes = Uint8Array.from(atob('{base64.b64encode(path.read_bytes()).decode()}'), (c) => c.charCodeAt(0));"
        f"const files = new DataTransfer(); files.items.add(new File([bytes], {json.dumps(path.name)}));"
        f"document.querySelector('[data-end={end}]').dispatchEvent(new DragEvent('drop', {{dataTransfer: files, cancelable: true}})); }})()"
    )
    page.wait_for(f"ends.{end} !== null")
    page.wait_for(READY)


def test_two_dropped_sounds_are_cut_encoded_and_joined_as_flowshot_does(page, arm, write_sounds, tmp_path):
    files = sorted(write_sounds(tmp_path / "sounds", 2, seconds=0.4).iterdir())
    late = np.concatenate([np.zeros(900), soundfile.read(files[1])[0]])
    soundfile.write(files[1], late, arm.sample_rate)
    for path, end in zip(files, "AB", strict=True):
        drop(page, end, path)
    bytes_of = (
        f"Uint8Array.from(atob('{base64.b64encode(files[1].read_bytes()).decode()}'), (c) => c.charCodeAt(0)).buffer"
    )
    rate = arm.sample_rate
    clip = numbers(page, f"decodeFile({bytes_of}, {rate}).then((samples) => cutClip(samples, arms[0]))")
    assert_close(clip, torch.from_numpy(arm.read_sound(files[1])))
    page.evaluate("window.given = cutClip(new Float32Array(9000).map((_, i) => Math.sin(i / 9)), arms[0])")
    mean = numbers(page, "encodeClip(arms[0], given, new Float32Array(arms[0].latent_size))")
    assert_close(mean, arm.encode(numbers(page, "given")[None])[0])
    a, b = (numbers(page, f"ends.{end}.latentOf(arms[0])") for end in "AB")
    on_the_way = interpolate_latents(arm.model.prior, a, b, 5)[1]
    # The page goes around the mean of draws, which is not quite 0.
    torch.testing.assert_close(numbers(page, "between(arms[0], [...await ends.A.latentOf(arms[0])], [...await ends.B.latentOf(arms[0])], 0.25)"), on_the_way, atol=0.1, rtol=0)  # fmt: skip
    page.evaluate("document.getElementById('morph').focus()")
    page.key("ArrowRight")
    page.wait_for("last.title.endsWith('morph 0.55')")


def test_what_is_no_sound_is_told(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    page.evaluate("takeFile('A', new File(['no sound'], 'notes.txt'))")
    page.wait_for("document.getElementById('status').classList.contains('problem')")
    assert page.evaluate(
        "ends.A === null && document.getElementById('status').textContent.startsWith('Reading notes.txt:')"
    )


def test_the_plane_moves_by_pointer_and_keys(page, arm):
    page.click("#new-plane")
    page.wait_for("last !== null && last.title.endsWith('plane 1.00 0.00')")
    draw = numbers(page, "plus(plane.a, arms[0].centre)")
    assert_close(numbers(page, "last.latent"), draw)
    page.click("#plane")
    page.wait_for("last.title.includes('plane 0.00')")
    assert_close(numbers(page, "last.latent"), numbers(page, "arms[0].centre"))
    page.key("ArrowUp")
    page.wait_for("last.title.endsWith('plane 0.00 0.10')")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_phones_and_screens_light_and_dark(browser, arm, width, dark):
    tab = browser.open(Path("play.html"), width=width, height=800, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    smallest = (
        "Math.min(...[...document.querySelectorAll('button, select')].map((e) => e.getBoundingClientRect().height))"
    )
    assert tab.evaluate(smallest) >= 30
    colours = tab.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    page_light, ink_light = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
    assert (page_light < ink_light) is dark
    tab.wait_for(READY)
    assert tab.problems == []
    tab.close()


def test_without_npm_it_is_one_line(save_vae, fails, monkeypatch, tmp_path):
    save_vae()
    monkeypatch.setenv("PATH", str(tmp_path))
    line = fails("play", "mine/no_nf/own", "--out", "play.html")
    assert "the program `npm` is not on this machine; install it" in line and not Path("play.html").exists()
