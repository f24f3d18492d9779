from __future__ import annotations

import hashlib
import json
import re
import string
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import structlog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi import FastAPI
from fastapi.testclient import TestClient

from storage import code
from storage.vocabulary import Misconfigured, Unavailable
from tests.journeys.public_site import Made
from tests.services import free_port
from verifier import metrics, settings
from verifier.app import create_app
from verifier.pages import texts
from verifier.sandbox import Sandbox

from .conftest import _Client, without_lifespan

PAGE = {"Accept": "text/html"}
SECURE = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000",
    "x-robots-tag": "noindex",
}


def test_security_headers_on_every_response(client: TestClient, made: Made) -> None:
    @client.app.get("/broken")  # type: ignore[attr-defined,untyped-decorator]
    async def broken() -> None:
        raise RuntimeError("Rahasia")

    good = made.codes["valid"]
    for method, path, status in (
        ("GET", "/", 200), ("HEAD", "/", 200), ("GET", f"/d/{good}", 200), ("HEAD", f"/d/{good}", 200),
        ("GET", f"/d/{code.draw()}", 404), ("GET", f"/api/v1/codes/{good}", 200),
        ("HEAD", f"/api/v1/codes/{good}", 200), ("OPTIONS", f"/api/v1/codes/{good}", 405),
        ("OPTIONS", "/", 405), ("DELETE", f"/d/{good}", 405), ("PUT", "/api/v1/verify", 405),
        ("POST", "/api/v1/verify", 400), ("GET", "/nothing", 404), ("GET", "/static/site.css", 200),
        ("GET", "/static/..%2fapp.py", 404), ("GET", "/logo.svg", 200), ("GET", "/robots.txt", 200),
        ("GET", "/favicon.ico", 200), ("GET", "/openapi.json", 200), ("GET", "/broken", 500),
        ("GET", "/periksa", 422), ("GET", "//evil.example/%2e%2e", 404),
    ):  # fmt: skip
        for accept in ("text/html", "application/json"):
            answer = client.request(method, path, headers={"Accept": accept})
            assert answer.status_code == status, (method, path)
            for name, value in SECURE.items():
                assert answer.headers[name].startswith(value), (method, path, name)
            assert "cache-control" in answer.headers
            assert "access-control-allow-origin" not in answer.headers
            if method == "HEAD":
                assert answer.content == b""
            if status == 405:
                assert "allow" in answer.headers
            if status >= 400 and accept == "text/html" and not path.startswith("/api/"):
                assert answer.headers["content-type"].startswith("text/html"), (method, path)


@pytest.mark.parametrize("lang", ["id", "en"])
@pytest.mark.parametrize("path", ["/nothing", "/broken", "/static/none"])
def test_error_pages_in_both_languages(client: TestClient, path: str, lang: str) -> None:
    @client.app.get("/broken")  # type: ignore[attr-defined,untyped-decorator]
    async def broken() -> None:
        raise RuntimeError("Rahasia")

    page = client.get(f"{path}?lang={lang}", headers=PAGE)
    assert f'<html lang="{lang}">' in page.text
    assert "Rahasia" not in page.text
    # A link on an error page never takes its address from the request.
    assert all(
        link.startswith(("/?", "/static", "/logo", "#", "tel:", "mailto:")) or link == "/"
        for link in re.findall(r'href="([^"]*)"', page.text)
    )


def test_an_unexpected_error_is_logged_without_its_words(client: TestClient, capfd: Any, caplog: Any) -> None:
    @client.app.get("/broken")  # type: ignore[attr-defined,untyped-decorator]
    async def broken() -> None:
        raise RuntimeError("Rahasia 3175024107900001")

    with structlog.testing.capture_logs() as logs:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert logs[0]["error"] == "RuntimeError"
    assert logs[0]["where"].startswith("test_site.py:")
    assert "Rahasia" not in repr(logs) + caplog.text + "".join(capfd.readouterr())


def test_the_home_page_fits_a_handheld_scanner(client: TestClient) -> None:
    page = client.get("/", headers=PAGE).text
    field = re.search(r'<input id="kode"[^>]*>', page)
    assert field is not None
    # It has the focus, takes a whole address, and Enter sends the form, without a script.
    assert "autofocus" in field.group()
    assert 'maxlength="2000"' in field.group()
    assert '<form method="post" action="/periksa"' in page


@pytest.mark.parametrize("state", ["valid", "superseded", "not_yet_issued"])
def test_a_code_page_is_small_and_self_contained(client: TestClient, made: Made, state: str) -> None:
    page = client.get(f"/d/{made.codes[state]}", headers=PAGE)
    size = len(page.content)
    assets = set(re.findall(r'(?:src|href)="(/(?:static/|logo)[^"]*)"', page.text))
    for asset in assets:
        answer = client.get(asset)
        size += len(answer.content)
        if asset.startswith("/static/"):
            assert "immutable" in answer.headers["cache-control"]
    assert len(assets) == 3
    assert size < 30_000
    assert " style=" not in page.text
    assert "<style" not in page.text
    assert re.findall(r"<script(?! src=\"/static/)", page.text) == []
    assert page.headers["cache-control"] == "no-store"


def catalogue(lang: Any) -> dict[str, str]:
    with texts.catalogue_file(lang).open("rb") as stream:
        return {str(message.id): str(message.string) for message in read_po(stream) if message.id}


def test_no_translation_is_missing_or_left_over() -> None:
    used = {
        found[2]
        for found in extract_from_dir(
            Path(texts.__file__).parent,
            method_map=[("**.py", "python"), ("**.html", "jinja2")],
            keywords={"_": None, "mark": None},
        )
    }
    assert len(used) > 100
    for lang in texts.LANGUAGES:
        translations = catalogue(lang)
        assert set(translations) == used
        for source, text in translations.items():
            assert text.strip(), source
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", source))
    assert catalogue("en") == {source: source for source in used}
    same = {source for source, text in catalogue("id").items() if source == text}
    assert same <= {"Register", "File"}


def test_templates_have_no_text_of_their_own() -> None:
    for file in (Path(texts.__file__).parent / "templates").glob("*.html"):
        source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", file.read_text(), flags=re.S)
        shown = re.sub(r"<[^>]*>", " ", source)
        words = {word.strip(string.punctuation) for word in shown.split()}
        # Names that no language changes.
        assert {word for word in words if word.isalpha() and len(word) > 1} <= {
            "PDF",
            "MB",
            "ms",
            "SHA",
            "Specimens",
        }


def test_the_program_by_itself(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABSAH_MASTER_KEY_FILE", "ABSAH_KEYS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("ABSAH_DATA", str(made.data))
    monkeypatch.setenv("ABSAH_PUBLIC_URL", "https://cek.contoh.example")
    monkeypatch.setenv("ABSAH_REGENCY", "Kabupaten Contoh")
    monkeypatch.setenv("ABSAH_OFFICIAL_HOSTS", '{"oss.go.id": "OSS"}')
    app = create_app()
    client = _Client(app, raise_server_exceptions=False)
    assert client.get(f"/api/v1/codes/{made.codes['valid']}").json()["verdict"] == "valid"
    assert client.get("/readyz").json() == {"status": "ok", "parts": {"register": "ok"}}
    assert "periksa di OSS" in client.get("/periksa?kode=https://oss.go.id/x", headers=PAGE).text
    assert client.get("/metrics").status_code == 404


def test_the_program_has_no_setting_that_writes_or_signs() -> None:
    names = set(settings.VerifierSettings.model_fields)
    assert not {name for name in names if re.search(r"key|secret|queue|broker|passphrase|tsa|s3", name)}
    assert {name for name in names if "database" in name} == {"verifier_database_url"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ABSAH_PUBLIC_URL", "cek.example"),
        ("ABSAH_PUBLIC_URL", "https://cek.example/path"),
        ("ABSAH_ZONE", "Mars/Olympus"),
        ("ABSAH_UPLOAD_LIMIT", "many"),
        ("ABSAH_METRICS_PORT", "8001"),
        ("ABSAH_ENV", "production"),
        ("ABSAH_TRUST", "/nonexistent"),
        ("ABSAH_LOGO", "/nonexistent"),
        ("ABSAH_PROXIES", '["nonsense"]'),
        ("ABSAH_PROXIES", "10.0.0.1"),
    ],
)
def test_an_impossible_setting_is_one_clear_sentence(
    made: Made, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("ABSAH_DATA", str(made.data))
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match="ABSAH_"):
        create_app()


def test_metrics_count_verdicts_and_name_nobody(client: TestClient, made: Made) -> None:
    from prometheus_client import REGISTRY, generate_latest

    def count() -> float:
        return REGISTRY.get_sample_value("absah_checks_total", {"by": "code", "verdict": "revoked"}) or 0.0

    before = count()
    client.get(f"/api/v1/codes/{made.codes['revoked']}")
    assert count() == before + 1
    assert made.codes["revoked"].encode() not in generate_latest()
    assert metrics.serve_metrics.__defaults__ == ("127.0.0.1",)


def test_openapi_documents_the_public_routes(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/d/{code}", "/d/{code}/compare", "/api/v1/codes/{code}", "/api/v1/verify", "/api/v1/verify/{sha256}",
    }  # fmt: skip
    examples = 0
    for path, methods in document["paths"].items():
        for method in methods.values():
            for status, answer in method["responses"].items():
                assert "HTTPValidationError" not in json.dumps(answer), path
                for kind, content in answer["content"].items():
                    jsonschema.validate(content["example"], content["schema"])
                    if kind == "application/xml":
                        continue
                    examples += 1
                    if content["example"].get("status") != "in_force" and "title" in content["example"]:
                        assert str(content["example"]["status"]) == status
    assert examples >= 20


def test_what_is_answered_is_what_openapi_says(client: TestClient, made: Made, sandbox: Sandbox) -> None:
    silent = without_lifespan(made, sandbox, lookup=Made(made.data / "nowhere", {}).lookup)
    small = without_lifespan(made, sandbox, upload_limit=1_000)
    paths = client.get("/openapi.json").json()["paths"]
    valid, unknown = made.codes["valid"], code.draw()
    asks_json = {"Accept": "application/json"}
    original = {"file": ("izin.pdf", (made.samples / "asli.pdf").read_bytes())}
    altered = {"file": ("izin.pdf", (made.samples / "diubah.pdf").read_bytes())}
    answers = [
        ("/api/v1/codes/{code}", "get", each.get(f"/api/v1/codes/{asked}"))
        for each, asked in ((client, valid), (client, unknown), (client, "7K3M9"), (silent, valid),
                            *((client, asked) for asked in made.codes.values()))
    ] + [
        ("/d/{code}", "get", client.get(f"/d/{valid}", headers=asks_json)),
        ("/d/{code}/compare", "post", client.post(f"/d/{valid}/compare", data={"tanggal": "1/1/26"},
                                                  headers=asks_json)),
        ("/d/{code}/compare", "post", client.post(f"/d/{unknown}/compare", data={"nama": "A"},
                                                  headers=asks_json)),
        *(("/api/v1/verify/{sha256}", "get", each.get(f"/api/v1/verify/{asked}"))
          for each, asked in ((client, hashlib.sha256(original["file"][1]).hexdigest()), (client, "0" * 64),
                              (silent, "0" * 64), (client, "abc"))),
        *(("/api/v1/verify", "post", each.post("/api/v1/verify", **form)) for each, form in (
            (client, {"files": original}), (client, {"files": altered}), (silent, {"files": altered}),
            (silent, {"files": original}), (client, {"files": {"other": ("a", b"x")}}),
            (client, {"content": b"x"}), (small, {"files": original}),
            (client, {"files": {"file": ("a.pdf", b"")}}),
        )),
    ]  # fmt: skip
    assert {answer.status_code for _, _, answer in answers} == {200, 400, 404, 413, 422, 503}
    for path, method, answer in answers:
        described = paths[path][method]["responses"][str(answer.status_code)]
        kind = answer.headers["content-type"].partition(";")[0]
        jsonschema.validate(answer.json(), described["content"][kind]["schema"])


def test_the_issuing_side_keeps_its_own_answers(made: Made, sandbox: Sandbox) -> None:
    from signer import problems
    from tests.journeys.public_site import parts
    from verifier.app import add_public_side

    app = FastAPI()
    problems.install(app)

    @app.get("/api/v1/documents/x")
    async def unavailable() -> None:
        raise Unavailable("The archive does not answer.", code="ARCHIVE")

    add_public_side(app, parts(made, sandbox))
    client = _Client(app, raise_server_exceptions=False)
    answer = client.get("/api/v1/documents/x", headers=PAGE)
    assert (answer.status_code, answer.json()["code"]) == (503, "ARCHIVE")
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/nothing", headers=PAGE).headers["content-type"].startswith("text/html")
    assert client.get("/nothing").json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(("error", "logged"), [(BrokenPipeError(), []), (ValueError("x"), ["ValueError"])])
def test_a_scraper_that_goes_away_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: Any, error: Exception, logged: list[str]
) -> None:
    started: list[Any] = []
    start = metrics.start_http_server
    monkeypatch.setattr(
        metrics, "start_http_server", lambda *where: started.append(start(*where)) or started[0]
    )
    metrics.serve_metrics(free_port())
    server, thread = started[0]
    with structlog.testing.capture_logs() as logs:
        try:
            raise error
        except (BrokenPipeError, ValueError):
            # As the server does when an answer cannot be written.
            server.handle_error(None, ("127.0.0.1", 1))
    server.shutdown()
    server.server_close()
    thread.join(5)
    assert [each["error"] for each in logs] == logged
    assert "Traceback" not in "".join(capfd.readouterr())
