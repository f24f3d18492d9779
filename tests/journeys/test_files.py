"""Checking files in a real browser: by fingerprint first, several at once, by keyboard, without scripts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from sample_files import (
    filled_slot,
    plain_pdf,
    signed_pdf,
    with_form_filled,
    with_page_overwritten,
    with_slots,
)
from small_pki import NOW, pki

from tests.journeys.public_site import Made, add_record
from tests.journeys.test_public_pages import DESKTOP, PHONE, check, watched

SEND = "form[action='/periksa-file'] button"


def elsewhere(make: Callable[[], bytes]) -> bytes:
    """The browser's event loop runs in this thread, and signing wants one of its own."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(make).result()


def uploads_of(page: Page) -> list[str]:
    """The addresses that anything is sent to, filled while the page is used."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    return sent


def choose(page: Page, *files: Path) -> None:
    page.set_input_files("#file", list(files))
    page.locator(SEND).click()


@pytest.mark.parametrize("lang", ["id", "en"])
def test_an_original_is_answered_without_an_upload(
    browser: Browser, site: str, made: Made, lang: str
) -> None:
    with watched(browser, site) as page:
        sent = uploads_of(page)
        page.goto(f"{site}/?lang={lang}")
        choose(page, made.samples / "asli.pdf")
        page.wait_for_selector(".verdict.green")
        assert sent == []
        assert "/periksa-file/" in page.url
        check(page)


def test_any_other_file_travels_once(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        sent = uploads_of(page)
        page.goto(site)
        choose(page, made.samples / "diubah.pdf")
        page.wait_for_selector(".verdict.red")
        assert sent == [f"{site}/periksa-file"]
        # Back again, the form can be used as before.
        page.go_back()
        assert page.locator(SEND).is_enabled()
        choose(page, made.samples / "asli.pdf")
        page.wait_for_selector(".verdict.green")
        assert len(sent) == 1


def test_where_the_browser_has_no_digest_the_file_travels(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        # As on a page that came over plain HTTP.
        page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined })")
        sent = uploads_of(page)
        page.goto(site)
        choose(page, made.samples / "asli.pdf")
        page.wait_for_selector(".verdict.green")
        assert sent == [f"{site}/periksa-file"]
        page.goto(site)
        choose(page, made.samples / "asli.pdf", made.samples / "diubah.pdf")
        page.locator(".results button").nth(1).wait_for()
        assert len(sent) == 3


def test_several_files_at_once(browser: Browser, site: str, made: Made, tmp_path: Path) -> None:
    large = tmp_path / "besar.pdf"
    with large.open("wb") as stream:
        stream.truncate(25_000_001)
    names = ("asli.pdf", "diubah.pdf", "tanpa-tanda-tangan.pdf", "hasil-pindai.png")
    with watched(browser, site) as page:
        sent = uploads_of(page)
        page.goto(site)
        choose(page, *(made.samples / name for name in names), large)
        page.locator(".results button").nth(3).wait_for()
        page.wait_for_selector("text=5 dari 5 sudah diperiksa")
        assert page.locator(".results .name").all_inner_texts() == [*names, "besar.pdf"]
        assert page.locator(".results .state").all_inner_texts() == [
            "File asli dan masih berlaku",
            "File berubah setelah ditandatangani",
            "Tidak ada tanda tangan elektronik di file ini",
            "Tidak ada tanda tangan elektronik di file ini",
            "File ini lebih besar daripada yang dapat kami terima.",
        ]
        # The original did not travel, nor did what is too large.
        assert len(sent) == 3
        check(page)


def test_an_entry_opens_its_answer_and_back_brings_the_list(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site) as page:
        sent = uploads_of(page)
        page.goto(site)
        choose(page, made.samples / "asli.pdf", made.samples / "diubah.pdf")
        page.locator(".results button").nth(1).wait_for()
        assert page.evaluate("document.activeElement.id") == "hasil-file"
        # By keyboard alone: the first entry's button, then the second's.
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label == "Buka jawaban lengkap: diubah.pdf"
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict.red")
        assert page.inner_text("h1") == "File berubah setelah ditandatangani"
        assert page.title().startswith("File berubah setelah ditandatangani")
        assert page.evaluate("document.activeElement.id") == "isi"
        # A file sent from here goes its usual way.
        assert page.locator("#file").get_attribute("multiple") is not None
        check(page)
        page.go_back()
        assert page.locator(".results button").count() == 2
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == label
        assert "Periksa dokumen" in page.title()
        page.locator(".results button").first.click()
        page.wait_for_selector(".verdict.green")
        page.get_by_text("Kembali ke daftar").click()
        page.wait_for_selector(".results button")
        # Opening sends nothing again.
        assert len(sent) == 1


def test_files_can_be_dropped(browser: Browser, site: str, made: Made) -> None:
    content = list((made.samples / "asli.pdf").read_bytes())
    with watched(browser, site) as page:
        page.goto(site)
        dropped = page.evaluate_handle(
            """(bytes) => {
                 const data = new DataTransfer();
                 data.items.add(new File([new Uint8Array(bytes)], "asli.pdf"));
                 return data;
               }""",
            content,
        )
        page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
        assert page.locator("form.dropping").count() == 1
        page.dispatch_event("main", "drop", {"dataTransfer": dropped})
        page.wait_for_selector(".verdict.green")


def test_without_scripts_one_file_is_sent(browser: Browser, site: str, made: Made) -> None:
    with watched(browser, site, java_script_enabled=False) as page:
        sent = uploads_of(page)
        page.goto(site)
        assert page.locator("#file").get_attribute("multiple") is None
        choose(page, made.samples / "asli.pdf")
        page.wait_for_selector(".verdict.green")
        assert sent == [f"{site}/periksa-file"]
        assert page.locator(".timeline > li").count() == 2


def changed() -> bytes:
    return with_page_overwritten(signed_pdf(stamped=NOW))


def signed_twice_with_a_filled_form() -> bytes:
    officer = pki().officer
    slots = with_slots(plain_pdf(), "Kepala", "Bupati")
    first = filled_slot(slots, "Kepala", by=officer, certify=True, stamped=NOW)
    return filled_slot(with_form_filled(first), "Bupati", by=officer, certify=False, stamped=NOW)


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize(("make", "colour"), [(changed, "red"), (signed_twice_with_a_filled_form, "grey")])
def test_what_looks_different_is_seen_side_by_side(
    browser: Browser, others_site: str, tmp_path: Path, lang: str, make: Callable[[], bytes], colour: str
) -> None:
    file = tmp_path / "dokumen.pdf"
    file.write_bytes(elsewhere(make))
    with watched(browser, others_site) as page:
        page.goto(f"{others_site}/?lang={lang}")
        choose(page, file)
        page.wait_for_selector(f".verdict.{colour}")
        pictures = page.locator(".pair img")
        assert pictures.count() == 2
        for picture in pictures.all():
            # Shown, not only there: the policy on pictures lets them through.
            assert picture.evaluate("(image) => image.complete && image.naturalWidth") > 500
        before, after = (pictures.nth(index) for index in range(2))
        for size, beside in ((DESKTOP, True), (PHONE, False)):
            page.set_viewport_size(size)
            first, second = before.bounding_box(), after.bounding_box()
            assert first is not None
            assert second is not None
            assert (first["y"] == second["y"]) == beside
        check(page)


def test_a_planned_replacement_is_told_before_its_day(browser: Browser, site: str, made: Made) -> None:
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    code = add_record(made, superseded_on=day, successor_number="503/099/BARU")
    with watched(browser, site) as page:
        page.goto(f"{site}/d/{code}")
        assert page.locator(".verdict.green").count() == 1
        text = page.inner_text("main")
        assert "Akan diganti" in text
        assert f"mulai {day.day} " in text
        assert "Diganti dengan" not in text
        page.goto(f"{site}/d/{made.codes['superseded']}")
        assert "Akan diganti" not in page.inner_text("main")
