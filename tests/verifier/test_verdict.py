"""The precedence of verdicts, state by state, and the words of each."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from storage.records import Issuer, PublicRecord
from storage.vocabulary import Status, Verdict
from verifier import finding_words
from verifier.report import FileAnswer, Finding, Observation, SignatureReport
from verifier.verdict import STATUS_WORDS, conclude, decide
from verifier.words import Lang, finding_message, finding_severity, long_date, verdict_words

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)

GOOD = SignatureReport(
    field="Penanda_tangan",
    kind="signature",
    signer="CN=Siti Contoh",
    integrity="intact",
    changes="none",
    covers="whole_file",
    trust="trusted",
    level="PAdES-B-T",
    indication="TOTAL-PASSED",
    subindication=None,
    signed_at="2026-10-01T00:00:00Z",
    signed_at_source="timestamp",
)
STAMP = replace(GOOD, kind="document_timestamp", field="Stempel", level="none")


def record(**changes: object) -> PublicRecord:
    return replace(
        PublicRecord(
            code="7K3M9QX2R4TPXA",
            type="sip-dokter",
            type_label_id="SIP Dokter",
            type_label_en="Practice permit, doctor",
            number="503/028/SIPD/2026",
            masked_name="S*** C***",
            issued_on=date(2026, 3, 12),
            valid_from=date(2026, 3, 12),
            valid_until=date(2031, 3, 11),
            zone="Asia/Jakarta",
            issuer=Issuer(
                "DPMPTSP Kabupaten Contoh", "Kabupaten Contoh", "0355-1", "a@example.id", "https://x.id"
            ),
            signatory="Kepala DPMPTSP",
            issued=True,
            annulled_on=None,
            revoked_from=None,
            suspended_since=None,
            superseded_on=None,
            successor_number=None,
            reason_class=None,
            name_salt=b"",
            name_digest=b"",
            specimen=False,
        ),
        **changes,
    )


def file(*signatures: SignatureReport) -> FileAnswer:
    return FileAnswer(readable=True, unsigned=not signatures, signatures=signatures)


BROKEN = replace(GOOD, integrity="broken")
FORBIDDEN = replace(GOOD, changes="forbidden")
PARTIAL = replace(GOOD, covers="partial")
OPEN = replace(GOOD, integrity="undetermined")
UNCLEAR = replace(GOOD, changes="undetermined")
REVOKED = replace(GOOD, trust="revoked")
STRANGE = replace(GOOD, trust="untrusted")
EXPIRED = replace(GOOD, trust="expired")

FILES = [
    (FileAnswer.unreadable("DAMAGED"), Verdict.UNREADABLE),
    (FileAnswer(readable=False, unsigned=True), Verdict.UNREADABLE),
    (file(OPEN, BROKEN), Verdict.UNREADABLE),
    (file(UNCLEAR, REVOKED), Verdict.UNREADABLE),
    (file(), Verdict.UNSIGNED),
    (file(BROKEN, REVOKED), Verdict.ALTERED),
    (file(FORBIDDEN), Verdict.ALTERED),
    (file(PARTIAL), Verdict.ALTERED),
    (file(GOOD, replace(STAMP, integrity="broken")), Verdict.ALTERED),
    (file(REVOKED, STRANGE), Verdict.REVOKED_SIGNER),
    (file(STRANGE, GOOD), Verdict.UNTRUSTED_SIGNER),
    (file(EXPIRED), Verdict.UNTRUSTED_SIGNER),
    (file(replace(GOOD, trust="undetermined")), Verdict.UNTRUSTED_SIGNER),
    (file(replace(STAMP, trust="untrusted")), Verdict.UNTRUSTED_SIGNER),
]


@pytest.mark.parametrize("status", [None, *Status])
@pytest.mark.parametrize(("answer", "expected"), FILES)
def test_a_bad_file_decides_before_the_register(
    answer: FileAnswer, expected: Verdict, status: Status | None
) -> None:
    for asked in (True, False):
        assert decide(answer, status, known_original=False, register_asked=asked) is expected


STATES = [
    (Status.NOT_YET_ISSUED, Verdict.NOT_YET_ISSUED),
    (Status.ANNULLED, Verdict.ANNULLED),
    (Status.REVOKED, Verdict.REVOKED),
    (Status.SUSPENDED, Verdict.SUSPENDED),
    (Status.SUPERSEDED, Verdict.SUPERSEDED),
    (Status.EXPIRED, Verdict.EXPIRED),
    (Status.NOT_YET_VALID, Verdict.NOT_YET_VALID),
    (Status.IN_FORCE, Verdict.VALID),
    (None, Verdict.UNREGISTERED),
]


@pytest.mark.parametrize(("status", "expected"), STATES)
@pytest.mark.parametrize("answer", [file(GOOD), file(GOOD, replace(STAMP, trust="untrusted"))])
def test_a_good_file_has_the_state_of_the_register(
    answer: FileAnswer, status: Status | None, expected: Verdict
) -> None:
    assert decide(answer, status, known_original=False, register_asked=True) is expected


@pytest.mark.parametrize(("status", "expected"), STATES[:-1])
def test_an_original_needs_no_file_answer(status: Status, expected: Verdict) -> None:
    assert decide(None, status, known_original=True, register_asked=True) is expected


def test_every_status_has_its_verdict() -> None:
    assert {status for status, _ in STATES if status} == set(Status)
    assert {lang: set(words) for lang, words in STATUS_WORDS.items()} == {
        "id": set(Status),
        "en": set(Status),
    }


def test_offline_the_signatures_alone_decide() -> None:
    assert decide(file(GOOD), None, known_original=False, register_asked=False) is Verdict.VALID


def test_a_register_that_is_down_is_never_green() -> None:
    verdict = decide(file(GOOD), None, known_original=False, register_asked=True, register_down=True)
    assert verdict is Verdict.UNAVAILABLE
    altered = decide(file(BROKEN), None, known_original=False, register_asked=True, register_down=True)
    assert altered is Verdict.ALTERED


def test_a_file_that_we_could_not_open_for_our_own_fault() -> None:
    assert decide(None, None, known_original=False, register_asked=True) is Verdict.UNAVAILABLE


@pytest.mark.parametrize(("status", "expected"), STATES)
def test_naming_a_document_does_not_make_a_file_the_original(
    status: Status | None, expected: Verdict
) -> None:
    """Anybody trusted to sign can write a code into a file of his own."""
    verdict = decide(file(GOOD), status, known_original=False, register_asked=True, same_document=False)
    assert verdict is (Verdict.UNREGISTERED if expected is Verdict.VALID else expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issued": False, "annulled_on": date(2026, 1, 1)}, Verdict.ANNULLED),
        ({"issued": False}, Verdict.NOT_YET_ISSUED),
        ({"annulled_on": date(2026, 5, 1), "revoked_from": date(2026, 4, 1)}, Verdict.ANNULLED),
        ({"revoked_from": date(2026, 4, 1), "suspended_since": date(2026, 3, 1)}, Verdict.REVOKED),
        ({"revoked_from": date(2027, 4, 1)}, Verdict.VALID),
        ({"suspended_since": date(2026, 4, 1), "superseded_on": date(2026, 3, 20)}, Verdict.SUSPENDED),
        ({"superseded_on": date(2026, 4, 1), "valid_until": date(2026, 5, 1)}, Verdict.SUPERSEDED),
        ({"valid_until": date(2026, 10, 31)}, Verdict.EXPIRED),
        ({"valid_until": date(2026, 11, 1)}, Verdict.VALID),
        ({"valid_from": date(2026, 11, 2)}, Verdict.NOT_YET_VALID),
    ],
)
def test_the_record_decides_among_its_states(changes: dict[str, object], expected: Verdict) -> None:
    report = conclude(
        file(GOOD), record(**changes), known_original=False, register_asked=True, now=NOW, lang="id"
    )
    assert report.verdict is expected


def test_the_register_is_shown_beside_a_bad_file() -> None:
    report = conclude(file(BROKEN), record(), known_original=False, register_asked=True, now=NOW, lang="id")
    assert report.verdict is Verdict.ALTERED
    assert report.register is not None
    assert report.register.status is Status.IN_FORCE
    assert report.summary == (
        "File berubah setelah ditandatangani; file ini bukan dokumen asli, "
        "dan status dokumen aslinya: masih berlaku."
    )


def test_the_json_object_is_that_of_the_contract() -> None:
    report = conclude(
        file(GOOD),
        record(superseded_on=date(2026, 6, 1), successor_number="503/099"),
        known_original=False,
        register_asked=True,
        now=NOW,
        lang="en",
        name="a.pdf",
        sha256="00",
        more=[Observation("ORIGINAL_EXTENDED")],
    )
    data = report.to_json()
    assert list(data) == [
        "file", "sha256", "verdict", "summary", "signatures", "register", "findings", "elapsed_ms",
    ]  # fmt: skip
    assert list(data["signatures"][0]) == [
        "field", "kind", "signer", "integrity", "changes", "covers", "trust", "level", "indication",
        "subindication", "signed_at", "signed_at_source",
    ]  # fmt: skip
    assert data["register"] == {
        "known": True,
        "status": "superseded",
        "number": "503/028/SIPD/2026",
        "type": "sip-dokter",
        "superseded_by": "503/099",
    }
    assert data["verdict"] == "superseded"
    assert data["findings"] == [
        {
            "code": "ORIGINAL_EXTENDED",
            "severity": "info",
            "message": finding_message("ORIGINAL_EXTENDED", "en"),
        }
    ]
    unknown = conclude(file(GOOD), None, known_original=False, register_asked=True, now=NOW, lang="id")
    assert unknown.to_json()["register"] == {
        "known": False, "status": None, "number": None, "type": None, "superseded_by": None,
    }  # fmt: skip


def test_findings_come_once_and_the_reason_first() -> None:
    answer = replace(file(BROKEN), findings=(Observation("NO_ANCHORS"), Observation("LIMIT")))
    report = conclude(
        answer, None, known_original=False, register_asked=False, now=NOW, lang="id",
        more=[Observation("REGISTER_NOT_CONFIGURED"), Observation("LIMIT")],
    )  # fmt: skip
    assert [finding.code for finding in report.findings] == ["LIMIT", "NO_ANCHORS", "REGISTER_NOT_CONFIGURED"]
    assert all(isinstance(finding, Finding) for finding in report.findings)


# Words

BY: list[tuple[str, bool]] = [("code", True), ("file", True), ("file", False)]


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize(("by", "asked"), BY)
@pytest.mark.parametrize(
    "values", [{}, {"date": date(2026, 3, 12), "agency": "DPMPTSP", "regency": "Kabupaten Contoh"}]
)
def test_every_verdict_has_words_without_a_brace(
    verdict: Verdict, lang: Lang, by: str, asked: bool, values: dict[str, object]
) -> None:
    words = verdict_words(verdict, lang, by=by, register_asked=asked, **values)  # type: ignore[arg-type]
    for text in (words.heading, words.advice):
        assert text
        assert not re.search(r"[{}\[\]—]|  ", text), text
    assert (words.colour == "green") == (verdict is Verdict.VALID and (by == "code" or asked))


def test_words_with_dates_and_names() -> None:
    day = date(2026, 3, 12)
    assert verdict_words(Verdict.REVOKED, "id", by="file", date=day).heading == (
        "Dicabut, tidak berlaku sejak 12 Maret 2026"
    )
    assert (
        verdict_words(Verdict.EXPIRED, "en", by="code", date=day).heading == "Validity ended on 12 March 2026"
    )
    assert verdict_words(Verdict.SUSPENDED, "id", by="code").heading == "Ditangguhkan sementara"
    assert verdict_words(Verdict.VALID, "id", by="code").heading == "Terdaftar dan masih berlaku"
    assert verdict_words(Verdict.VALID, "id", by="file").heading == "File asli dan masih berlaku"
    assert verdict_words(Verdict.VALID, "en", by="file", register_asked=False).heading == (
        "Signatures intact and trusted; the document's status was not asked"
    )
    foreign = verdict_words(Verdict.FOREIGN_CODE, "id", by="code", regency="Kabupaten Contoh", service="OSS")
    assert foreign.colour == "grey"
    assert "periksa di OSS" in foreign.advice


def test_a_value_with_braces_stays_text() -> None:
    words = verdict_words(Verdict.ANNULLED, "en", by="code", agency="{date} [x]")
    assert words.advice == "Do not accept it for any date; contact {date} [x]."


@pytest.mark.parametrize("code", sorted(finding_words.CODES))
def test_every_finding_has_two_sentences(code: str) -> None:
    values = {
        "field": "A",
        "what": "B",
        "number": "C",
        "host": "D",
        "count": "3",
        "revision": "2",
        "limit": "25",
        "page": "2",
        "name": "E",
        "object": "7",
        "kind": "Link",
        "box": "1 2 3 4",
        "names": "F",
        "folder": "G",
        "reason": "H",
        "agency": "I",
        "issuer": "J",
        "date": "2026-03-12",
    }
    indonesian, english = finding_message(code, "id", **values), finding_message(code, "en", **values)
    assert indonesian != english
    for text in (indonesian, english):
        assert text.endswith(".")
        assert "{" not in text
        assert "—" not in text
    assert finding_severity(code) in ("error", "warning", "info")


def test_every_code_that_the_verifier_uses_is_in_the_table() -> None:
    from pathlib import Path

    import verifier

    source = "".join(path.read_text() for path in Path(verifier.__path__[0]).rglob("*.py"))
    used = set(
        re.findall(r"""(?:Observation|Observation\.of|unreadable|StructureFault)\(\s*"([A-Z_]+)\"""", source)
    )
    assert len(used) > 25
    assert used <= finding_words.CODES, used - finding_words.CODES


def test_dates_are_written_out() -> None:
    assert long_date(date(2026, 8, 7), "id") == "7 Agustus 2026"
    assert long_date(date(2026, 8, 7), "en") == "7 August 2026"


def test_the_report_has_its_words() -> None:
    report = conclude(
        file(GOOD), record(revoked_from=date(2026, 4, 2)), known_original=False, register_asked=True,
        now=NOW, lang="id",
    )  # fmt: skip
    assert report.heading == "Dicabut, tidak berlaku sejak 2 April 2026"
    assert report.colour == "red"
    assert report.advice.startswith("Jangan terima")
    assert report.summary == "Dicabut, tidak berlaku sejak 2 April 2026."


def test_names_of_the_format_are_said_in_words() -> None:
    values = {"page": "1", "field": "A"}
    assert "(arah halaman)" in finding_message("CHANGE_PAGE", "id", what="Rotate", **values)
    assert "(orientation)" in finding_message("CHANGE_PAGE", "en", what="Rotate", **values)
    assert "ditambahkan kotak" in finding_message("CONTENT_JOINED", "id", kind="Square", **values)
    # A name that nobody has a word for is shown as it is.
    assert "(Aneh)" in finding_message("CHANGE_ANNOTATION", "id", kind="Aneh", **values)
