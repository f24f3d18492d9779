"""Fetching a document from an address that the operator typed: HTTPS, public, bounded, without detours.

Nothing else in the public side fetches anything for trust, and no address out of a document is ever used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from urllib.parse import urlsplit

from storage.vocabulary import AbsahError

Address = IPv4Address | IPv6Address

# RFC 6052, 2.1 and RFC 8215: IPv4 written as IPv6, which Python takes for addresses of the open Internet.
_TRANSLATION, _LOCAL_TRANSLATION = IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48")
_MAXIMUM_BYTES = 32 * 1024 * 1024
_SECONDS = 60.0
_STEP = 1 << 16


class FetchRefused(AbsahError):
    """An address may not be asked, or did not answer as it should."""

    code = "FETCH_REFUSED"


def is_public(address: Address) -> bool:
    """Whether an address is one of the open Internet; IPv4 inside IPv6 is judged as IPv4."""
    if isinstance(address, IPv6Address):
        if address in _LOCAL_TRANSLATION:
            return False
        if address in _TRANSLATION:
            return is_public(IPv4Address(address.packed[-4:]))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def fetch(
    url: str,
    *,
    permitted: Callable[[Address], bool] = is_public,
    context: ssl.SSLContext | None = None,
    maximum_bytes: int = _MAXIMUM_BYTES,
    seconds: float = _SECONDS,
) -> bytes:
    """The document at ``url``.

    ``permitted`` decides about the addresses that the name leads to; the connection goes to the one that
    was judged, so that a second look-up cannot lead elsewhere. ``context`` says which TLS certificates are
    believed.

    Raises:
        FetchRefused: with the reason; nothing is kept.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or 443
    except ValueError as error:
        raise FetchRefused("The address has no port that makes sense.") from error
    if parts.scheme != "https" or not host or parts.username is not None:
        raise FetchRefused("Only an address that begins with https:// is fetched, without a user in it.")
    end = monotonic() + seconds
    address = _resolve(host, port, permitted)
    connection = _Pinned(host, port, address, context or ssl.create_default_context(), end)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "application/xml, text/xml, */*;q=0.1"})
        answer = connection.getresponse()
        if 300 <= answer.status < 400:
            raise FetchRefused("The address leads to another; give that one yourself if you trust it.")
        if answer.status != 200:
            raise FetchRefused(f"The server answered {answer.status}.")
        return _read(answer, connection, maximum_bytes, end)
    except (OSError, http.client.HTTPException) as error:
        raise FetchRefused(f"{host} does not answer as it should ({type(error).__name__}).") from error
    finally:
        connection.close()


def _resolve(host: str, port: int, permitted: Callable[[Address], bool]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchRefused(f"{host} is not known.") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    # Every one has to be permitted: which is used must not be a matter of luck.
    if not addresses or not all(permitted(ip_address(each)) for each in addresses):
        raise FetchRefused(f"{host} is not an address of the open Internet; private ones are never asked.")
    return addresses[0]


class _Pinned(http.client.HTTPSConnection):
    """Connects to the address that was judged, and asks TLS for the name that was typed."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext, end: float) -> None:
        super().__init__(host, port, timeout=10, context=context)
        self._address, self._trusted, self._end = address, context, end

    def connect(self) -> None:
        """The connection; an unknown certificate is an `ssl.SSLError`, which is an `OSError`."""
        plain = socket.create_connection((self._address, self.port), timeout=10)
        try:
            self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def hurry(self) -> None:
        """Wait no longer than until the end.

        Raises:
            TimeoutError: it has come.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        if self.sock is not None:
            self.sock.settimeout(min(10.0, left))


def _read(answer: http.client.HTTPResponse, connection: _Pinned, maximum: int, end: float) -> bytes:
    content = bytearray()
    while True:
        connection.hurry()
        part = answer.read1(_STEP)
        if not part:
            return bytes(content)
        content += part
        if len(content) > maximum:
            raise FetchRefused(f"It is larger than {maximum // 1_000_000} MB.")
