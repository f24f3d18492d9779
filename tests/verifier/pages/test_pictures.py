"""The pages that look different: what is drawn, what is found on them, and what a bad page costs."""

from __future__ import annotations

import re
import time
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from paged_files import endless, line, pages_of, with_pages_overwritten
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sample_files import (
    encrypted_pdf,
    filled_slot,
    plain_pdf,
    signed_pdf,
    with_document_timestamp,
    with_form_filled,
    with_page_overwritten,
    with_popup,
    with_slots,
    with_validation_data,
)
from small_pki import NOW, Pki

from tests.journeys.public_site import Made
from verifier.by_file import inspect
from verifier.page_pictures import (
    NothingToCompare,
    PagePictures,
    draw_differences,
    field_to_compare,
    signed_end_of,
)
from verifier.pdf.document import File
from verifier.picture_stream import Album
from verifier.report import SignatureReport
from verifier.sandbox import OneShotSandbox, Sandbox, SandboxBusy

from .conftest import without_lifespan

PAGE = {"Accept": "text/html"}
FIELD = "Penanda_tangan"


def codes(pictures: PagePictures) -> list[str]:
    return [each.code for each in pictures.findings]


def reports(pdf: bytes) -> tuple[SignatureReport, ...]:
    return inspect(pdf, anchors=[], moment=NOW).signatures


def test_what_was_overwritten_is_outlined_where_it_stands(sandbox: Sandbox) -> None:
    pictures = sandbox.draw_now(with_page_overwritten(signed_pdf()), field=FIELD)
    assert (pictures.compared, pictures.findings, len(pictures.pairs)) == (1, (), 1)
    (pair,) = pictures.pairs
    (place,) = pair.places
    # The line stands at 72 to about 210 of 595 points, 720 to 744 of 842 from below.
    assert 0.1 < place.left < 0.3 < place.right < 0.45
    assert 0.1 < place.top < 0.13 < place.bottom < 0.17
    assert pair.before is not None
    assert pair.after is not None
    marked = []
    for png in (pair.before, pair.after):
        with Image.open(BytesIO(png)) as opened:
            image = opened.convert("RGB")
        purple = [
            sum(r > 120 and g < 60 and b > 60 for r, g, b in [image.getpixel((x, y))])  # type: ignore[misc]
            for y in range(image.height)
            for x in (round(place.left * image.width) + 1,)
        ]
        marked.append(sum(purple))
    dashed, solid = marked
    assert solid > 20
    # Told apart without colours: half of a dashed line is paper.
    assert 0.3 * solid < dashed < 0.8 * solid


@pytest.mark.parametrize("kind", [Sandbox, OneShotSandbox])
def test_both_sandboxes_draw_what_the_function_draws(kind: type) -> None:
    pdf = with_page_overwritten(signed_pdf())
    box = kind()
    drawn = box.draw_now(pdf, field=FIELD)
    assert list(drawn.pairs) == draw_differences(pdf, signed_end_of(File(pdf), FIELD))
    if isinstance(box, Sandbox):
        box.close()


def test_a_filled_form_is_seen_and_an_invisible_change_is_not(sandbox: Sandbox) -> None:
    filled = sandbox.draw_now(with_form_filled(signed_pdf()), field=FIELD)
    assert len(filled.pairs) == 1
    assert 0.2 < filled.pairs[0].places[0].top < 0.3
    stamped = sandbox.draw_now(with_document_timestamp(signed_pdf()), field=FIELD)
    assert (stamped.pairs, stamped.compared, stamped.findings) == ((), 1, ())


def test_what_no_page_draws_needs_no_comparison() -> None:
    def undrawn(pdf: bytes) -> tuple[str, ...]:
        return inspect(pdf, anchors=[], moment=NOW).undrawn

    assert undrawn(with_document_timestamp(signed_pdf())) == (FIELD,)
    assert undrawn(with_validation_data(signed_pdf(), [])) == (FIELD,)
    for drawn in (with_form_filled, with_page_overwritten):
        assert undrawn(drawn(signed_pdf())) == ()
        assert undrawn(with_document_timestamp(drawn(signed_pdf()))) == ()
    assert undrawn(signed_pdf() + b"tail") == ()


def test_a_change_of_colour_alone_is_seen() -> None:
    # Equally dark, so that a comparison in grey would miss it.
    before = pages_of(b"0.6 0 0 rg 100 100 50 50 re f")
    after = pages_of(b"0 0.306 0 rg 100 100 50 50 re f")
    (pair,) = draw_differences_of(before, after)
    assert len(pair.places) == 1


def draw_differences_of(before: bytes, after: bytes) -> list:  # type: ignore[type-arg]
    """Two files as two states: what is drawn of a prefix and of a whole, without making revisions."""
    from verifier.page_pictures import States, _open, compare_pages

    states = States(_open(before, None), _open(after, None))
    steps = compare_pages(states, range(1, states.pages + 1))
    return [step.pair for step in steps if step.pair is not None]


def test_places_near_to_each_other_are_one_and_far_ones_are_two() -> None:
    old = pages_of(b"", line("sama"))
    new = pages_of(b"100 100 30 30 re f 135 100 30 30 re f 400 700 30 30 re f", line("sama"))
    (pair,) = draw_differences_of(old, new)
    assert (pair.page, len(pair.places)) == (1, 2)
    upper, lower = pair.places
    assert len(pair.details) == 2
    with Image.open(BytesIO(pair.details[0].after)) as enlarged, Image.open(BytesIO(pair.after)) as whole:
        # Twice as large, and less than the page.
        assert whole.width * 0.8 < enlarged.width < whole.width * 1.2
        assert enlarged.height < whole.height / 2
    assert upper.top < 0.2 < 0.8 < lower.bottom
    # A hundred little ones are told as one, so that the page is not all frames.
    many = b" ".join(b"%d %d 4 4 re f" % (20 + 50 * x, 20 + 70 * y) for x in range(11) for y in range(11))
    (crowded,) = draw_differences_of(pages_of(b""), pages_of(many))
    assert len(crowded.places) == 1


@pytest.mark.parametrize("turned", [0, 90])
def test_an_enlarged_part_is_that_of_the_whole_page_enlarged(turned: int) -> None:
    from verifier.page_pictures import _draw, _open

    document = _open(pages_of(line("sama")), None)
    document[0].set_rotation(turned)
    page = _draw(document, 1)
    whole = _draw(document, 1, (0, 0, *page.size))
    for part in ((90, 120, 300, 180), (0, 0, 40, page.height), (page.width - 50, 7, page.width, 90)):
        cut_out = whole.crop(tuple(2 * side for side in part))
        drawn = _draw(document, 1, part)
        # A page is no whole number of pixels wide, so that the last one may be missing.
        assert all(0 <= more - less <= 1 for more, less in zip(cut_out.size, drawn.size, strict=True))
        difference = ImageChops.difference(drawn, cut_out.crop((0, 0, *drawn.size)))
        # One of 255 where smoothing rounds; anything that is moved by a pixel is far more.
        assert max(most for _, most in difference.getextrema()) <= 2


def test_colours_are_told_as_they_are() -> None:
    # Photos aside, a page has few colours, and each of them has to be seen as what it is.
    colours = [(200, 30, 30), (30, 120, 60), (240, 240, 250), (20, 20, 90)]
    new = pages_of(
        b" ".join(
            b"%.3f %.3f %.3f rg %d 300 60 60 re f" % (*(part / 255 for part in colour), 80 + 100 * place)
            for place, colour in enumerate(colours)
        )
    )
    (pair,) = draw_differences_of(pages_of(b""), new)
    assert pair.after is not None
    with Image.open(BytesIO(pair.after)) as opened:
        shown = opened.convert("RGB")
    for place, colour in enumerate(colours):
        seen = shown.getpixel((round((110 + 100 * place) * 96 / 72), shown.height - round(330 * 96 / 72)))
        assert isinstance(seen, tuple)
        assert max(abs(one - other) for one, other in zip(seen, colour, strict=True)) < 24, (seen, colour)


def test_a_page_that_was_added_or_taken_away() -> None:
    (added,) = draw_differences_of(pages_of(line("a")), pages_of(line("a"), line("b")))
    assert (added.page, added.before) == (2, None)
    assert added.after is not None
    (gone,) = draw_differences_of(pages_of(line("a"), line("b")), pages_of(line("a")))
    assert (gone.page, gone.after) == (2, None)


def test_only_pages_that_differ_are_shown_of_many() -> None:
    pages = [line(f"halaman {number}") for number in range(1, 61)]
    changed = [*pages]
    changed[41] = line("diganti")
    began = time.monotonic()
    (pair,) = draw_differences_of(pages_of(*pages), pages_of(*changed))
    assert pair.page == 42
    assert time.monotonic() - began < 20


def test_the_chosen_signature(people: Pki) -> None:
    slots = with_slots(plain_pdf(), "A", "B")
    first = filled_slot(slots, "A", by=people.officer, certify=False, stamped=None)
    twice = filled_slot(first, "B", by=people.officer, certify=False, stamped=None)
    assert field_to_compare(reports(first)) is None
    assert field_to_compare(reports(twice)) == "A"
    assert field_to_compare(reports(with_page_overwritten(twice))) == "B"
    broken = reports(with_page_overwritten(twice))
    # What a broken signature covers is not what was signed.
    assert field_to_compare([replace(each, integrity="broken") for each in broken]) is None
    assert signed_end_of(File(twice), "A") == len(first)
    with pytest.raises(NothingToCompare):
        signed_end_of(File(twice), "C")


def test_an_encrypted_file_is_drawn_with_its_password(sandbox: Sandbox) -> None:
    pdf = encrypted_pdf("rahasia")
    assert codes(sandbox.draw_now(pdf, field="A")) == ["PAGE_PICTURES_IMPOSSIBLE"]
    drawn = sandbox.draw_now(pdf, field="A", password="rahasia")
    assert (drawn.compared, drawn.pairs, drawn.findings) == (1, (), ())


def test_a_page_that_never_ends_costs_only_itself(sandbox: Sandbox) -> None:
    pdf = signed_pdf(endless(12))
    server = sandbox.server_pid
    began = time.monotonic()
    pictures = sandbox.draw_now(pdf, field=FIELD)
    assert time.monotonic() - began < 7
    assert [(each.code, dict(each.values)) for each in pictures.findings] == [
        ("PAGE_PICTURE_MISSING", {"page": "1"})
    ]
    assert pictures.compared == 1
    assert sandbox.server_pid == server


def test_no_time_is_told_and_no_place_is_refused(sandbox: Sandbox) -> None:
    pdf = with_page_overwritten(signed_pdf())
    assert codes(sandbox.draw_now(pdf, field=FIELD, seconds=0.0)) == ["PAGE_PICTURES_STOPPED"]
    full = Sandbox(children=1, waiting=0, patience=0.0)
    with full, full._place_in_line(), pytest.raises(SandboxBusy):
        full.draw_now(pdf, field=FIELD)


@pytest.mark.parametrize(
    "message",
    [
        b'{"page": 2, "result": "same"}',
        b'{"opened": 0, "first": []}',
        b'{"opened": 2, "first": [3]}',
        b'{"opened": 1000000000, "first": []}',
        b'{"page": 1, "result": "differs", "before": "PHNjcmlwdD4=", "after": null, "places": [], '
        b'"details": []}',
        b'{"page": 1, "result": "differs", "before": null, "after": null, "places": [], "details": '
        b'[{"place": [0, 0, 1, 1], "before": null, "after": null}]}',
        b'{"page": 1, "result": "differs", "before": null, "after": null, "places": [[0, 0, 2, 1]], '
        b'"details": []}',
        b'{"page": 1, "result": "differs"}',
        b"[]",
        b"nonsense",
    ],
)
def test_nothing_that_a_child_says_is_believed(message: bytes) -> None:
    album = Album(FIELD)
    album.read(framed(b'{"opened": 1, "first": []}'))
    with pytest.raises(ValueError):
        album.read(framed(message))
    assert album.pictures().pairs == ()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def test_the_page_that_was_written_again_is_drawn_first(sandbox: Sandbox) -> None:
    pages = [line(f"halaman {number}") for number in range(1, 301)]
    writer = IncrementalPdfFileWriter(BytesIO(signed_pdf(pages_of(*pages))))
    page = writer.root["/Pages"]["/Kids"][249].get_object()
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=line("diganti")))
    writer.mark_update(page.container_ref)
    out = BytesIO()
    writer.write(out)
    # Far too little time for all of them.
    pictures = sandbox.draw_now(out.getvalue(), field=FIELD, seconds=0.8)
    assert [pair.page for pair in pictures.pairs] == [250]
    assert codes(pictures) == ["PAGE_PICTURES_STOPPED"]
    assert pictures.compared < 250


def test_pages_are_handed_on_as_they_come_over_several_children(
    monkeypatch: pytest.MonkeyPatch, people: Pki
) -> None:
    # Each child stops behind its first page, and more pages differ than are ever held.
    monkeypatch.setattr("verifier.picture_stream._CHILD_SECONDS", 0.0)
    monkeypatch.setattr("verifier.picture_stream._MOST_PAIRS", 2)
    pdf = with_pages_overwritten(5)
    kept: list[int] = []
    box = OneShotSandbox()
    drawn = box.draw_now(pdf, field=FIELD, keep=lambda pair: kept.append(pair.page))
    assert (kept, drawn.pairs, drawn.compared, drawn.findings) == ([1, 2, 3, 4, 5], (), 5, ())
    assert codes(box.draw_now(pdf, field=FIELD)) == ["PAGE_PICTURES_STOPPED"]


def test_what_cannot_be_kept_ends_the_drawing_and_its_child(sandbox: Sandbox) -> None:
    def refuse(_: object) -> None:
        raise OSError("no room")

    for box in (sandbox, OneShotSandbox()):
        began = time.monotonic()
        with pytest.raises(OSError, match="no room"):
            box.draw_now(with_pages_overwritten(5), field=FIELD, keep=refuse)
        assert time.monotonic() - began < 5
    assert sandbox.draw_now(with_pages_overwritten(1), field=FIELD).compared == 1


def test_a_child_that_pauses_before_any_page_is_not_believed() -> None:
    album = Album(FIELD)
    album.read(framed(b'{"opened": 2, "first": []}'))
    album.read(framed(b'{"page": 1, "result": "same"}') + framed(b'{"pause": true}'))
    assert album.paused
    album.begin()
    album.read(framed(b'{"opened": 2, "first": []}'))
    with pytest.raises(ValueError, match="pause"):
        album.read(framed(b'{"pause": true}'))


def test_pictures_stop_at_a_size(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setattr("verifier.picture_stream._MOST_PICTURE_BYTES", 10)
    pictures = sandbox.draw_now(with_page_overwritten(signed_pdf()), field=FIELD)
    assert (pictures.pairs, codes(pictures)) == ((), ["PAGE_PICTURES_STOPPED"])


def page_about(client: TestClient, pdf: bytes, lang: str = "id") -> str:
    return client.post(f"/periksa-file?lang={lang}", files={"file": ("a.pdf", pdf)}, headers=PAGE).text


def test_the_page_shows_both_states_and_says_where(made: Made, sandbox: Sandbox, people: Pki) -> None:
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    page = page_about(client, with_page_overwritten(signed_pdf(stamped=NOW)))
    # The verdict first, the pictures after it.
    assert page.index('id="putusan"') < page.index('id="penanda-tangan"') < page.index('id="perbandingan"')
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', page)
    assert [alt for _, alt in pictures] == [
        f"Halaman 1, {state}; yang berbeda: di bagian atas kiri"
        for state in (
            "Saat ditandatangani, diperbesar", "Sekarang, diperbesar", "Saat ditandatangani", "Sekarang",
        )
    ]  # fmt: skip
    assert all(b64decode(data).startswith(b"\x89PNG") for data, _ in pictures)
    assert pictures[0][0] != pictures[1][0]
    assert 'class="after bad"' in page
    # The API's answer has neither the pictures nor their findings.
    answer = client.post(
        "/api/v1/verify", files={"file": ("a.pdf", with_page_overwritten(signed_pdf(stamped=NOW)))}
    ).json()
    assert answer["verdict"] == "altered"
    assert not any(each["code"].startswith("PAGE_PICTURE") for each in answer["findings"])


def test_a_bad_page_is_a_finding_and_never_a_verdict(made: Made, sandbox: Sandbox, people: Pki) -> None:
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    pdf = with_popup(signed_pdf(endless(12), stamped=NOW))
    page = page_about(client, pdf, "en")
    assert "Signature intact, but not recorded here" in page
    assert "Page 1 cannot be drawn, so its comparison cannot be shown." in page


def test_an_original_and_an_unchanged_file_have_no_pictures(
    made: Made, sandbox: Sandbox, people: Pki
) -> None:
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    for pdf in ((made.samples / "asli.pdf").read_bytes(), signed_pdf(stamped=NOW), plain_pdf()):
        assert 'id="perbandingan"' not in page_about(client, pdf)


def test_busy_drawing_leaves_the_verdict(
    made: Made, sandbox: Sandbox, people: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> PagePictures:
        raise SandboxBusy("Too many files are being checked.")

    monkeypatch.setattr(sandbox, "draw_now", busy)
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    page = page_about(client, with_page_overwritten(signed_pdf(stamped=NOW)))
    assert "File berubah setelah ditandatangani" in page
    assert "banyak file sedang diperiksa" in page


def test_signers_stand_in_time_order_with_what_came_after(made: Made, sandbox: Sandbox, people: Pki) -> None:
    slots = with_slots(plain_pdf(), "A", "B")
    first = filled_slot(slots, "A", by=people.officer, certify=True, stamped=NOW)
    twice = filled_slot(with_form_filled(first), "B", by=people.officer, certify=False, stamped=NOW)
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    page = page_about(client, twice)
    timeline = page[page.index('<ol class="timeline">') : page.index("</ol>")]
    assert re.findall(r'class="after (\w+)"', timeline) == ["note", "good"]
    assert timeline.count("Siti Contoh") == 2
    assert timeline.index("menandatangani file seperti saat itu") < timeline.index(
        "menandatangani seluruh file"
    )
    assert timeline.rindex("File yang ada pada Anda") > timeline.rindex("Siti Contoh")
