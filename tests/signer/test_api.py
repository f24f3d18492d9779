from __future__ import annotations

import hashlib
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.office import Office

CUSTODY = "/api/v1/custody"
SESSIONS = "/api/v1/signing-sessions"
DOCUMENTS = "/api/v1/documents"


def test_a_permit_from_request_to_pdf(office: Office) -> None:
    accepted = office.request()
    assert set(accepted) == {"id", "number", "code", "url", "state_url"}
    assert accepted["url"] == f"http://cek.example.org/d/{accepted['code']}"
    assert office.get(f"{DOCUMENTS}/{accepted['id']}/pdf").json()["code"] == "NOT_ISSUED"
    office.work()
    state = office.state(accepted["id"])
    assert (state["state"], state["status"]) == ("ISSUED", "in_force")
    pdf = office.get(f"{DOCUMENTS}/{accepted['id']}/pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert hashlib.sha256(pdf.content).hexdigest() == state["sha256"]


def test_a_retry_gets_the_same_body_and_another_body_a_conflict(office: Office) -> None:
    body = office.sample()
    first = office.post(DOCUMENTS, body)
    again = office.post(DOCUMENTS, json.dumps(body, indent=3, sort_keys=True).encode())
    assert (again.status_code, again.content) == (202, first.content)
    other = office.post(DOCUMENTS, office.sample(serial=2))
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    office.work()
    assert office.post(DOCUMENTS, body).content == first.content


def test_a_hundred_parallel_requests_with_one_key_get_one_body(office: Office) -> None:
    body = office.sample()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: office.post(DOCUMENTS, body), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1


BROKEN = {
    "broken": b'{"type": ',
    "not utf-8": b'{"type": "\xff"}',
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"type": NaN}',
    "duplicate keys": b'{"type": "sip-dokter", "type": "sip-bidan", "fields": {}}',
    "an endless number": b'{"type": ' + b"9" * 10_000 + b"}",
    "empty": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_json_with_more_than_one_meaning_is_refused(office: Office, name: str) -> None:
    answer = office.post(DOCUMENTS, BROKEN[name])
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_JSON")
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        {"NaN": "/type", "duplicate keys": "/type"}.get(name, "")
    ]
    assert answer.headers["content-type"] == "application/problem+json"
    assert office.request(office.sample(), key="after")["number"].startswith("503/001/")


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"type": 5}, "/type", "FIELD_TYPE"),
        ({"type": None}, "/type", "FIELD_TYPE"),
        ({"type": "x" * 81}, "/type", "FIELD_LENGTH"),
        ({"fields": []}, "/fields", "FIELD_TYPE"),
        ({"surplus": 1}, "/surplus", "FIELD_UNKNOWN"),
        ({"valid_from": "31-12-2026"}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": 1767225600}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": "1767225600"}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": 1767225600.5}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": "2026-12-31T00:00:00"}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": "20261231"}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": True}, "/valid_from", "FIELD_DATE"),
        ({"valid_from": "9999-12-31"}, "/valid_from", "VALID_FROM_RANGE"),
        ({"valid_from": "0001-01-01"}, "/valid_from", "VALID_FROM_RANGE"),
        ({"valid_from": "2001-01-01"}, "/valid_from", "ALREADY_EXPIRED"),
        ({"recipient": "no address"}, "/recipient/email", "FIELD_VALUE"),
        ({"overrides": [{"code": "X"}]}, "/overrides/0/reason", "FIELD_REQUIRED"),
        ({"overrides": [{"code": "X", "reason": "abc"}]}, "/overrides/0/reason", "FIELD_LENGTH"),
        ({"overrides": [5]}, "/overrides/0", "FIELD_TYPE"),
        ({"fields": {"nama": "a\x00b"}}, "/fields/nama", "TEXT_INVALID"),
        ({"fields": {"nama": "a\ud800b"}}, "/fields/nama", "TEXT_INVALID"),
    ],
)
def test_what_is_wrong_is_named_and_no_number_is_consumed(
    office: Office, change: dict, pointer: str, code: str
) -> None:
    answer = office.post(DOCUMENTS, {**office.sample(), **change})
    assert answer.status_code == 422
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert office.request(office.sample(), key="after")["number"].startswith("503/001/")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"5"])
def test_a_body_that_is_no_object_is_wrong_as_a_whole(office: Office, body: bytes) -> None:
    answer = office.post(DOCUMENTS, body)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("", "FIELD_TYPE")]


def test_a_missing_header_is_named_in_our_words(office: Office) -> None:
    authorization = {"Authorization": f"Bearer {office.keys['dpmptsp-contoh']}"}
    answer = office.client.post(DOCUMENTS, content=json.dumps(office.sample()), headers=authorization)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (
        422, "/header/idempotency-key", "FIELD_REQUIRED",
    )  # fmt: skip


EDGES = (
    *("0001-01-01", "9999-12-31", "9998-01-01", "9899-03-01", "2024-02-29", "2026-02-30", "0000-00-00"),
    *("2126-12-31", "2127-01-01", "1926-01-01", "1925-12-31", "10000-01-01", "2026-W01-1", "-001-01-01"),
    *("2026-01-01T00:00:00Z", "", 0, -1, 10**18, 1.5, True, None, [], {}),
)
DATES = st.dates().map(str) | st.dates(date(2020, 1, 1), date(2040, 1, 1)).map(str) | st.sampled_from(EDGES)


PLACES_OF_DATES = (
    *("valid_from", "recipient", "effective_on", "supersede"),
    *("tanggal_lahir", "masa_str", "tanggal_rekomendasi"),
    *("waktu_mulai", "waktu_selesai", "tanggal_permohonan", "whole research"),
)
SERIALS = itertools.count(1)  # each document for another person, so that no limit answers first


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES_OF_DATES), value=DATES | st.text(max_size=12))
def test_no_date_anywhere_is_our_failure(office: Office, place: str, value: object) -> None:
    serial = next(SERIALS)
    agency, path, body = "dpmptsp-contoh", DOCUMENTS, office.sample(serial=serial)
    change = {"reason": "other", "note": "x"}
    if place in ("valid_from", "recipient"):
        body[place] = value
    elif place == "effective_on":
        document = office.issue(body, key=f"issued-{serial}")
        path, body = f"{path}/{document['id']}/revoke", {**change, place: value}
    elif place == "supersede":
        document = office.request(body, key=f"requested-{serial}")
        path += f"/{document['id']}/supersede"
        body = {**change, "fields": body["fields"], "valid_from": value}
    elif place.startswith("tanggal_l") or place in ("masa_str", "tanggal_rekomendasi"):
        body["fields"][place] = value
    else:
        agency = "bakesbangpol-contoh"
        body = office.sample("surat-keterangan-penelitian", serial=serial, nomor_permohonan="1")
        if place == "whole research":
            body["fields"]["waktu_selesai"] = body["valid_from"] = value
        else:
            body["fields"][place] = value
    answer = office.post(path, body, agency, key=f"k-{serial}")
    assert answer.status_code < 500, answer.text


def test_a_revocation_far_away_is_refused_at_its_pointer(office: Office) -> None:
    document = office.issue()
    path = f"{DOCUMENTS}/{document['id']}/revoke"
    for day in ("9999-12-31", "2020-01-01"):
        answer = office.post(path, {"reason": "other", "effective_on": day})
        assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/effective_on"]
    later = office.post(path, {"reason": "other", "effective_on": document["valid_until"]})
    assert later.json()["status"] == "in_force"
    again = office.post(path, {"reason": "other", "effective_on": document["valid_until"]})
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_REVOKED")
    suspended = office.post(f"{DOCUMENTS}/{document['id']}/suspend", {"reason": "other"})
    assert suspended.json()["status"] == "suspended"
    assert office.post(path, {"reason": "other"}).json()["status"] == "revoked"


def test_a_successor_takes_nothing_that_would_be_ignored(office: Office) -> None:
    document = office.issue()
    body = {"reason": "other", "successor": document["id"], "valid_from": "2027-01-01", "recipient": "a@b"}
    answer = office.post(f"{DOCUMENTS}/{document['id']}/supersede", body)
    assert answer.status_code == 422
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == {
        ("/valid_from", "NOT_WITH_SUCCESSOR"), ("/recipient", "NOT_WITH_SUCCESSOR"),
    }  # fmt: skip


def test_a_successor_that_is_not_there_is_not_found(office: Office) -> None:
    document = office.issue()
    answer = office.post(f"{DOCUMENTS}/{document['id']}/supersede", {"reason": "other", "successor": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "DOCUMENT_NOT_FOUND")


def test_wrong_fields_are_all_named_at_once(office: Office) -> None:
    body = office.sample(nik="123", nama="", sip_ke=4)
    answer = office.post(DOCUMENTS, body)
    assert answer.json()["code"] == "FIELDS_INVALID"
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert {"/fields/nik", "/fields/nama", "/fields/sip_ke"} <= pointers


def test_unknown_types_and_types_of_other_agencies(office: Office) -> None:
    unknown = office.post(DOCUMENTS, {"type": "akta", "fields": {}})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_TYPE")
    assert [error["pointer"] for error in unknown.json()["errors"]] == ["/type"]
    research = office.sample("surat-keterangan-penelitian")
    assert office.post(DOCUMENTS, research).json()["code"] == "TYPE_NOT_OFFERED"


def test_a_body_that_is_too_large_is_refused_while_it_arrives(office: Office) -> None:
    answer = office.post(DOCUMENTS, {"type": "x" * 5_000_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


def test_a_doubtful_value_needs_an_officer_and_a_reason(office: Office) -> None:
    body = office.sample(tanggal_lahir="1980-01-01")
    answer = office.post(DOCUMENTS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "FIELDS_DOUBTFUL")
    [doubt] = answer.json()["errors"]
    assert doubt["overridable"]
    body["overrides"] = [{"code": doubt["code"], "reason": "Sesuai akta kelahiran"}]
    assert office.post(DOCUMENTS, body, key="again").status_code == 202


def test_limits_of_the_sip_family(office: Office) -> None:
    for n in range(3):
        office.request(office.sample(tempat_praktik=f"Klinik {n}", sip_ke=n + 1), key=f"k{n}")
    same = office.post(DOCUMENTS, office.sample(tempat_praktik="KLINIK  1"), key="same")
    assert (same.status_code, same.json()["code"]) == (409, "SAME_PLACE")
    fourth = office.post(DOCUMENTS, office.sample(tempat_praktik="Klinik 4"), key="fourth")
    assert (fourth.status_code, fourth.json()["code"]) == (409, "TOO_MANY_IN_FORCE")


def test_another_spelling_of_a_place_is_the_same_place(office: Office) -> None:
    office.request()
    for n, address in enumerate(
        (
            "Jl. Merdeka No. 45, Kec. Contoh Kota, Kab. Contoh.",
            "Jalan  Merdeka 45, Kecamatan Contoh Kota",
        )
    ):
        answer = office.post(DOCUMENTS, office.sample(alamat_praktik=address, sip_ke=2), key=f"same{n}")
        assert (answer.status_code, answer.json()["code"]) == (409, "SAME_PLACE"), address
    elsewhere = office.sample(alamat_praktik="Jalan Merdeka Nomor 4, Kecamatan Contoh Kota", sip_ke=2)
    assert office.post(DOCUMENTS, elsewhere, key="other").status_code == 202


def test_which_of_three_may_repeat_only_with_an_officers_reason(office: Office) -> None:
    office.request()
    body = office.sample(tempat_praktik="Klinik Lain")
    answer = office.post(DOCUMENTS, body, key="again")
    assert (answer.status_code, answer.json()["code"]) == (422, "FIELDS_DOUBTFUL")
    [doubt] = answer.json()["errors"]
    assert (doubt["pointer"], doubt["code"], doubt["overridable"]) == (
        "/fields/sip_ke", "ORDINAL_IN_USE", True,
    )  # fmt: skip
    body["overrides"] = [{"code": "ORDINAL_IN_USE", "reason": "Dua profesi, masing-masing SIP pertama"}]
    assert office.request(body, key="again")["number"].startswith("503/002/")


@pytest.mark.parametrize(
    ("overrides", "pointer", "code"),
    [
        ([("NIK_BIRTH_MISMATCH", "     ")], "/overrides/0/reason", "REASON_MISSING"),
        ([("NIK_BIRTH_MISMATCH", "- . -")], "/overrides/0/reason", "REASON_MISSING"),
        ([("NIK_BIRTH_MISMATCH", "\u200b" * 6)], "/overrides/0/reason", "REASON_MISSING"),
        (
            [("NIK_BIRTH_MISMATCH", "Sesuai akta"), ("NO_SUCH_CODE", "Sesuai akta")],
            "/overrides/1/code",
            "OVERRIDE_NOT_NEEDED",
        ),
        (
            [("NIK_BIRTH_MISMATCH", "Sesuai akta"), ("NIK_DATE_IMPOSSIBLE", "Sesuai akta")],
            "/overrides/1/code",
            "OVERRIDE_NOT_NEEDED",
        ),
        (
            [("NIK_BIRTH_MISMATCH", "Sesuai akta"), ("ORDINAL_IN_USE", "Sesuai akta")],
            "/overrides/1/code",
            "OVERRIDE_NOT_NEEDED",
        ),
        ([("NIK_BIRTH_MISMATCH", "Sesuai akta")] * 2, "/overrides/1/code", "OVERRIDE_TWICE"),
    ],
)
def test_an_override_is_one_reason_for_one_doubt(
    office: Office, overrides: list[tuple[str, str]], pointer: str, code: str
) -> None:
    body = office.sample(tanggal_lahir="1980-01-01")
    body["overrides"] = [{"code": each, "reason": reason} for each, reason in overrides]
    answer = office.post(DOCUMENTS, body)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert office.request(office.sample(), key="after")["number"].startswith("503/001/")


def test_approval_names_the_bytes_that_were_seen(office: Office) -> None:
    agency = "bakesbangpol-contoh"
    accepted = office.request(office.sample("surat-keterangan-penelitian"), agency)
    path = f"{DOCUMENTS}/{accepted['id']}"
    office.work()
    state = office.state(accepted["id"], agency)
    assert (state["state"], state["waiting_for"], state["status"]) == (
        "PREPARED",
        "APPROVAL",
        "not_yet_issued",
    )
    seen = office.get(f"{path}/prepared", agency).content
    assert hashlib.sha256(seen).hexdigest() == state["prepared_sha256"]
    assert office.post(f"{path}/approve", {"digest": "0" * 64}, agency).json()["code"] == "OTHER_DIGEST"
    assert office.post(f"{path}/approve", {"digest": state["prepared_sha256"]}, agency).status_code == 200
    office.work()
    assert office.state(accepted["id"], agency)["state"] == "ISSUED"
    assert office.get(f"{path}/prepared", agency).json()["code"] == "NOT_PREPARED"


def test_status_changes(office: Office) -> None:
    document = office.issue()
    path = f"{DOCUMENTS}/{document['id']}"
    change = {"reason": "under_investigation", "note": "Pengaduan 12/2026"}
    assert office.post(f"{path}/suspend", change).json()["status"] == "suspended"
    assert office.post(f"{path}/suspend", change).json()["code"] == "ALREADY_SUSPENDED"
    assert office.post(f"{path}/reinstate", change).json()["status"] == "in_force"
    assert office.post(f"{path}/revoke", {"reason": "no such reason"}).status_code == 422
    assert office.post(f"{path}/revoke", change).json()["status"] == "revoked"
    answer = office.post(f"{path}/annul", change).json()
    assert answer["status"] == "annulled"
    assert [event["kind"] for event in answer["events"]] == [
        "issued", "suspended", "reinstated", "revoked", "annulled",
    ]  # fmt: skip
    assert "Pengaduan" not in json.dumps(answer)


def test_superseding_by_a_new_document_and_by_an_issued_one(office: Office) -> None:
    first = office.issue()
    path = f"{DOCUMENTS}/{first['id']}"
    fields = office.sample(tempat_praktik="Klinik Baru")["fields"]
    change = {"reason": "place_changed", "note": "Pindah"}
    both = office.post(f"{path}/supersede", change)
    assert both.json()["errors"][0]["code"] == "SUCCESSOR_OR_FIELDS"
    new = office.post(f"{path}/supersede", {**change, "fields": fields}, key="new")
    assert new.status_code == 202, new.text
    assert office.post(f"{path}/supersede", {**change, "fields": fields}, key="new").content == new.content
    assert office.state(first["id"])["status"] == "in_force"
    office.work()
    assert office.state(first["id"])["superseded_by"] == new.json()["number"]
    second_path = f"{DOCUMENTS}/{new.json()['id']}"
    stranger = office.issue(office.sample(serial=7), key="stranger")
    refused = office.post(f"{second_path}/supersede", {**change, "successor": stranger["id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "OTHER_HOLDER")
    third = office.issue(office.sample(tempat_praktik="Klinik Ketiga", sip_ke=2), key="third")
    assert office.post(f"{second_path}/supersede", {**change, "successor": third["id"]}).status_code == 202
    assert office.state(new.json()["id"])["status"] == "superseded"


def test_no_route_is_open_but_the_one_that_a_state_opens(office: Office) -> None:
    """What the OpenAPI document leaves out has no key: only where a service sends a browser back to."""
    described = set(office.client.get("/openapi.json").json()["paths"])
    found = {getattr(each, "path", "") for each in iter_route_contexts(office.app.routes)}
    assert "/api/v1/documents" in found
    framework = {getattr(each, "path", "") for each in FastAPI().routes}
    assert found - described - framework == {"/consent"}
    assert office.client.get("/consent?code=a&state=b").status_code == 404


def test_every_route_is_closed_to_others(office: Office) -> None:
    """Each route of the OpenAPI document × no key, wrong key, key without the scope, another agency's key."""
    from storage import api_keys
    from storage.database import transaction

    document = office.issue()
    with transaction(office.desk.register.engine) as connection:
        powerless = {
            scope: api_keys.new_api_key(connection, "dpmptsp-contoh", tuple(set(api_keys.SCOPES) - {scope}))
            for scope in api_keys.SCOPES
        }
    scope_of = {"approve": "approve", "prepared": "approve", "pdf": "read", "": "read"}
    bodies = {"approve": {"digest": "0" * 64}, "supersede": {"reason": "other", "fields": {}}}
    paths = office.client.get("/openapi.json").json()["paths"]
    routes = [(method, path) for path, methods in paths.items() for method in methods]
    assert len(routes) >= 10
    for method, path in routes:
        action = path.partition("{document_id}")[2].strip("/")
        of_session = path.startswith(SESSIONS)
        scope = "issue" if path in (DOCUMENTS, CUSTODY) else scope_of.get(action, "status")
        scope = "approve" if of_session else scope
        body = office.sample() if path == DOCUMENTS else bodies.get(action, {"reason": "other", "note": "x"})
        if of_session:
            body = {"sealed": "A" * 200} if path.endswith("/secret") else {}
        url = path.replace("{document_id}", document["id"]).replace("{session_id}", "x")

        def call(key: str, method: str = method, url: str = url, body: object = body) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "walk"}
            content = None if method == "get" else json.dumps(body).encode()
            answer = office.client.request(method, url, headers=headers, content=content)
            return answer.status_code, answer.json().get("code", "") if "json" in answer.headers[
                "content-type"
            ] else ""

        assert call("")[0] == 401, (method, path)
        assert office.client.request(method, url).status_code == 401, (method, path)
        assert call("absah_000000000000_x")[0] == 401, (method, path)
        assert call(powerless[scope])[0] == 403, (method, path)
        if path == SESSIONS:
            # Of another agency's documents a session knows nothing.
            assert call(office.keys["dpmptsp-teladan"]) == (409, "NOTHING_TO_SIGN"), (method, path)
        elif path not in (DOCUMENTS, CUSTODY):
            missing = "SESSION_NOT_FOUND" if of_session else "DOCUMENT_NOT_FOUND"
            assert call(office.keys["dpmptsp-teladan"]) == (404, missing), (method, path)
    assert office.state(document["id"])["status"] == "in_force"


def test_a_systems_key_names_the_officer_who_answers(office: Office) -> None:
    from storage import api_keys
    from storage.database import transaction

    document = office.issue()
    with transaction(office.desk.register.engine) as connection:
        office.keys["system"] = api_keys.new_api_key(connection, "dpmptsp-contoh", api_keys.SCOPES)
    path, change = f"{DOCUMENTS}/{document['id']}", {"reason": "other", "note": "x"}
    assert office.post(f"{path}/suspend", change, "system").json()["errors"][0]["code"] == "OFFICER_MISSING"
    unknown = office.post(f"{path}/suspend", {**change, "officer": "nobody"}, "system")
    assert unknown.json()["code"] == "UNKNOWN_OFFICER"
    named = office.post(f"{path}/suspend", {**change, "officer": "kepala-dpmptsp-contoh"}, "system")
    assert named.json()["status"] == "suspended"
    approval = office.post(f"{path}/approve", {"digest": "0" * 64}, "system")
    assert (approval.status_code, approval.json()["code"]) == (403, "FORBIDDEN")


HOSTILE = (
    "{{7*7}}",
    "<script>alert(1)</script>",
    '#import "/etc/passwd"',
    "$x$",
    "file:///etc/passwd",
    "javascript:x",
)


def test_hostile_texts_are_printed_as_text(office: Office) -> None:
    import pypdfium2

    for n, text in enumerate(HOSTILE):
        document = office.issue(office.sample(serial=n + 10, tempat_praktik=text), key=f"k{n}")
        pdf = pypdfium2.PdfDocument(office.get(f"{DOCUMENTS}/{document['id']}/pdf").content)
        printed = " ".join(page.get_textpage().get_text_bounded() for page in pdf)
        assert text in " ".join(printed.split()), text
        assert "root:" not in printed
