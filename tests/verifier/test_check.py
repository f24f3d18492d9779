"""The way from a file to its record: by hash, by what is signed, by the code inside, by the QR on a scan."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest
import qrcode
from cryptography.hazmat.primitives.serialization import Encoding
from sample_files import (
    CODE,
    byte_range_of,
    objects_to_pdf,
    plain_pdf,
    signed_pdf,
    stream,
    with_page_overwritten,
    with_validation_data,
)
from small_pki import NOW, Pki, revocation_list
from test_verdict import record

from storage.records import PublicRecord
from storage.vocabulary import Unavailable, Verdict
from verifier import Report, check
from verifier.check import Lookup
from verifier.sandbox import Sandbox, SandboxBusy

HOST = "cek.contoh.go.id"


class MemoryLookup:
    """A register of one document: the issued file and its record."""

    def __init__(self, issued: bytes, record: PublicRecord) -> None:
        self.record = record
        self.sha256 = hashlib.sha256(issued).hexdigest()
        _, first, second, length = byte_range_of(issued)
        covered = issued[:first] + issued[second : second + length]
        self.digest = hashlib.sha256(covered).hexdigest()
        self.asked: list[str] = []

    def by_code(self, code: str, /) -> PublicRecord | None:
        self.asked.append("code")
        return self.record if code == self.record.code else None

    def by_sha256(self, sha256: str, /) -> PublicRecord | None:
        self.asked.append("sha256")
        return self.record if sha256 == self.sha256 else None

    def by_byte_range_digest(self, digest: str, /) -> PublicRecord | None:
        self.asked.append("digest")
        return self.record if digest == self.digest else None


class DeadLookup:
    def by_code(self, code: str, /) -> PublicRecord | None:
        raise Unavailable("The register does not answer.")

    by_sha256 = by_byte_range_digest = by_code


class NoSandbox:
    """A sandbox that has no place for the file."""

    def inspect_now(self, *_: object, **__: object) -> None:
        raise SandboxBusy("As many files as may be are being checked.")


@pytest.fixture(scope="module")
def issued() -> bytes:
    return signed_pdf(plain_pdf(code=CODE), stamped=NOW)


@pytest.fixture
def lookup(issued: bytes) -> MemoryLookup:
    return MemoryLookup(issued, record())


@pytest.fixture
def ask(sandbox: Sandbox, people: Pki, lookup: MemoryLookup):  # type: ignore[no-untyped-def]
    def run(pdf: bytes, *, register: Lookup | None = lookup, hosts: tuple[str, ...] = (HOST,)) -> Report:
        return check(pdf, lookup=register, anchors=[people.root.pem], sandbox=sandbox, now=NOW, hosts=hosts)

    return run


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_an_original_is_known_by_its_hash_even_when_nothing_can_open_it(
    issued: bytes, lookup: MemoryLookup
) -> None:
    report = check(issued, lookup=lookup, anchors=[], sandbox=NoSandbox(), now=NOW)
    assert report.verdict is Verdict.VALID
    assert report.original
    assert report.signatures == ()
    assert codes(report) == {"ORIGINAL"}
    assert lookup.asked == ["sha256"]
    assert report.elapsed_ms > 0
    assert report.sha256 == hashlib.sha256(issued).hexdigest()


def test_an_original_has_no_doubts_beside_it_whatever_is_trusted(  # type: ignore[no-untyped-def]
    issued: bytes, lookup: MemoryLookup, sandbox: Sandbox, people: Pki
) -> None:
    other = people.stranger.issuers[-1].public_bytes(Encoding.PEM)
    for anchors in ([other], []):
        report = check(issued, lookup=lookup, anchors=anchors, sandbox=sandbox, now=NOW)
        assert report.verdict is Verdict.VALID
        assert {finding.severity for finding in report.findings} == {"info"}
        assert {"ORIGINAL", "ORIGINAL_DECIDES"} <= codes(report)
        assert report.signatures[0].trust == "untrusted"
        # Of a file that is not the original the same doubts are told.
        altered = check(issued + b"x", lookup=lookup, anchors=anchors, sandbox=sandbox, now=NOW)
        assert "SIGNER_UNTRUSTED" in codes(altered)


def test_an_originals_signatures_are_told_all_the_same(ask, issued: bytes) -> None:  # type: ignore[no-untyped-def]
    report = ask(issued)
    assert (report.verdict, report.original) == (Verdict.VALID, True)
    assert [(each.integrity, each.level) for each in report.signatures] == [("intact", "PAdES-B-T")]
    assert {"ORIGINAL"} < codes(report)


def test_a_path_is_read_and_named(issued: bytes, lookup: MemoryLookup, tmp_path: Path) -> None:
    path = tmp_path / "izin.pdf"
    path.write_bytes(issued)
    report = check(path, lookup=lookup, anchors=[], sandbox=NoSandbox(), now=NOW)
    assert report.file == str(path)


def test_added_validation_data_stay_tied_to_the_record(issued: bytes, ask, people: Pki) -> None:  # type: ignore[no-untyped-def]
    report = ask(with_validation_data(issued, [revocation_list(people.ca, {})]))
    assert report.verdict is Verdict.VALID
    assert not report.original
    assert "ORIGINAL_EXTENDED" in codes(report)


@pytest.mark.parametrize("alter", [lambda pdf: pdf + b"tail", with_page_overwritten])
def test_an_altered_copy_shows_the_record_of_the_original(issued: bytes, ask, alter) -> None:  # type: ignore[no-untyped-def]
    report = ask(alter(issued))
    assert report.verdict is Verdict.ALTERED
    assert report.register is not None
    assert report.register.known
    assert "masih berlaku" in report.summary


def test_a_trusted_signer_with_the_code_of_another_is_not_the_original(people: Pki, ask) -> None:  # type: ignore[no-untyped-def]
    forged = signed_pdf(plain_pdf("SIP 999/999", code=CODE), by=people.second_officer, stamped=NOW)
    report = ask(forged)
    assert report.verdict is Verdict.UNREGISTERED
    assert "NOT_THE_ISSUED_FILE" in codes(report)
    assert report.register is not None
    assert report.register.number == record().number


def test_a_good_file_that_is_not_ours(ask) -> None:  # type: ignore[no-untyped-def]
    report = ask(signed_pdf(plain_pdf("Surat lain"), stamped=NOW))
    assert report.verdict is Verdict.UNREGISTERED
    assert report.register is not None
    assert not report.register.known


def test_without_a_register_the_signatures_decide(issued: bytes, ask) -> None:  # type: ignore[no-untyped-def]
    report = ask(issued, register=None)
    assert (report.verdict, report.register) == (Verdict.VALID, None)
    assert report.colour == "grey"
    assert report.heading.startswith("Tanda tangan utuh dan tepercaya")


def test_a_register_that_does_not_answer(issued: bytes, ask) -> None:  # type: ignore[no-untyped-def]
    report = ask(issued, register=DeadLookup())
    assert report.verdict is Verdict.UNAVAILABLE
    assert "REGISTER_UNAVAILABLE" in codes(report)
    assert ask(issued + b"tail", register=DeadLookup()).verdict is Verdict.ALTERED


def test_a_full_sandbox_is_our_fault(issued: bytes, lookup: MemoryLookup) -> None:
    class Full:
        def inspect_now(self, *_: object, **__: object) -> None:
            raise SandboxBusy("full")

    report = check(issued + b"\n", lookup=lookup, anchors=[], sandbox=Full(), now=NOW)
    assert report.verdict is Verdict.UNAVAILABLE
    assert codes(report) == {"SANDBOX_BUSY"}


@pytest.mark.parametrize(("end", "most"), [(b"", 2.0), (b" ", 9.0)])
def test_waiting_counts_among_the_ten_seconds_and_an_original_waits_less(
    issued: bytes, lookup: MemoryLookup, end: bytes, most: float
) -> None:
    given: list[float] = []

    class Full:
        def inspect_now(self, *_: object, seconds: float, **__: object) -> None:
            given.append(seconds)
            raise SandboxBusy("full")

    check(issued + end, lookup=lookup, anchors=[], sandbox=Full(), now=NOW)
    assert given == [most]


# Scans


def qr_picture(text: str, kind: str) -> bytes:
    page = PIL.Image.new("RGB", (1240, 1754), "white")
    symbol = qrcode.make(text, box_size=8, border=4).get_image().convert("RGB")
    page.paste(symbol, (700, 1200))
    out = BytesIO()
    page.save(out, kind, quality=60)
    return out.getvalue()


def scanned_pdf(text: str) -> bytes:
    picture = qr_picture(text, "JPEG")
    return objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /XObject << /I 5 0 R >> >> >>",
            stream(b"q 595 0 0 842 0 0 cm /I Do Q"),
            stream(
                picture,
                b"/Type /XObject /Subtype /Image /Width 1240 /Height 1754 /ColorSpace /DeviceRGB "
                b"/BitsPerComponent 8 /Filter /DCTDecode",
            ),
        ]
    )


@pytest.mark.parametrize(
    "make", [lambda text: qr_picture(text, "JPEG"), lambda text: qr_picture(text, "PNG"), scanned_pdf]
)
def test_a_scan_leads_to_its_record(make, ask) -> None:  # type: ignore[no-untyped-def]
    report = ask(make(f"https://{HOST}/d/{CODE}#39201948571"))
    assert report.verdict is Verdict.UNSIGNED
    assert "SCAN_OF" in codes(report)
    assert report.register is not None
    assert report.register.number == record().number
    assert record().number in next(f.message for f in report.findings if f.code == "SCAN_OF")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://cek-contoh.example/d/{CODE}", "FOREIGN_CODE"),
        (f"https://{HOST}.example/d/{CODE}", "FOREIGN_CODE"),
        (f"https://{HOST}@evil.example/d/{CODE}", "FOREIGN_CODE"),
        (f"https://{HOST}/d/TS7JQWYRA7SX5K", "UNKNOWN_CODE"),
    ],
)
def test_a_scan_of_something_else(text: str, expected: str, ask) -> None:  # type: ignore[no-untyped-def]
    report = ask(qr_picture(text, "PNG"))
    assert expected in codes(report)
    assert "SCAN_OF" not in codes(report)
    assert report.register is not None
    assert not report.register.known


def test_a_plain_code_without_an_address(ask) -> None:  # type: ignore[no-untyped-def]
    assert "SCAN_OF" in codes(ask(qr_picture("7K3M9-QX2R4-TPXA", "PNG")))


def test_text_that_is_no_code_is_passed_over(ask) -> None:  # type: ignore[no-untyped-def]
    assert codes(ask(qr_picture("NIP 1987", "PNG"))) == {"NO_SIGNATURE"}


def test_one_changed_byte_anywhere_still_leads_to_the_original(issued: bytes, ask) -> None:  # type: ignore[no-untyped-def]
    # In the page, in both tables, in the signature itself, its byte range and its name.
    gap_start, gap_end = byte_range_of(issued)[1:3]
    places = {
        *(place for place in range(40, len(issued), 97) if not gap_start < place < gap_end - 1),
        *(issued.index(b"Tj ET") - 3, issued.index(b"startxref") + 11, issued.rindex(b"startxref") + 12),
        *(gap_start, gap_start + 9, gap_end - 1, issued.index(b"/ByteRange") + 3),
    }
    for place in places:
        flipped = issued[:place] + bytes([issued[place] ^ 1]) + issued[place + 1 :]
        report = ask(flipped)
        assert report.verdict in (Verdict.ALTERED, Verdict.UNREADABLE, Verdict.UNSIGNED), place
        if report.verdict is not Verdict.UNSIGNED:
            assert report.register is not None
            assert (report.register.known, report.register.number) == (True, record().number), place
            assert "status dokumen aslinya: masih berlaku" in report.summary
            assert codes(report) & {"ORIGINAL_CHANGED", "ORIGINAL_EXTENDED"}


def test_a_trace_is_no_evidence_in_a_good_file(issued: bytes, ask) -> None:  # type: ignore[no-untyped-def]
    carrier = objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
            stream(issued),
        ]
    )
    report = ask(signed_pdf(carrier, stamped=NOW))
    assert report.verdict is Verdict.UNREGISTERED
    assert report.register is not None
    assert not report.register.known
    assert not codes(report) & {"ORIGINAL_CHANGED", "ORIGINAL_EXTENDED"}


def test_a_forger_gains_nothing_by_a_trace(issued: bytes, ask, people: Pki) -> None:  # type: ignore[no-untyped-def]
    _, first, second, _ = byte_range_of(issued)
    stolen = b"\n/Contents " + issued[first:second]
    report = ask(signed_pdf(by=people.stranger) + stolen)
    assert report.verdict is Verdict.ALTERED
    assert "ORIGINAL_CHANGED" in codes(report)
