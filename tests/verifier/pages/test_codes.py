from __future__ import annotations

import html
import re
from datetime import date
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from storage import code
from storage.compare import digest_name
from storage.vocabulary import Verdict
from tests.journeys.public_site import HOST, Made, add_record
from verifier.routes.examples import CODE_RESPONSES
from verifier.sandbox import Sandbox
from verifier.settings import VerifierSettings
from verifier.words import verdict_words, words_of_record

from .conftest import without_lifespan

PAGE = {"Accept": "text/html"}
STATES = (
    "valid", "not_yet_valid", "superseded", "suspended", "revoked", "annulled", "expired", "not_yet_issued",
)  # fmt: skip
KEYS = set(CODE_RESPONSES[200]["content"]["application/json"]["example"])


def text_of(page: str) -> str:
    """What a reader sees: no tags, entities resolved."""
    without = re.sub(r"<(script|style|head).*?</\1>", "", page, flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<wbr>", "", without).replace("<", " <"))).strip()


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(page)))


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_says_its_words(client: TestClient, made: Made, state: str, lang: Any) -> None:
    record = made.lookup.by_code(made.codes[state])
    assert record is not None
    words = verdict_words(Verdict(state), lang, by="code", **words_of_record(Verdict(state), record))
    page = client.get(f"/d/{record.code}?lang={lang}", headers=PAGE)
    assert page.status_code == 200
    assert f'<html lang="{lang}">' in page.text
    assert f"<title>{html.escape(words.heading)} – " in page.text
    shown = plain(page.text)
    for expected in (words.heading, words.advice, record.masked_name, record.number, record.issuer.phone):
        assert expected in shown
    assert re.findall(r'class="verdict (\w+)"', page.text) == [words.colour]
    assert (words.colour == "green") == (state == "valid")
    assert ("SPESIMEN" if lang == "id" else "SPECIMEN") in shown
    # The product's name means “valid”.
    assert "absah" not in page.text.lower()

    data = client.get(f"/api/v1/codes/{record.code}?lang={lang}")
    assert (data.status_code, set(data.json())) == (200, KEYS)
    assert (data.json()["heading"], data.json()["advice"]) == (words.heading, words.advice)
    assert (data.json()["verdict"], data.json()["masked_name"]) == (state, record.masked_name)


def test_one_shape_without_a_record(client: TestClient, made: Made, sandbox: Sandbox) -> None:
    down = without_lifespan(made, sandbox, lookup=Made(made.data / "nowhere", {}).lookup)
    for answer, status, verdict in (
        (client.get(f"/api/v1/codes/{code.draw()}"), 404, "unknown_code"),
        (client.get("/api/v1/codes/7K3M9"), 404, "unknown_code"),
        (client.get("/api/v1/codes/https://evil.example/d/1"), 200, "foreign_code"),
        (down.get(f"/api/v1/codes/{code.draw()}"), 503, "unavailable"),
    ):
        body = answer.json()
        assert (answer.status_code, set(body), body["verdict"]) == (status, KEYS, verdict)
        assert body["number"] is body["masked_name"] is body["status"] is None
        assert body["contact"]["phone"] == "(021) 555-0199"
    assert "retry-after" in answer.headers


def test_a_silent_register_is_never_called_unknown(made: Made, sandbox: Sandbox) -> None:
    down = without_lifespan(made, sandbox, lookup=Made(made.data / "nowhere", {}).lookup)
    page = down.get(f"/d/{made.codes['valid']}", headers=PAGE)
    assert page.status_code == 503
    assert "Belum dapat diperiksa saat ini" in page.text
    # A typing error is recognised without the register, so it is told even now.
    for typed, typo in (("7K3M9-QX2R4-TPX0", "character"), ("7K3M9", "length")):
        assert down.get(f"/api/v1/codes/{typed}").json()["typo"] == typo


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json;q=0.5, text/html", "text/html"),
        ("application/json;q=0.1, */*", "text/html"),
        ("text/html;q=0, application/json", "application/json"),
        ("application/*", "application/json"),
        ("*/*", "text/html"),
        ("application/json;q=0, */*;q=0.1", "text/html"),
        ("", "text/html"),
        ("application/json;q=x, text/html;q=0.1", "text/html"),
    ],
)
def test_the_caller_weighs_page_against_json(client: TestClient, made: Made, accept: str, kind: str) -> None:
    answer = client.get(f"/d/{made.codes['valid']}", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind


def test_an_unknown_code_sends_nobody_to_an_agency_picked_by_chance(made: Made, sandbox: Sandbox) -> None:
    nobody = without_lifespan(made, sandbox, contact=VerifierSettings().contact("Kabupaten Contoh"))
    page = nobody.get(f"/d/{code.draw()}", headers=PAGE)
    assert "Kontak resmi" not in page.text
    assert "Bakesbangpol" not in page.text
    assert "Kontak resmi" in nobody.get(f"/d/{made.codes['valid']}", headers=PAGE).text


def test_typing_errors_are_told_apart(client: TestClient, made: Made) -> None:
    good = made.codes["valid"]
    wrong = good[:3] + ("0" if good[3] != "0" else "1") + good[4:]
    assert "salah ketik" in plain(client.get(f"/d/{wrong}", headers=PAGE).text)
    assert "yang diketik 13" in plain(client.get(f"/d/{good[:-1]}", headers=PAGE).text)
    assert "Kode tidak ditemukan" in plain(client.get(f"/d/{wrong}", headers=PAGE).text)


def test_a_code_in_any_spelling(client: TestClient, made: Made) -> None:
    bare = made.codes["valid"]
    with_letters = bare.replace("0", "o").replace("1", "l").lower()
    for typed in (
        bare, code.printed(bare), with_letters, f"  {code.printed(bare).lower()} ", bare[:7] + " " + bare[7:],
        f"https://{HOST}/d/{bare}", f"HTTPS://{HOST.upper()}/d/{bare}#3920194857", f"{HOST}/d/{bare}",
        f"https://{HOST}:443/d/{bare}",
    ):  # fmt: skip
        assert client.get("/periksa", params={"kode": typed}, headers=PAGE).status_code == 200, typed
        posted = client.post("/periksa", data={"kode": typed}, headers=PAGE, follow_redirects=False)
        assert (posted.status_code, posted.headers["location"]) == (303, f"/d/{bare}"), typed
        if "#" not in typed:
            assert client.get(f"/api/v1/codes/{typed}").json()["verdict"] == "valid", typed


def test_nothing_typed_is_asked_for_again(client: TestClient) -> None:
    for answer in (client.get("/periksa", headers=PAGE), client.post("/periksa", headers=PAGE)):
        assert answer.status_code == 422
        assert "Ketik kodenya dahulu." in answer.text


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("https://dukcapil-cek.example/d/{code}", "dukcapil-cek.example"),
        ("http://{host}.evil.example/d/{code}", "{host}.evil.example"),
        ("https://{host}@evil.example/d/{code}", "evil.example"),
        ("https://evil.example\\@{host}/d/{code}", "evil.example"),
        ("https://{host}:8443/d/{code}", "{host}:8443"),
        ("javascript://evil.example/%0aalert(1)", "evil.example"),
        ("bit.ly/abc", "bit.ly"),
        ("//evil.example/d/{code}", "evil.example"),
        ("https:evil.example/d/{code}", "evil.example"),
        ("www.evil.example/d/{code}", "www.evil.example"),
        ("www.evil.example", "www.evil.example"),
        ("ftp://{host}/d/{code}", "ftp://{host}/d/{code}"),
        ("http://{host}/x/{code}", "http://{host}/x/{code}"),
        ("http://{host}/d/x/{code}", "http://{host}/d/x/{code}"),
        ("https://someone@{host}/d/{code}", "https://{host}/d/{code}"),
        ("https://{host}/", "https://{host}/"),
    ],
)
def test_a_foreign_address_is_shown_and_never_linked(
    client: TestClient, made: Made, typed: str, host: str
) -> None:
    typed, host = (each.format(host=HOST, code=made.codes["valid"]) for each in (typed, host))
    for page in (
        client.get("/periksa", params={"kode": typed}, headers=PAGE),
        client.post("/periksa", data={"kode": typed}, headers=PAGE),
    ):
        assert "Kode QR ini bukan dari Kabupaten Contoh" in page.text
        assert 'class="verdict red"' in page.text
        assert f"Kode QR-nya menuju {host}" in plain(page.text)
        assert f"Hanya alamat yang diawali {HOST}/d/… adalah alamat kami." in plain(page.text)
        links = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
        assert not any("evil" in link.partition("?")[0] or "//dukcapil" in link for link in links)


def test_a_listed_official_service_is_grey(client: TestClient) -> None:
    page = client.get("/periksa", params={"kode": "https://oss.go.id/x"}, headers=PAGE)
    assert 'class="verdict grey"' in page.text
    assert "periksa di OSS" in page.text


def test_the_successor_and_the_reason_are_told(client: TestClient, made: Made) -> None:
    body = client.get(f"/api/v1/codes/{made.codes['superseded']}").json()
    assert body["superseded_by"] and body["successor_date"] and body["reason"] == "place_changed"
    page = plain(client.get(f"/d/{made.codes['superseded']}", headers=PAGE).text)
    assert body["superseded_by"] in page
    assert "pindah tempat" in page
    english = plain(client.get(f"/d/{made.codes['suspended']}?lang=en", headers=PAGE).text)
    assert "under investigation" in english


def test_indonesian_whatever_the_browser_says(client: TestClient, made: Made) -> None:
    path = f"/d/{made.codes['valid']}"
    english_browser = {**PAGE, "Accept-Language": "en-GB,en;q=0.9"}
    assert '<html lang="id">' in client.get(path, headers=english_browser).text
    chosen = client.get(f"{path}?lang=en", headers=english_browser)
    assert '<html lang="en">' in chosen.text
    assert "HttpOnly" in chosen.headers["set-cookie"]
    assert '<html lang="en">' in client.get(path, headers=PAGE).text
    assert '<html lang="id">' in client.get(f"{path}?lang=id", headers=PAGE).text
    assert '<html lang="id">' in client.get(path, headers=PAGE).text


def test_json_follows_accept_language(client: TestClient, made: Made) -> None:
    path = f"/d/{made.codes['valid']}"
    for wanted, lang in (
        ("", "id"), ("en", "en"), ("fr, en-GB;q=0.8, id;q=0.7", "en"), ("id, en;q=0.5", "id"),
        ("fr", "id"), ("en;q=x", "id"), ("en;q=0", "id"),
    ):  # fmt: skip
        answer = client.get(path, headers={"Accept": "application/json", "Accept-Language": wanted})
        assert (answer.json()["lang"], answer.headers["content-language"]) == (lang, lang), wanted


HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "{% raise %}", "%(regency)s",
    "javascript:alert(1)", "‮gpj.exe", "a&b<b>c</b>",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_record_holds_is_shown_as_text(client: TestClient, made: Made, text: str) -> None:
    hostile = add_record(
        made, number=text, masked_name=text, signatory=text, agency_name=text, regency_name=text,
        phone=text, email=text, website=text, successor_number=text, superseded_on=date(2026, 1, 1),
        type_label_id=text,
    )  # fmt: skip
    page = client.get(f"/d/{hostile}", headers=PAGE)
    assert page.status_code == 200
    for tag in ("<script>alert", "<img src=x", "<b>c"):
        assert tag not in page.text
    assert text in html.unescape(page.text.replace("<wbr>", ""))
    for link in re.findall(r'href="([^"]*)"', page.text):
        assert not html.unescape(link).startswith(("javascript", "data:text"))
    assert client.get(f"/api/v1/codes/{hostile}").json()["number"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_typed_is_shown_as_text(client: TestClient, made: Made, text: str) -> None:
    for page in (
        client.get("/periksa", params={"kode": text}, headers=PAGE),
        client.post(f"/d/{made.codes['valid']}/compare", data={"nama": text, "nomor": text}, headers=PAGE),
    ):
        assert page.status_code in (200, 404)
        for tag in ("<script>alert", "<img src=x", "<b>c", "<SCRIPT"):
            assert tag not in page.text


def test_unknown_codes_are_indistinguishable(client: TestClient, made: Made) -> None:
    near = made.codes["valid"]
    others = [code.draw() for _ in range(5)]
    others += [each for each in (near[:12] + a + b for a in code.CROCKFORD for b in code.CROCKFORD)
               if code.is_well_formed(each) and each != near][:5]  # fmt: skip
    answers = [client.get(f"/api/v1/codes/{each}") for each in others]
    bodies = [
        {
            name: value
            for name, value in answer.json().items()
            if name not in ("code", "reference", "checked_at")
        }
        for answer in answers
    ]
    assert all(body == bodies[0] for body in bodies)
    assert {(answer.status_code, tuple(answer.headers)) for answer in answers} == {
        (404, tuple(answers[0].headers))
    }
    assert len({len(answer.content) for answer in answers}) == 1


@pytest.fixture(scope="module")
def named(made: Made) -> str:
    salt, digest = digest_name("dr. Muhammad Rizal Tanjung, Sp.PD.")
    return add_record(
        made, name_salt=salt, name_digest=digest, masked_name="M*** R*** T***",
        number="503/077/SIPD/DPMPTSP/III/2026", issued_on=date(2026, 3, 12), valid_until=date(2031, 3, 11),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("nama", "nomor", "tanggal", "expected"),
    [
        (
            "muh. rizal  TANJUNG",
            "503 077 sipd dpmptsp iii 2026",
            "12 Maret 2026",
            ("match", "match", "match"),
        ),
        ("Dr. Moh. Rizal Tanjung", "", "11-03-2031", ("match", "not_given", "match")),
        ("Rizal Tanjung", "503/078/SIPD/DPMPTSP/III/2026", "12/4/2026", ("differs", "differs", "differs")),
        ("", "  ", "2026-03-12", ("not_given", "not_given", "match")),
        ("", "", "9" * 40 + " 1 2026", ("not_given", "not_given", "unreadable")),
        ("", "", "1 1 " + "9" * 30, ("not_given", "not_given", "unreadable")),
        ("", "", "12 Maret", ("not_given", "not_given", "unreadable")),
        ("", "", "12/3/26", ("not_given", "not_given", "short_year")),
        ("", "", "Contoh, 12 Maret 2026", ("not_given", "not_given", "match")),
        ("", "", "13 Maret 2026", ("not_given", "not_given", "differs")),
    ],
)
def test_blind_compare(
    client: TestClient, named: str, nama: str, nomor: str, tanggal: str, expected: tuple[str, str, str]
) -> None:
    typed = {"nama": nama, "nomor": nomor, "tanggal": tanggal}
    answer = client.post(f"/d/{named}/compare", data=typed, headers={"Accept": "application/json"})
    assert answer.json() == {
        "code": named, "nama": expected[0], "nomor": expected[1], "tanggal": expected[2],
    }  # fmt: skip
    page = client.post(f"/d/{named}/compare", data=typed, headers=PAGE)
    assert re.findall(r'<li class="(match|differs|not_given|unreadable|short_year)">', page.text) == list(
        expected
    )
    # What differs is told before the green heading of the register's own answer.
    first = re.findall(r'class="verdict (\w+)"', page.text)[0]
    assert first == ("red" if "differs" in expected else "green")
    # The mismatch is the page's title and first heading; the register's answer follows it.
    heading = re.findall(r"<h1[^>]*>(.*?)</h1>", page.text)
    title = html.unescape(re.findall(r"<title>(.*?)</title>", page.text)[0])
    said = "Kertas Anda berbeda dari register" if "differs" in expected else "Terdaftar dan masih berlaku"
    assert heading == [said]
    assert title.startswith(said)
    assert ('role="alert"' in page.text) == ("differs" in expected)
    assert ("Tulis tahunnya empat angka" in page.text) == ("short_year" in expected)
    assert ("Tulis tanggalnya seperti 12 Maret 2026" in page.text) == ("unreadable" in expected)
    # Blind: the full name is shown only where the reader typed it.
    assert "Tanjung" not in page.text.replace(html.escape(nama), "")


def test_compare_of_nothing_and_of_an_unknown_code(client: TestClient, named: str) -> None:
    assert client.post(f"/d/{named}/compare", headers=PAGE).status_code == 200
    assert client.post(f"/d/{named}/compare", content=b"x" * 50_000, headers=PAGE).status_code == 200
    assert client.post(f"/d/{code.draw()}/compare", data={"nama": "A"}, headers=PAGE).status_code == 404
    again = client.get(f"/d/{named}/compare", follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, f"/d/{named}")


def test_logs_name_nobody(client: TestClient, made: Made, named: str, capfd: Any, caplog: Any) -> None:
    record = made.lookup.by_code(named)
    assert record is not None
    with structlog.testing.capture_logs() as logs:
        body = client.get(f"/api/v1/codes/{named}").json()
        client.post(f"/d/{named}/compare", data={"nama": "Rahasia Sekali", "nomor": record.number})
        client.post("/periksa", data={"kode": f"https://{HOST}/d/{named}#12345678901234567"})
        client.post("/periksa", data={"kode": "Rahasia Sekali"})
    # The reference that a caller quotes is found, with the verdict and nothing else.
    assert {"reference": body["reference"], "verdict": "valid"}.items() <= logs[0].items()
    written = repr(logs) + caplog.text + "".join(capfd.readouterr())
    for secret in ("Rahasia", "Tanjung", named, code.printed(named), record.number, "1234567890"):
        assert secret not in written
