"""The page in a headless Chromium: it is quiet, it plays, it sorts, and names are text, whatever they hold."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from page_project import SOURCES, build, make_plan, write_project

from browser import Browser, Page

HOSTILE = ('a"b<img src=x onerror=pwned=1>', "o'c & 🎛️")
DATASET = "dr'ums \"<i>&amp; 🥁"


pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from font")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    plan = make_plan(datasets=(DATASET,), autoencoders=("no_nf", *HOSTILE))
    write_project(root, plan)
    return build(root, plan, root / "reports" / "a report")


@pytest.fixture
def page(browser: Browser, report: Path) -> Page:
    tab = browser.open(report / "index.html")
    yield tab
    assert tab.problems == []
    assert tab.network_requests == []
    tab.close()


def column(page: Page, number: int, table: int = 0) -> list[list[str]]:
    """The values of a column, of each part of a table."""
    return page.evaluate(
        f"[...document.querySelectorAll('table.sortable')[{table}].tBodies].map(body =>"
        f" [...body.rows].map(row => row.cells[{number}].dataset.value))"
    )


def playing(page: Page) -> list[int]:
    return page.evaluate("[...document.querySelectorAll('audio')].map((a, i) => a.paused ? -1 : i).filter(i => i >= 0)")


def test_it_is_one_file_that_needs_no_other(page: Page, report: Path) -> None:
    page.wait_for("[...document.images].every(i => i.complete)")
    assert (
        page.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
        and page.evaluate("document.images.length") > 20
    )
    page.evaluate("document.querySelectorAll('audio').forEach(a => a.load())")
    assert [url for url in page.requests if not url.startswith("data:")] == [(report / "index.html").resolve().as_uri()]
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))")
    assert all(page.evaluate(f"!!document.querySelector({link!r})") for link in links if link.startswith("#"))
    files = [link for link in links if not link.startswith(("#", "data:text/csv;"))]
    assert all((report / unquote(link)).is_file() for link in files) and len(files) > 5
    assert (report / "index.html").stat().st_size < 2_000_000


def test_the_first_screen_holds_question_answer_figure_and_players(browser: Browser, report: Path) -> None:
    tab = browser.open(report / "index.html", width=1280, height=800)
    for selector in ("h2", ".verdict", ".distances", ".heard .playlist:nth-child(3) .clip"):
        box = tab.evaluate(
            f"(() => {{const r = document.querySelector('{selector}').getBoundingClientRect();"
            "return [r.left, r.top, r.right, r.bottom]})()"
        )
        assert 0 <= box[0] < box[2] <= 1280 and 0 <= box[1] < box[3] <= 800, selector
    titles = tab.evaluate("[...document.querySelectorAll('.heard h4')].map(h => h.textContent)")
    assert titles == ["Real", "Reconstructed", "Generated"]
    tab.close()


def test_every_sound_loads_and_lasts(page: Page) -> None:
    durations = page.evaluate(
        "Promise.all([...document.querySelectorAll('audio')].map(a => new Promise(done => {"
        "a.onloadedmetadata = () => done(a.duration); a.onerror = () => done(-1); a.preload = 'metadata'; a.load()})))"
    )
    # 3 of each kind first, and of the other 2 models and 5 arms; 3 suspicious pairs.
    assert len(durations) == 3 * 3 + 2 * 3 + 5 * 3 + 3 * 2
    assert all(duration == pytest.approx(0.25, abs=0.001) for duration in durations)


def test_one_sound_plays_at_a_time_by_mouse(page: Page) -> None:
    page.evaluate("document.querySelectorAll('audio').forEach(a => a.loop = true)")
    page.click(".clip:nth-of-type(1) .picture")
    page.wait_for("document.querySelector('audio').currentTime > 0")
    assert playing(page) == [0]
    assert page.evaluate("document.querySelector('.picture').getAttribute('aria-pressed')") == "true"
    page.click(".clip:nth-of-type(2) .picture")
    page.wait_for("document.querySelectorAll('audio')[1].currentTime > 0")
    assert playing(page) == [1]
    assert page.evaluate("document.querySelectorAll('.playing').length") == 1
    page.click(".clip:nth-of-type(2) .picture")
    page.wait_for("document.querySelectorAll('.playing').length === 0")
    assert playing(page) == []


def test_sounds_play_by_keyboard(page: Page) -> None:
    page.evaluate("document.querySelectorAll('audio').forEach(a => a.loop = true)")
    page.evaluate("document.querySelector('.picture').focus()")
    page.key(" ")
    page.wait_for("!document.querySelector('audio').paused")
    page.key("ArrowRight")
    assert page.evaluate("document.activeElement === document.querySelectorAll('.picture')[1]")
    page.key("Enter")
    page.wait_for("document.querySelectorAll('audio')[1].currentTime > 0")
    assert playing(page) == [1]
    page.key("ArrowLeft")
    assert page.evaluate("document.activeElement === document.querySelector('.picture')")


def test_a_sound_stopped_before_it_begins_is_no_error_and_one_that_is_gone_is_shown(
    browser: Browser, report: Path
) -> None:
    tab = browser.open(report / "index.html")
    tab.evaluate("[0, 1, 2].forEach(() => document.querySelector('.picture').click())")
    tab.wait_for("document.querySelectorAll('.playing').length === 0")
    assert tab.problems == []
    assert tab.evaluate("document.querySelectorAll('.broken').length") == 0
    tab.evaluate("document.querySelectorAll('audio')[1].src = 'gone.flac'")
    tab.evaluate("document.querySelectorAll('.picture')[1].click()")
    tab.wait_for("document.querySelectorAll('.broken').length === 1")
    assert tab.evaluate("document.getElementById('status').textContent").startswith("original: kits/")
    tab.close()


def test_a_row_of_clips_plays_one_after_the_other(page: Page) -> None:
    started = (
        "window.started = []; document.addEventListener('play', e => started.push("
        "[...e.target.closest('.playlist').querySelectorAll('audio')].indexOf(e.target)), true)"
    )
    page.evaluate(started)
    page.click(".play-all")
    page.wait_for("document.querySelector('.play-all').getAttribute('aria-pressed') === 'false'")
    assert page.evaluate("started") == list(range(3))
    assert playing(page) == []


def test_a_heading_sorts_each_part_of_its_table(page: Page) -> None:
    before = column(page, 2)
    assert [len(part) for part in before] == [1, 6, 3], "the floor, the arms and the reconstructions stay apart"
    page.click("table.sortable thead th:nth-child(3) button")
    ascending = column(page, 2)
    assert ascending[1] == sorted(before[1], key=float) != before[1]
    heading = "document.querySelector('table.sortable thead th:nth-child(3)').getAttribute('aria-sort')"
    assert page.evaluate(heading) == "ascending"
    page.evaluate("document.querySelector('table.sortable thead th:nth-child(3) button').focus()")
    page.key("Enter")
    assert column(page, 2)[1] == ascending[1][::-1]
    assert page.evaluate(heading) == "descending"
    page.click("table.sortable thead th:nth-child(1) button")
    names = column(page, 0)[1]
    assert names[-1] == HOSTILE[1] and names[:2] == [HOSTILE[0]] * 2
    assert (
        page.evaluate("document.querySelectorAll('table.sortable')[0].querySelectorAll('[aria-sort=none]').length") > 3
    )


def test_names_are_text_and_run_nothing(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    labels = "[...document.querySelectorAll('[aria-label]')].map(e => e.getAttribute('aria-label')).join()"
    text = page.evaluate(f"document.body.textContent + {labels}")
    for name in (DATASET, *HOSTILE, *SOURCES, "CC0 <b>"):
        assert name in text
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.evaluate("document.querySelectorAll('img[onerror], i, b').length") == 0


def test_the_policy_lets_no_other_script_run(browser: Browser, report: Path) -> None:
    tab = browser.open(report / "index.html")
    tab.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.body.append(s)"
    )
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned = 1\">')")
    tab.evaluate("fetch('https://example.org').catch(() => 'refused')")
    assert tab.evaluate("typeof window.pwned") == "undefined"
    assert any("Content Security Policy" in problem for problem in tab.problems)
    tab.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_phones_and_screens_light_and_dark(browser: Browser, report: Path, width: int, dark: bool) -> None:
    tab = browser.open(report / "index.html", width=width, dark=dark)
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    sizes = "[...document.querySelectorAll('button')].filter(b => b.checkVisibility() && b.closest('main'))"
    assert tab.evaluate(f"Math.min(...{sizes}.map(b => b.getBoundingClientRect().height))") >= 15
    colours = tab.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    page_light, ink_light = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
    assert (page_light < ink_light) is dark
    assert tab.problems == []
    tab.close()


def test_everything_to_press_has_a_name(page: Page) -> None:
    nameless = (
        "[...document.querySelectorAll('button, a, summary')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent).trim()).length"
    )
    assert page.evaluate(nameless) == 0
    assert page.evaluate("[...document.images].every(i => i.hasAttribute('alt'))")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("document.documentElement.lang") == "en"


def test_paper_shows_what_is_folded_on_screen(page: Page) -> None:
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") > 0
    page.call("Page.printToPDF")
    page.wait_for("document.querySelectorAll('details:not([open])').length === 0")
