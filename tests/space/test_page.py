"""The Space as its visitors meet it: in a real browser, through gradio_client."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from bench.measuring import free_port
from browsing import ask, await_page, bring, children, contrast, environment_of, rows_of, take_by_typing
from conftest import LANGUAGES
from gradio_client import Client
from playwright.sync_api import Request, Route, expect

from xsns_hf import rank_sources
from xsns_hf.text.folder import sample_corpus

# One page is served for all of these tests.
pytestmark = [pytest.mark.xdist_group("space"), pytest.mark.thorough]


@pytest.fixture(scope="module")
def served(masks, tiny, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """Address and process of `xsns space`."""
    port = free_port()
    command = [sys.executable, "-m", "xsns_hf", "space", "--masks", str(masks), "--model", str(tiny)]
    command += ["--port", str(port), "--no-browser"]
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
    log = tmp_path_factory.mktemp("space") / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        await_page(address, process, log)
        yield address, process.pid
        process.kill()


@pytest.fixture(scope="module")
def address(served) -> str:
    return served[0]


def test_a_link_opens_its_answer(page, address, masks):
    page.goto(f"{address}/?target=Finnish&candidates=deu,Swedish,eng&top=2&__theme=light")
    expect(page.locator("#table summary")).to_have_text("The numbers: 2 of 3 sources")
    ranking = rank_sources("fin", masks, candidates=["deu", "swe", "eng"], top=2)
    page.locator("#table summary").click()
    assert [row[1] for row in rows_of(page)] == [f"{s.name} ({s.language})" for s in ranking.sources]
    expect(page.get_by_label("Target language")).to_have_value("Finnish · suomi (fin)")
    page.get_by_label("Task", exact=True).click()
    page.get_by_role("option", name="Paraphrases").click()
    expect(page.locator("#link textarea")).to_have_value(re.compile("task=pi"))
    assert page.url == page.locator("#link textarea").input_value()


def test_pictures_have_words(page, address):
    page.goto(f"{address}/?target=fin")
    picture = page.locator(".vega-embed svg:visible").first
    for tab, words in (("Chart", "Sources for Finnish"), ("Similarities", "Finnish"), ("Map", "Finnish")):
        page.get_by_role("tab", name=tab).click()
        expect(picture).to_contain_text(words)
        assert picture.evaluate("(svg) => svg.clientWidth") > 500
    page.get_by_role("tab", name="Chart").click()
    page.locator(".dots_marks [tabindex='0']:visible").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("2. ")
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("similarity")
    page.get_by_role("tab", name="Where they overlap").click()
    expect(picture).to_contain_text("Layer")
    page.get_by_label("Source to compare").click()
    page.get_by_role("option", name="Vietnamese").click()
    expect(picture).to_contain_text("Vietnamese")


@pytest.mark.parametrize("dark", [False, True])
def test_reads_well_on_a_phone(page, address, dark):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/?target=fin&__theme={'dark' if dark else 'light'}")
    picture = page.locator(".vega-embed svg").first
    expect(picture).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert 250 < picture.bounding_box()["width"] <= 390
    for selector in ("#answer h2", "#answer p", "#table summary"):
        assert contrast(page, selector) >= 4.5
    assert contrast(page, ".vega-embed svg text", "fill") >= 4.5


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("Klingonese", "is not a language we know"),
        ("<img src=x onerror=alert(1)>", "is not a language we know"),
    ],
)
def test_says_why_there_is_no_answer(page, address, target, words):
    ask(page, address, target)
    alert = page.get_by_role("alert").filter(has_text="No answer yet")
    expect(alert).to_contain_text(words)
    expect(page.locator("#table")).to_be_hidden()
    assert page.locator("#answer img").count() == 0


def test_what_the_page_opens_on_does_not_replace_an_answer(page, address):
    """A busy server may take up what the page asks when it opens after what is typed then."""

    def asks_for_nothing(request: Request) -> bool:
        asked = (request.post_data_json or {}).get("data", []) if "/queue/join" in request.url else []
        return len(asked) > 5 and not asked[0]

    held: list[Route] = []
    page.route(
        "**/queue/join*", lambda route: held.append(route) if asks_for_nothing(route.request) else route.continue_()
    )
    with page.expect_request(asks_for_nothing):
        page.goto(address)
    page.get_by_label("Target language").click()
    take_by_typing(page, "Finnish")
    expect(page.locator("#link textarea")).to_have_value(f"{address}/?target=fin")
    expect(page.locator(".vega-embed svg:visible").first).to_contain_text("Sources for Finnish")
    with page.expect_request("**/queue/join*"):  # what follows once it is answered
        held.pop().continue_()
    expect(page.locator("#answer h2")).to_contain_text("Finnish")


def test_a_link_to_elsewhere_is_refused(page, address):
    page.goto(f"{address}/?target=fin&masks=../../etc&recipe=<script>alert(1)</script>")
    expect(page.get_by_role("alert").first).to_contain_text("no masks called")


@pytest.mark.parametrize(
    "parameter", ["task", "target", *(pytest.param(other, marks=pytest.mark.slow) for other in ("predictor", "masks"))]
)
def test_markup_in_a_link_is_told_as_text(page, address, parameter):
    values = {"target": "fin"} | {parameter: "<img src=x onerror=alert(1)>"}
    page.goto(f"{address}/?{urlencode(values)}")
    expect(page.get_by_role("alert").filter(has_text="No answer yet")).to_contain_text("<img src=x")
    assert page.locator("img[src=x]").count() == 0


def test_works_by_keyboard_alone(page, address):
    page.goto(address)
    expect(page.locator(".xsns-chips")).to_be_visible()
    target = page.get_by_label("Target language")
    for _ in range(10):
        page.keyboard.press("Tab")
        if target.evaluate("element => element == document.activeElement"):
            break
    expect(target).to_be_focused()
    take_by_typing(page, "German")
    expect(page.get_by_role("heading", name="Most alike to German")).to_be_visible()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("main input, main textarea, main button")]
            .filter((part) => part.checkVisibility() && !part.disabled && part.type != "file")
            .filter((part) => !part.ariaLabel && !part.labels?.length && !part.innerText.trim() && !part.title)
            .map((part) => part.outerHTML)"""
    )
    assert unnamed == []


def test_a_language_without_masks_leads_to_the_form_and_to_a_whole_answer(page, address):
    page.goto(f"{address}/?target=Yoruba&task=pos")
    expect(page.get_by_role("heading", name="No masks of Yoruba yet")).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("By sounds, grammar and descent")
    expect(page.locator("#answer")).to_contain_text("How far to trust this")
    assert page.locator("#answer tbody tr").count() == len(LANGUAGES)
    page.get_by_role("button", name="Bring some text of Yoruba").click()
    expect(page.locator("#text textarea")).to_be_focused()
    expect(page.get_by_label("Name or code of the language")).to_have_value("Yoruba")
    expect(page.get_by_text("8 sentences or more are needed")).to_be_visible()
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_hidden()
    page.keyboard.insert_text("\n".join(sample_corpus().sentences("nld")[:30]))
    page.get_by_role("button", name="Find sources").click()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    expect(stop).to_be_visible()
    brought = page.locator("#brought")
    expect(brought.get_by_role("heading", name="Yoruba")).to_be_visible()
    expect(stop).to_be_hidden()
    expect(brought).to_contain_text("as the published masks")
    expect(brought.get_by_role("link", name="How sub-networks are found")).to_be_visible()
    expect(page.locator(".vega-embed svg:visible").first).to_contain_text("Sources for Yoruba")
    expect(page.locator("#brought-table summary")).to_contain_text("all 7 sources")
    expect(page.get_by_text("xsns extract --out masks --languages yor")).to_be_visible()
    assert brought.bounding_box()["y"] > page.locator("#bring").bounding_box()["y"], "under its form"


def test_bring_a_language_by_name_and_file(page, address, tmp_path):
    file = tmp_path / "finnish.txt"
    file.write_text("\n".join(sample_corpus().sentences("fin")[:30]), encoding="utf-8")
    page.goto(address)
    page.get_by_role("button", name="Bring some text of it").click()
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.locator("#text textarea")).to_have_value(re.compile(sample_corpus().sentences("fin")[0][:20]))
    page.get_by_label("Name or code of the language").fill("Finnish")
    page.get_by_role("button", name="Find sources").click()
    expect(page.get_by_role("heading", name="Most alike to Finnish")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "too few for a mask"),
        ("<script>alert(1)</script>\n" * 20, "too few for a mask"),
        ("word " * 100_000, "is the most that can be taken"),
    ],
    ids=["nothing", "script", "500 kB"],
)
def test_refuses_what_is_no_text(page, address, text, words):
    bring(page, address, text)
    expect(page.locator("#brought").get_by_role("alert")).to_contain_text(words)


def test_refuses_a_request_that_is_too_large(page, address):
    bring(page, address, "word " * 2_000_000)
    expect(page.get_by_text("The request is larger than 1.1 MB, the most that this page takes")).to_be_visible()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x7fELF\x02\x01\x01\x00" * 100, "control characters"),
        ("Grüße\n".encode("latin-1") * 20, "isn't text in UTF-8"),
        (b"word " * 210_000, "larger than 1 MB"),
    ],
    ids=["binary", "another encoding", "too large"],
)
def test_refuses_a_file_that_is_no_text(page, address, content, words, tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    page.goto(address)
    page.get_by_role("button", name="Bring some text of it").click()
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.locator("#brought").get_by_role("alert")).to_contain_text(words)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at the processes of Linux")
@pytest.mark.parametrize("leave", [False, True], ids=["stopped", "left"])
def test_a_job_ends_when_it_is_stopped_or_its_visitor_leaves(page, served, leave):
    def jobs() -> list[int]:
        commands = {child: Path(f"/proc/{child}/cmdline") for child in children(process)}
        return [child for child, file in commands.items() if file.exists() and b"own_text.worker" in file.read_bytes()]

    address, process = served
    bring(page, address, "\n".join(sample_corpus().sentences("nld")))
    expect(page.get_by_role("progressbar").first).to_be_visible()
    for _ in range(300):  # it may have been its page's turn only after it connected
        if jobs():
            break
        time.sleep(0.1)
    assert len(jobs()) == 1
    if leave:
        page.close()
    else:
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.locator("#brought")).to_contain_text("Stopped.")
    for _ in range(300):
        if not jobs():
            break
        time.sleep(0.1)
    assert jobs() == []


def test_nothing_of_a_text_is_kept(page, served, tmp_path):
    """Neither on the disk, where gradio puts uploads, nor in the browser."""
    address, process = served
    environment = environment_of(process)
    secret = "Quetzalcoatlus"
    file = tmp_path / "text.txt"
    file.write_text("\n".join(f"{secret} {number} flies." for number in "abcdefghijkl"), encoding="utf-8")
    page.goto(address)
    page.get_by_role("button", name="Bring some text of it").click()
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.locator("#text textarea")).to_have_value(re.compile(secret))
    place = Path(environment.get("GRADIO_TEMP_DIR") or environment.get("TMPDIR", "/tmp"))
    stored = [path for folder in (*place.glob("xsns-uploads-*"), place / "gradio") for path in folder.rglob("*")]
    assert not [path for path in stored if path.is_file() and secret.encode() in path.read_bytes()]
    assert secret not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


def test_use_from_python(address, masks):
    client = Client(address, verbose=False)
    found = client.predict("Finnish", candidates="de, Swedish, yor", top=1, api_name="/rank")
    best = rank_sources("fin", masks, candidates=["deu", "swe"]).sources[0]
    assert found["sources"][0] == {
        "rank": 1,
        "language": best.language,
        "name": best.name,
        "similarity": best.similarity,
        "std": best.std,
        "as_good_as_best": best.as_good_as_best,
    }
    assert found["missing"] == ["yor"]
    assert client.predict("Yoruba", candidates=["deu", "fra"], api_name="/rank")["has_masks"] is False
    assert client.predict("deu", "fin", api_name="/similarity")["similarity"] == pytest.approx(
        next(s.similarity for s in rank_sources("fin", masks).sources if s.language == "deu")
    )
    assert sorted(row["language"] for row in client.predict(api_name="/languages")) == LANGUAGES
    for arguments in (["Klingonese"], ["fin", "", "", "", "../masks"], ["x" * 1_000_000]):
        with pytest.raises(Exception, match=r"not a language|no masks called|too long"):
            client.predict(*arguments, api_name="/rank")
    described = client.view_api(return_format="dict")
    assert set(described["named_endpoints"]) == {"/rank", "/similarity", "/languages"}


def test_the_snippet_that_is_shown_runs(page, address):
    page.goto(f"{address}/?target=fin&candidates=deu,swe")
    page.get_by_role("button", name="Use this dataset").click()
    code = page.locator(".cm-content").filter(has_text="gradio_client")
    expect(code).to_contain_text("candidates='deu, swe'")
    run = subprocess.run([sys.executable, "-c", code.inner_text()], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert {"Swedish", "German"} == {line.split()[1] for line in run.stdout.splitlines() if line[:1].isdigit()}
