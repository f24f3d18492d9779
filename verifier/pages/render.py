"""Turning a template and values into a page: language, escaping, what every page shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.ext import Extension
from markupsafe import Markup, escape
from starlette.requests import Request

from storage.code import printed
from storage.records import Issuer
from verifier.pages.texts import LANGUAGES, translate
from verifier.verdict import STATUS_WORDS
from verifier.words import Lang, long_date

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
TEMPLATES = _HERE / "templates"

_FIXED_TEXT = re.compile(r'\{\{ _\("([^"]+)"\) \}\}')
_COOKIE = "lang"
_YEAR_SECONDS = 365 * 24 * 3600
_ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


@dataclass(frozen=True)
class Site:
    """Whose pages these are: what stands in the header and the footer of each."""

    regency: str
    contact: Issuer
    host: str
    zone: str
    upload_limit: int
    development: bool
    has_logo: bool
    clock: Callable[[], datetime]


def install_site(app: FastAPI, site: Site) -> None:
    """Make `render_page` work for requests to ``app``."""
    app.state.site = site


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


def page_language(request: Request) -> Lang:
    """Indonesian, unless the reader chose English here; a phone's own setting decides nothing.

    Many phones here are set to English, and their owners, and whoever is shown the screen at a counter, read
    Indonesian; the other language is one link away. So a page has one address in one language and needs no
    ``Vary``. Data is for programs, which say what they want (`data_language`).
    """
    chosen = request.query_params.get("lang") or request.cookies.get(_COOKIE)
    return "en" if chosen == "en" else "id"


def data_language(request: Request) -> Lang:
    """The language of JSON answers: ``?lang=``, else ``Accept-Language``, else Indonesian."""
    if (chosen := request.query_params.get("lang")) in LANGUAGES:
        return "en" if chosen == "en" else "id"
    best, best_weight = "id", 0.0
    for item in request.headers.get("accept-language", "")[:200].split(","):
        tag, _, weight = item.strip().partition(";q=")
        language = tag.partition("-")[0].lower()
        try:
            worth = float(weight or 1)
        except ValueError:
            continue
        if language in LANGUAGES and worth > best_weight:
            best, best_weight = language, worth
    return "en" if best == "en" else "id"


def wants_page(request: Request) -> bool:
    """Whether a page serves the caller better than JSON (RFC 9110, 12.5.1); a page where both serve alike."""
    accept = request.headers.get("accept", "*/*")[:1000]
    return _preference(accept, "text", "html") >= _preference(accept, "application", "json")


def _preference(accept: str, kind: str, subtype: str) -> tuple[float, int]:
    """The weight of a media type, and how exactly it is named; what is named more exactly wins."""
    exactness = {f"{kind}/{subtype}": 2, f"{kind}/*": 1, "*/*": 0}
    found = (0.0, -1)
    for item in accept.lower().split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        if exactness.get(media, -1) > found[1]:
            weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
            try:
                found = (max(0.0, min(1.0, float(weight))), exactness[media])
            except ValueError:
                continue
    return found if found[0] > 0 else (0.0, -1)


def render_page(
    request: Request, template: str, *, status: int = 200, self_path: str = "", **values: Any
) -> HTMLResponse:
    """A page from ``templates/``, in the reader's language.

    ``self_path`` is where the same page is found by GET, for the link that changes the language; without
    it, this address. Every template may use ``site``, ``lang`` and ``_()``; values are escaped.
    """
    lang = page_language(request)
    site = site_of(request)
    text = (
        _ENVIRONMENTS[lang]
        .get_template(template)
        .render(
            site=site,
            switch_url=partial(_switch_url, request, self_path),
            now=site.clock(),
            **values,
        )
    )
    response = HTMLResponse(text, status, {"Content-Language": lang, "Cache-Control": "no-store"})
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            _COOKIE,
            lang,
            max_age=_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return response


def _switch_url(request: Request, self_path: str, lang: Lang) -> str:
    """This page in another language. Without a path it stays on this one, whatever that is called."""
    kept = (
        [] if self_path else [(name, value) for name, value in request.query_params.items() if name == "kode"]
    )
    path, _, query = self_path.partition("?")
    return f"{path}?{query}{'&' if query else ''}{urlencode([*kept, ('lang', lang)])}"


def local_time(moment: datetime, zone: str, lang: Lang) -> str:
    """A time as people write it where the agency is: ``12 Maret 2026 pukul 09.30 WIB``."""
    there = moment.astimezone(ZoneInfo(zone))
    name = _ZONES.get(zone) or there.tzname() or zone
    if lang == "id":
        return f"{long_date(there.date(), lang)} pukul {there:%H.%M} {name}"
    return f"{long_date(there.date(), lang)}, {there:%H:%M} {name}"


def _iso_time(text: str, zone: str, lang: Lang) -> str:
    moment = datetime.fromisoformat(text)
    return local_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC), zone, lang)


def _web_address(website: str) -> str | None:
    """A website of our settings as an address to link to; None where it is none."""
    address = website if "://" in website else f"https://{website}"
    parts = urlsplit(address)
    return address if parts.scheme in ("http", "https") and "." in parts.netloc else None


def _breakable(number: str) -> Markup:
    """A document number that may continue on the next line after a slash, and nowhere else."""
    return Markup("/<wbr>").join(number.split("/"))


def _telephone(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit() or character == "+")


def _mail(address: str, subject: str, body: str) -> str:
    """RFC 6068: a letter with its subject and first lines."""
    return (
        f"mailto:{quote(address, safe='@')}?{urlencode({'subject': subject, 'body': body}, quote_via=quote)}"
    )


class _TranslateOnce(Extension):
    """Puts each fixed text into the template when it is read, not when it is shown; half of the work."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        lang = self.environment.globals["lang"]
        return _FIXED_TEXT.sub(lambda found: str(escape(translate(lang, found.group(1)))), source)  # type: ignore[arg-type]


def _environment(lang: Lang) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",), default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", _TranslateOnce],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        partial(translate, lang),
        lambda one, many, count: translate(lang, one if count == 1 else many),
        newstyle=True,
    )
    environment.globals.update(
        lang=lang,
        languages={"id": "Bahasa Indonesia", "en": "English"},
        assets={file.name: f"/static/{file.name}?v={_fingerprint(file)}" for file in STATIC.iterdir()},
        mail=_mail,
        status_words={str(status): words for status, words in STATUS_WORDS[lang].items()},
    )

    def day(value: date | None) -> str:
        return long_date(value, lang) if value is not None else "—"

    environment.filters.update(
        breakable=_breakable,
        day=day,
        local_time=lambda moment, zone: local_time(moment, zone, lang),
        iso_time=lambda text, zone: _iso_time(text, zone, lang),
        printed=printed,
        web_address=_web_address,
        telephone=_telephone,
    )
    return environment


def _fingerprint(file: Path) -> str:
    """So that a browser keeps a file for as long as it stays the same."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


_ENVIRONMENTS = {lang: _environment(lang) for lang in LANGUAGES}
