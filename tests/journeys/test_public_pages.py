"""Every public page in a real browser: both languages, phone and desktop, keyboard, print, dark."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize
from sample_files import signed_pdf, with_validation_data
from small_pki import NOW, Pki, revocation_list

from storage import code
from tests.journeys.public_site import Made

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}

BY_CODE = (
    "valid", "not_yet_valid", "superseded", "suspended", "revoked", "annulled", "expired", "not_yet_issued",
    "unknown_code", "typo", "foreign_code", "official_service", "unavailable",
)  # fmt: skip
BY_FILE = {
    "valid": "asli.pdf",
    "altered": "diubah.pdf",
    "unsigned": "tanpa-tanda-tangan.pdf",
    "untrusted_signer": "penanda-tangan-asing.pdf",
    "scan": "hasil-pindai.png",
    "unreadable": None,
}
COLOURS = {
    "valid": "green", "not_yet_valid": "yellow", "superseded": "yellow", "suspended": "yellow",
    "revoked": "red", "annulled": "red", "expired": "yellow", "not_yet_issued": "yellow",
    "unknown_code": "grey", "typo": "grey", "foreign_code": "red", "official_service": "grey",
    "unavailable": "grey", "altered": "red", "unsigned": "grey", "untrusted_signer": "grey", "scan": "grey",
    "unreadable": "grey", "unregistered": "grey", "revoked_signer": "red",
}  # fmt: skip


@contextmanager
def watched(browser: Browser, site: str, **context: object) -> Iterator[Page]:
    """A page; afterwards, nothing may have failed, warned, or asked another host."""
    opened = browser.new_context(viewport=PHONE, **context)  # type: ignore[arg-type]
    page = opened.new_page()
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(site) else noise.append(request.url))
    # A picture that was still on its way when the page was left is aborted; that is no failure.
    page.on(
        "requestfailed",
        lambda request: (
            None if request.failure == "net::ERR_ABORTED" else noise.append(f"failed: {request.url}")
        ),
    )
    yield page
    opened.close()
    # A browser reports each status of 400 and more as an error; those statuses are meant.
    assert [each for each in noise if "the server responded with a status" not in each] == []


def check(page: Page) -> None:
    """What has to hold on every page, on a phone and on a desktop; last, on the phone."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        check_in_this_size(page)


def check_in_this_size(page: Page) -> None:
    findings = Axe().run(page, options={"resultTypes": ["violations"]})
    assert findings.violations_count == 0, findings.generate_report()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    small = page.evaluate(
        """[...document.querySelectorAll('main button, main a.button, main input')]
           .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44)
           .map((each) => each.outerHTML)"""
    )
    # WCAG 2.5.5: what is touched measures 44 pixels.
    assert small == []


def address(site: str, made: Made, state: str) -> str:
    special = {
        "unknown_code": f"/d/{code.draw()}",
        "typo": "/d/7K3M9-QX2R4-TPX0",
        "foreign_code": "/periksa?kode=https://dukcapil-cek.example/d/7K3M9QX2R4TPXA",
        "official_service": "/periksa?kode=https://oss.go.id/d/1",
        "unavailable": f"/d/{made.codes['valid']}",
    }
    return site + (special.get(state) or f"/d/{made.codes[state]}")


def test_the_check_itself_finds_what_is_wrong(browser: Browser, site: str) -> None:
    for damage in (
        "document.querySelector('label').style.color = '#bbb'",
        "document.querySelector('label').remove()",
        "document.documentElement.lang = ''",
        "document.querySelector('main').style.width = '2000px'",
        "document.querySelector('button').style.minHeight = '10px'; "
        "document.querySelector('button').style.padding = '0'",
    ):
        page = browser.new_page(viewport=PHONE)
        page.goto(site)
        page.evaluate(damage)
        with pytest.raises(AssertionError):
            check(page)
        page.close()


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("state", BY_CODE)
def test_a_verdict_by_code(
    browser: Browser, site: str, silent_site: str, made: Made, state: str, lang: str
) -> None:
    base = silent_site if state == "unavailable" else site
    url = address(base, made, state)
    with watched(browser, base) as page:
        page.goto(f"{url}{'&' if '?' in url else '?'}lang={lang}")
        assert page.get_attribute("html", "lang") == lang
        assert page.locator(f".verdict.{COLOURS[state]}").count() == page.locator(".verdict").count() == 1
        assert page.title().startswith(page.inner_text("h1"))
        assert page.locator(".lines dd").count() == 2
        check(page)


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("state", BY_FILE)
def test_a_verdict_by_file(
    browser: Browser, site: str, made: Made, tmp_path: Path, state: str, lang: str
) -> None:
    sample = BY_FILE[state]
    file = made.samples / sample if sample else tmp_path / "rusak.pdf"
    if sample is None:
        file.write_bytes((made.samples / "asli.pdf").read_bytes()[:5_000])
    upload_and_check(browser, site, file, state, lang)


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("state", ["unregistered", "revoked_signer"])
def test_signatures_of_others(
    browser: Browser, others_site: str, people: Pki, tmp_path: Path, state: str, lang: str
) -> None:
    file = tmp_path / "dokumen.pdf"

    def sign() -> bytes:
        if state == "unregistered":
            return signed_pdf(stamped=NOW)
        serial = people.officer.certificate.serial_number
        revoked = revocation_list(people.ca, {serial: NOW - timedelta(days=5)})
        return with_validation_data(signed_pdf(), [revoked])

    # The browser's event loop runs in this thread, and signing wants one of its own.
    with ThreadPoolExecutor(1) as elsewhere:
        file.write_bytes(elsewhere.submit(sign).result())
    upload_and_check(browser, others_site, file, state, lang)


@pytest.mark.parametrize("lang", ["id", "en"])
def test_a_file_while_the_register_is_silent(
    browser: Browser, silent_site: str, made: Made, lang: str
) -> None:
    upload_and_check(browser, silent_site, made.samples / "asli.pdf", "unavailable", lang)


def upload_and_check(browser: Browser, site: str, file: Path, state: str, lang: str) -> None:
    with watched(browser, site) as page:
        page.goto(f"{site}/?lang={lang}")
        page.set_input_files("#file", file)
        page.locator("form[action='/periksa-file'] button").click()
        page.wait_for_selector("#putusan")
        assert page.get_attribute("html", "lang") == lang
        assert page.locator(f".verdict.{COLOURS[state]}").count() == page.locator(".verdict").count() == 1
        page.locator("summary").first.click()
        check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/periksa", "/nothing", "compare", "superseded", "revoked"])
def test_other_pages_and_dark_ones(browser: Browser, site: str, made: Made, path: str, scheme: str) -> None:
    with watched(browser, site, color_scheme=scheme) as page:
        if path == "compare":
            page.goto(f"{site}/d/{made.codes['valid']}")
            page.fill("#nama", "Bukan Pemegangnya")
            page.fill("#tanggal", "12 Maret 1999")
            page.locator("form[action*=compare] button").click()
            page.wait_for_selector("#hasil")
            assert page.locator(".compared .differs").count() == 2
            # A paper that differs comes before anything green.
            assert page.locator("main section").first.get_attribute("id") == "hasil"
        else:
            page.goto(site + (path if path.startswith("/") else f"/d/{made.codes[path]}"))
        check(page)


def test_a_code_page_weighs_little(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        sizes: list[int] = []
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(f"{site}/d/{made.codes['superseded']}", wait_until="networkidle")
        assert len(sizes) >= 4
        assert sum(sizes) < 30_000


def test_a_handheld_scanner_types_the_whole_code_and_enter(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        page.goto(site)
        page.keyboard.type(f"{site}/d/{made.codes['valid']}#39201948571")
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict.green")
        # What stands behind the “#” may hold a name, so it never becomes part of an address.
        assert "3920" not in page.url
        # The next paper: the scanner types into the page as it is.
        page.keyboard.type(f"{site}/d/{made.codes['revoked']}")
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict.red")


def test_everything_is_reached_by_keyboard(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        page.goto(f"{site}/d/{made.codes['valid']}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        box = page.locator(".skip").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "isi"
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
            )
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or page.evaluate("document.activeElement === document.body")
        for wanted in (
            "nama",
            "nomor",
            "tanggal",
            "Bandingkan",
            "Laporkan kertas ini",
            "kode",
            "Periksa kode",
        ):
            assert wanted in reached
        page.focus("#nama")
        page.keyboard.type("Seseorang")
        page.keyboard.press("Enter")
        page.wait_for_selector("#hasil")


def test_without_scripts_everything_works(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site, java_script_enabled=False) as page:
        page.goto(site)
        page.keyboard.type(code.printed(made.codes["suspended"]).lower())
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict.yellow")
        page.goto(site)
        page.set_input_files("#file", made.samples / "diubah.pdf")
        page.locator("form[action='/periksa-file'] button").click()
        page.wait_for_selector(".verdict.red")
        page.get_by_text("English").click()
        assert page.get_attribute("html", "lang") == "en"


def test_the_language_stays_chosen(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site, locale="en-GB") as page:
        page.goto(f"{site}/d/{made.codes['valid']}")
        assert page.inner_text("h1") == "Terdaftar dan masih berlaku"
        page.get_by_text("English").click()
        assert page.inner_text("h1") == "Registered and in force"
        page.goto(f"{site}/d/{made.codes['annulled']}")
        assert page.inner_text("h1") == "Annulled, treated as never in force"
        page.get_by_text("Bahasa Indonesia").click()
        assert page.inner_text("h1") == "Dibatalkan, dianggap tidak pernah berlaku"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_print_is_black_on_white_with_all_details(
    browser: Browser, site: str, made: Made, scheme: str, scripts: bool
) -> None:
    with watched(browser, site, color_scheme=scheme, java_script_enabled=scripts) as page:
        page.goto(site)
        page.set_input_files("#file", made.samples / "penanda-tangan-asing.pdf")
        page.locator("form[action='/periksa-file'] button").click()
        page.wait_for_selector("#putusan")
        page.emulate_media(media="print")
        # Folded on the screen, open on paper.
        box = page.locator("details.card dl").bounding_box()
        assert box is not None
        assert box["height"] > 20
        for selector in ("nav", "form", ".button"):
            assert not page.locator(selector).first.is_visible()
        assert page.inner_text("h1") == "Penanda tangan belum dapat kami pastikan"
        assert page.pdf()[:5] == b"%PDF-"
        if scripts:
            colours = page.evaluate(
                """[...document.querySelectorAll('body, h1, dd, .verdict, .card')].map(
                     (each) => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor])"""
            )
            for ink, ground in colours:
                assert ink == "rgb(0, 0, 0)"
                assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")


def test_a_file_that_is_too_large_is_told_before_it_travels(
    browser: Browser, site: str, tmp_path: Path
) -> None:
    large = tmp_path / "besar.pdf"
    with large.open("wb") as stream:
        stream.truncate(25_000_001)
    with watched(browser, site) as page:
        page.goto(site)
        page.set_input_files("#file", large)
        assert not page.evaluate("document.getElementById('file').checkValidity()")
        # And by the server, where no script ran.
        page.evaluate("document.querySelector(\"form[action='/periksa-file']\").noValidate = true")
        page.locator("form[action='/periksa-file'] button").click()
        page.wait_for_selector("text=File terlalu besar")
