"""What somebody typed or scanned: a code of ours, or an address that is not."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from storage import code as codes

# Browsers read http:host and http:///host as http://host (WHATWG URL, 4.4).
_WEB = re.compile(r"(https?):/*(?=[^/])", re.IGNORECASE)
_OTHER_SCHEME = re.compile(
    r"([a-z][a-z0-9+.\-]*)://|(javascript|data|file|ftp|mailto|tel|sms|geo|intent|market):", re.IGNORECASE
)
_HOST = re.compile(r"[^\s/]+\.[^\s/.]{2,}(:\d+)?", re.IGNORECASE)
_DOTTED_CODE = re.compile(r"\w{5}\.\w{5}\.\w{4}")
_PATH = re.compile(r"/d/([^/]+)/?")
_OWN_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class Typed:
    """A code as it is looked up, perhaps malformed; or the ``foreign`` address that stands in its place.

    ``host`` is the host of a foreign address, lower case, with its port unless it is the scheme's own.
    ``foreign`` is the same, with scheme and path where the host alone would look like ours.
    """

    code: str
    host: str | None = None
    foreign: str | None = None


def read_typed(text: str, hosts: Collection[str]) -> Typed:
    """A bare code in any spelling, or a web address with a host of ours and the path ``/d/CODE``.

    Whatever else looks like an address is foreign, also where its last part is a code: nobody may take
    another page for ours because we answer its address. Nothing is opened.
    """
    # Browsers read a backslash as a slash, so “https://evil.example\\@ours/” leads to evil.
    text = text.strip().replace("\\", "/")
    scheme, rest = _scheme_and_rest(text)
    if rest is None:
        return Typed(codes.normalise(text.partition("#")[0].replace("/", "")))
    try:
        parts = urlsplit(f"https://{rest}")
        host = parts.netloc.rpartition("@")[2].lower().removesuffix(_OWN_PORTS.get(scheme or "https", ""))
    except ValueError:
        host = rest.partition("/")[0].lower()
        return Typed("", host, host)
    if host not in hosts:
        return Typed("", host, host)
    path = _PATH.fullmatch(unquote(parts.path))
    if path is None or scheme not in ("http", "https", None) or "@" in parts.netloc:
        return Typed("", host, f"{scheme}://{host}{parts.path}" if scheme else f"{host}{parts.path}")
    return Typed(codes.normalise(path.group(1)))


def _scheme_and_rest(text: str) -> tuple[str | None, str | None]:
    """The scheme of an address, lower case, if it has one, and what follows it; None where it is none."""
    if match := _WEB.match(text):
        return match.group(1).lower(), text[match.end() :]
    if match := _OTHER_SCHEME.match(text):
        return (match.group(1) or match.group(2)).lower(), text[match.end() :].lstrip("/")
    if text.startswith("//"):
        return None, text.lstrip("/")
    # What a scanner types behind the “#” of a QR code may hold anything.
    first, slash, _ = text.partition("#")[0].partition("/")
    if slash and ("." in first or ":" in first):
        return None, text
    # A code may be written with points in it, also one with a typing error.
    if _HOST.fullmatch(first) and not _DOTTED_CODE.fullmatch(first):
        return None, text
    return None, None
