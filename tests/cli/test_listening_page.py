"""The page as a listener has it: opened from a file, answered with the mouse and the keyboard, saved, and analysed."""

import json
from pathlib import Path

import pytest

ARMS = ("mine/no_nf/own", "mine/no_nf/gmm")
SCORES = {"mine/no_nf/gmm": 78, "mine/no_nf/own": 35, "real": 90, "anchor": 12}


@pytest.fixture
def made(generated, found):
    found("listening-test", "--arms", *ARMS, "--out", "a folder #1", "--screens", 2, "--pairs", 3)
    return Path("a folder #1/index.html").resolve()


@pytest.fixture
def systems(made):
    clips = json.loads(Path("a folder #1.key.json").read_text())["clips"]
    return {name: each["system"] for name, each in clips.items()}


def begin(browser, made, listener, **options):
    page = browser.open(made, **options)
    page.evaluate("localStorage.clear()")
    page.reload()
    page.evaluate(f"document.getElementById('listener').value = {json.dumps(listener)}")
    page.click("#begin button")
    return page


def clips_shown(page):
    return page.evaluate("[...document.querySelectorAll('#step [data-clip]')].map((each) => each.dataset.clip)")


def play_all(page):
    """Really play: a clip counts as heard once the browser has started it."""
    for clip in clips_shown(page):
        page.click(f"[data-clip='{clip}']")
        page.wait_for(f"'{clip}' in stored.heard")
        assert page.evaluate("sounding === null || sounding.audio.duration > 0")


def answer(page, systems):
    """Answer every question as SCORES say, and come to the end."""
    while page.evaluate("steps[stored.step].kind !== 'end'"):
        assert page.evaluate("document.getElementById('next').disabled")
        play_all(page)
        clips = clips_shown(page)
        if page.evaluate("steps[stored.step].kind === 'rating'"):
            for place, clip in enumerate(clips):
                page.evaluate(
                    f"(() => {{ const e = document.querySelectorAll('input[type=range]')[{place}];"
                    f"e.value = {SCORES[systems[clip]]}; e.dispatchEvent(new Event('input')); }})()"
                )
        else:
            preferred = max(clips, key=lambda clip: SCORES[systems[clip]])
            page.click(f"input[value='{preferred}']")
        page.click("#next")


def save(browser, page, folder):
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.click("#save")
    page.wait_for("document.getElementById('saved').textContent.startsWith('Saved')")
    for _ in range(200):
        files = [path for path in folder.glob("*.json") if path.stat().st_size]
        if files:
            return files[0]
        browser.next_message(0.05)
    raise AssertionError("nothing was saved")


def test_answers_from_the_browser_give_the_planted_preference(browser, made, systems, found, tmp_path):
    saved = []
    for listener in ("anna", "ben <b>&"):
        page = begin(browser, made, listener)
        answer(page, systems)
        (tmp_path / listener[:3]).mkdir()
        saved.append(save(browser, page, tmp_path / listener[:3]))
        assert page.problems == [] and page.network_requests == []
        page.close()
    report = found("listening-test", "--analyse", *saved)
    assert report["listeners"] == ["anna", "ben <b>&"] and report["unfinished"] == []
    assert {row["arm"]: row["value"] for row in report["ratings"]} == SCORES
    (preference,) = report["preferences"]
    assert (preference["arm"], preference["than"], preference["value"], preference["n"]) == (*ARMS, 0, 6)
    assert preference["ci_high"] < 0.9


def test_answers_and_order_survive_a_reload_and_each_listener_has_an_order_of_their_own(browser, made):
    page = begin(browser, made, "anna")
    play_all(page)
    shown = clips_shown(page)
    page.evaluate("document.querySelector('input[type=range]').focus()")
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.key(key)
    page.reload()
    page.wait_for("!!document.querySelector('#step [data-clip]')")
    assert clips_shown(page) == shown
    assert page.evaluate("document.querySelector('output').textContent") == "2"
    assert page.evaluate("document.querySelectorAll('.heard').length") == len(shown)
    assert page.evaluate("document.getElementById('missing').textContent") == "3 still to rate"
    orders = page.evaluate("['anna', 'ben', 'eve', 'mia'].map((name) => JSON.stringify(stepsOf(name)))")
    assert len(set(orders)) == 4 and page.evaluate("JSON.stringify(stepsOf('anna'))") == orders[0]
    page.close()


def test_keys_play_one_sound_at_a_time(browser, made):
    page = begin(browser, made, "anna")
    for place in (1, 3):
        page.key(str(place))
        clip = clips_shown(page)[place - 1]
        page.wait_for(f"'{clip}' in stored.heard")
        assert page.evaluate("document.querySelectorAll('.playing').length") <= 1
    page.key("9")  # there is no ninth
    assert page.evaluate("Object.keys(stored.heard).length") == 2
    page.close()


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1100, True)])
def test_it_fits_a_phone_and_follows_the_dark_mode(browser, made, width, dark):
    page = begin(browser, made, "anna", width=width, dark=dark)
    for step in range(page.evaluate("steps.length")):
        page.evaluate(f"go({step})")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) < 200) == dark
    page.close()


def test_a_link_may_fill_the_name_in(browser, made):
    page = browser.open(f"{made.as_uri()}#listener=ben%20b.")
    page.evaluate("localStorage.clear()")
    page.reload()
    assert page.evaluate("document.getElementById('listener').value") == "ben b."
    page.close()


def test_controls_have_names_for_screen_readers(browser, made):
    page = begin(browser, made, "anna")
    page.call("Accessibility.enable")
    for step in range(page.evaluate("steps.length")):
        page.evaluate(f"go({step})")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        controls = [node for node in nodes if node.get("role", {}).get("value") in ("button", "slider", "radio")]
        assert controls and all(node["name"]["value"].strip() for node in controls)
    page.close()
