"""The validation report says what the answer says, and nothing that nobody found."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from report_files import KINDS
from sample_files import byte_range_of, plain_pdf, signed_pdf, with_document_timestamp, with_validation_data
from small_pki import NOW, Pki, revocation_list

from verifier import by_file, confined_child
from verifier.by_file import inspect
from verifier.check import check
from verifier.etsi_report import write_etsi_report
from verifier.pdf.objects import TooMuch
from verifier.report import FileAnswer, Observation, Report
from verifier.sandbox import Sandbox

_SPACES = {
    "v": "http://uri.etsi.org/19102/v1.4.1#",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
LATER = NOW + timedelta(days=1)


def answered(pdf: bytes, people: Pki, sandbox: Sandbox, **options: Any) -> Report:
    options = {"in_detail": True, "now": LATER, "lang": "en", "name": "izin.pdf", **options}
    return check(pdf, anchors=[people.root.pem], sandbox=sandbox, **options)


def find(element: Any, path: str) -> list[Any]:
    found = element.xpath(path, namespaces=_SPACES)
    assert isinstance(found, list)
    return found


def texts(element: Any, path: str) -> list[str]:
    return [str(each.text) for each in find(element, path)]


def statuses(root: Any) -> list[tuple[str, str | None]]:
    found = []
    for each in find(root, "v:SignatureValidationReport/v:SignatureValidationStatus"):
        (main,) = texts(each, "v:MainIndication")
        below = texts(each, "v:SubIndication")
        found.append((main.rpartition(":")[2], below[0].rpartition(":")[2] if below else None))
    return found


def told(root: Any, name: str, number: int = 0) -> list[str]:
    report = find(root, "v:SignatureValidationReport")[number]
    found = [
        (str(each.getprevious().text), str(each.text))
        for each in find(report, ".//v:AdditionalValidationReportData/v:ReportData/v:Value")
    ]
    return [value for key, value in found if key.startswith(f"urn:absah:{name}")]


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_answer_says(kind: str, people: Pki, sandbox: Sandbox) -> None:
    make, expected = KINDS[kind]
    report = answered(make(), people, sandbox)
    root = etree.fromstring(write_etsi_report(report))
    assert statuses(root) == list(expected)
    assert told(root, "verdict") == [str(report.verdict)]
    people_signed = [each for each in report.signatures if each.kind != "document_timestamp"]
    counted = people_signed or list(report.signatures)
    assert [(each.indication.lower(), each.subindication) for each in counted] == (
        list(expected) if counted else []
    )
    assert set(told(root, "finding")) <= {each.message for each in report.findings}
    # Every reference leads to something, and nothing has two names.
    names = [str(each) for each in find(root, "//@id")]
    assert len(names) == len(set(names))
    for reference in find(root, "//@VOReference"):
        assert set(str(reference).split()) <= set(names)


def test_it_names_what_was_signed_and_by_whom(people: Pki, sandbox: Sandbox) -> None:
    pdf = signed_pdf(stamped=NOW)
    root = etree.fromstring(write_etsi_report(answered(pdf, people, sandbox)))
    first, length, second, rest = byte_range_of(pdf)
    assert texts(root, "//v:ByteRange") == [f"{first} {length} {second} {rest}"]
    covered = hashlib.sha256(pdf[:length] + pdf[second : second + rest]).digest()
    (document,) = find(root, "//v:SignersDocument")
    assert base64.b64decode(texts(document, ".//ds:DigestValue")[0]) == covered
    assert base64.b64decode(texts(root, "//v:MessageDigest/v:Digest")[0]) == covered
    (reference,) = find(root, "//v:SignerInformation[v:Signer[contains(., 'Siti')]]/v:SignerCertificate")
    (der,) = texts(root, f"//v:ValidationObject[@id='{reference.get('VOReference')}']//v:base64")
    assert base64.b64decode(der) == people.officer.asn1.dump()
    assert told(root, "file-sha256") == [hashlib.sha256(pdf).hexdigest()]
    assert texts(root, "//v:CryptoInformation/v:Algorithm")[0].endswith("#ecdsa-sha256")


def test_it_dates_everything_by_the_first_time_stamp_over_it(people: Pki, sandbox: Sandbox) -> None:
    lists = [revocation_list(people.ca, {}), revocation_list(people.root, {})]
    early, late = NOW - timedelta(days=2), NOW
    signed = with_validation_data(signed_pdf(stamped=NOW - timedelta(days=3)), lists[:1])
    once = with_document_timestamp(signed, early)
    pdf = with_document_timestamp(with_validation_data(once, lists[1:]), late)
    root = etree.fromstring(write_etsi_report(answered(pdf, people, sandbox)))
    assert texts(root, "v:SignatureValidationReport/v:ValidationTimeInfo/v:BestSignatureTime/v:POETime") == [
        "2026-10-29T09:00:00Z"
    ]

    def existed(encoded: bytes) -> str:
        name = f"R-{hashlib.sha256(encoded).hexdigest()}"
        return texts(root, f"//v:ValidationObject[@id='{name}']/v:POE/v:POETime")[0]

    assert existed(lists[0]) == "2026-10-30T09:00:00Z"
    assert existed(lists[1]) == "2026-11-01T09:00:00Z"
    stamps = find(root, "//v:ValidationObject[v:ObjectType[contains(., 'timestamp')]]")
    found = {
        texts(each, "v:POEProvisioning/v:POETime")[0]: texts(each, "v:POE/v:POETime")[0] for each in stamps
    }
    # Each is proven by the next one, the last by nothing but this check.
    assert found == {
        "2026-10-29T09:00:00Z": "2026-10-30T09:00:00Z",
        "2026-10-30T09:00:00Z": "2026-11-01T09:00:00Z",
        "2026-11-01T09:00:00Z": "2026-11-02T09:00:00Z",
    }
    (process,) = texts(root, "//v:SignatureValidationProcessID")
    assert process == "urn:etsi:019102:validationprocess:LTA"


def test_a_time_stamp_that_is_not_believed_proves_nothing(people: Pki, sandbox: Sandbox) -> None:
    root = etree.fromstring(
        write_etsi_report(answered(signed_pdf(stamped=NOW, tsa=people.strange_tsa), people, sandbox))
    )
    assert find(root, "//v:POEProvisioning") == []
    assert texts(root, "v:SignatureValidationReport//v:BestSignatureTime/v:POETime") == [
        "2026-11-02T09:00:00Z"
    ]
    (main,) = texts(root, "//v:ValidationObject/v:ValidationReport//v:MainIndication")
    assert main == "urn:etsi:019102:mainindication:indeterminate"


def test_revocation_is_named_with_its_source(people: Pki, sandbox: Sandbox) -> None:
    root = etree.fromstring(write_etsi_report(answered(KINDS["revoked"][0](), people, sandbox)))
    (revoked,) = find(root, "v:SignatureValidationReport//v:RevocationStatusInformation")
    assert texts(revoked, "v:RevocationTime") == ["2026-10-27T09:00:00Z"]
    (source,) = find(revoked, "v:RevocationObject")
    (kind,) = texts(root, f"//v:ValidationObject[@id='{source.get('VOReference')}']/v:ObjectType")
    assert kind == "urn:etsi:019102:validationObject:CRL"


def test_missing_revocation_data_is_told_as_what_our_policy_overrides(people: Pki, sandbox: Sandbox) -> None:
    root = etree.fromstring(write_etsi_report(answered(signed_pdf(stamped=NOW), people, sandbox)))
    (constraint,) = find(
        root, "//v:ValidationConstraint[v:ValidationConstraintIdentifier='urn:absah:step:9:revocation']"
    )
    assert texts(constraint, ".//v:Status") == ["urn:etsi:019102:constraintStatus:overridden"]
    assert texts(constraint, ".//v:SubIndication") == ["urn:etsi:019102:subindication:TRY_LATER"]


def test_findings_stand_at_their_signature(people: Pki, sandbox: Sandbox) -> None:
    pdf = signed_pdf(
        signed_pdf(by=people.stranger, field="Asing"), by=people.seal, field="Segel", stamped=NOW
    )
    root = etree.fromstring(write_etsi_report(answered(pdf, people, sandbox)))
    assert any("Asing" in each for each in told(root, "finding", 0))
    assert not any("Asing" in each for each in told(root, "finding", 1))


def test_what_a_stranger_wrote_is_text(people: Pki, sandbox: Sandbox) -> None:
    pdf = plain_pdf()
    report = replace(answered(pdf, people, sandbox), file="a\x00\x1b[31m<x>&\ud800\ufffe.pdf")
    root = etree.fromstring(write_etsi_report(report))
    (name, *_) = told(root, "file")
    assert "<x>&" in name
    assert "\x1b" not in name


def test_nothing_more_is_told_than_was_asked_for(people: Pki, sandbox: Sandbox) -> None:
    pdf = signed_pdf(stamped=NOW)
    report = answered(pdf, people, sandbox, in_detail=False)
    assert report.details is None
    root = etree.fromstring(write_etsi_report(report))
    assert find(root, "//v:ValidationObject") == []
    assert statuses(root) == [("total-passed", None)]
    assert "details" not in report.to_json()


def test_details_come_out_of_the_sandbox_as_they_were(people: Pki, sandbox: Sandbox) -> None:
    for make, _ in KINDS.values():
        pdf = make()
        options: dict[str, Any] = {"anchors": [people.root.pem], "moment": LATER, "in_detail": True}
        inside = inspect(pdf, **options)
        assert FileAnswer.from_json(json.loads(json.dumps(inside.to_json()))) == inside
        assert sandbox.inspect_now(pdf, **options) == inside
        assert replace(inside, details=None) == inspect(pdf, anchors=[people.root.pem], moment=LATER)
        # Numbers of citizens are in certificates; the values beside those leave them out.
        assert "3509000000000001" not in repr(list(inside.details.signatures) if inside.details else "")


def test_an_answer_stands_without_its_details(people: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = signed_pdf(stamped=NOW)
    without = inspect(pdf, anchors=[people.root.pem], moment=LATER)

    def fail(*_: object) -> None:
        raise TooMuch("a file that is made for this")

    with monkeypatch.context() as patched:
        patched.setattr(by_file, "take_inventory", fail)
        answer = inspect(pdf, anchors=[people.root.pem], moment=LATER, in_detail=True)
    assert answer.findings == (*without.findings, Observation("DETAILS_MISSING"))
    assert replace(answer, findings=without.findings) == without


def test_details_that_are_too_many_do_not_cost_the_answer(
    people: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = confined_child.Job.of(signed_pdf(stamped=NOW), [people.root.pem], LATER, None, in_detail=True)
    monkeypatch.setattr(confined_child, "MAXIMUM_RESULT_BYTES", 4_000)
    answer = FileAnswer.from_json(json.loads(confined_child._judge(job.pdf, job, lambda _: None)))
    assert answer.details is None
    assert answer.findings[-1] == Observation("DETAILS_MISSING")
    assert [each.integrity for each in answer.signatures] == ["intact"]


def test_the_steps_are_those_of_the_document(people: Pki, sandbox: Sandbox) -> None:
    root = etree.fromstring(write_etsi_report(answered(signed_pdf(stamped=NOW), people, sandbox)))
    names = texts(root, "//v:ValidationConstraintIdentifier")
    assert [name.split(":")[3] for name in names] == ["4", "6", "7", "8", "9", "9", "9"]
    listed = (Path(__file__).parents[2] / "docs" / "verify-cycle.md").read_text()
    for number, word in (
        ("4", "ByteRange"),
        ("6", "changed"),
        ("7", "cryptography"),
        ("8", "times"),
        ("9", "certificate"),
    ):
        assert re.search(rf"^{number}\. .*{word}", listed, re.MULTILINE)
