"""Fetching a document from an address that the operator gave or listed: public, bounded, without detours.

Nothing else in the public side asks other machines. Which addresses may be asked at all is the caller's
affair (`verifier.commands.trust`, `verifier.revocation_source`); here it is where they lead.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from storage.vocabulary import AbsahError

Address = IPv4Address | IPv6Address

# RFC 6052, 2.1 and RFC 8215: IPv4 written as IPv6, which Python takes for addresses of the open Internet.
_TRANSLATION, _LOCAL_TRANSLATION = IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48")
# RFC 4291, 2.4: all that is routed; what lies outside of it is reserved, or an older way to write IPv4.
_ROUTED = IPv6Network("2000::/3")
_MAXIMUM_BYTES = 32 * 1024 * 1024
_SECONDS = 60.0
_LONGEST_WAIT = 10.0
_STEP = 1 << 16
_PORTS = {"http": 80, "https": 443}


class FetchRefused(AbsahError):
    """An address may not be asked, or did not answer as it should."""

    code = "FETCH_REFUSED"


@dataclass(frozen=True)
class Body:
    """What is sent with a request, and what it is."""

    content: bytes
    media_type: str


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
        if address not in _ROUTED:
            return False
    return address.is_global and not address.is_multicast


def fetch(
    url: str,
    *,
    schemes: tuple[str, ...] = ("https",),
    body: Body | None = None,
    accept: str = "application/xml, text/xml, */*;q=0.1",
    permitted: Callable[[Address], bool] = is_public,
    context: ssl.SSLContext | None = None,
    maximum_bytes: int = _MAXIMUM_BYTES,
    seconds: float = _SECONDS,
) -> bytes:
    """The document at ``url``.

    ``schemes`` are those that may be used; ``body`` makes it a POST. ``permitted`` decides about the
    addresses that the name leads to; the connection goes to the one that was judged, so that a second look-up
    cannot lead elsewhere. ``context`` says which TLS certificates are believed. ``seconds`` bounds everything
    but the look-up of the name, which the system bounds.

    Raises:
        FetchRefused: with the reason; nothing is kept.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise FetchRefused("The address makes no sense.") from error
    if parts.scheme not in schemes or parts.scheme not in _PORTS or not host or parts.username is not None:
        names = " or ".join(f"{scheme}://" for scheme in schemes)
        raise FetchRefused(f"Only an address that begins with {names} is fetched, without a user in it.")
    end = monotonic() + seconds
    address = _resolve(host, port, permitted)
    if parts.scheme == "https" and context is None:
        context = ssl.create_default_context()
    connection = _Pinned(host, port, address, context if parts.scheme == "https" else None, end)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": accept} | ({"Content-Type": body.media_type} if body else {})
        connection.request("POST" if body else "GET", path, body.content if body else None, headers)
        answer = connection.getresponse()
        if 300 <= answer.status < 400:
            raise FetchRefused("The address leads to another; give that one yourself if you trust it.")
        if answer.status != 200:
            raise FetchRefused(f"The server answered {answer.status}.")
        return _read(answer, maximum_bytes)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchRefused(f"{host} does not answer as it should ({type(error).__name__}).") from error
    finally:
        connection.end()


def _resolve(host: str, port: int, permitted: Callable[[Address], bool]) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise FetchRefused(f"{host} is not known.") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    # Every one has to be permitted: which is used must not be a matter of luck.
    if not addresses or not all(permitted(ip_address(each)) for each in addresses):
        raise FetchRefused(f"{host} is not an address of the open Internet; private ones are never asked.")
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was judged, and asks TLS for the name that was typed."""

    def __init__(
        self, host: str, port: int, address: str, context: ssl.SSLContext | None, end: float
    ) -> None:
        super().__init__(host, port)
        self.default_port = _PORTS["http" if context is None else "https"]
        self._address, self._context, self._end = address, context, end
        self._connected: socket.socket | None = None

    def connect(self) -> None:
        """The connection; an unknown certificate is an `ssl.SSLError`, which is an `OSError`."""
        wait = _time_left(self._end)
        plain = socket.create_connection((self._address, self.port), timeout=wait)
        try:
            plain.settimeout(_time_left(self._end))
            connected = (
                self._context.wrap_socket(plain, server_hostname=self.host) if self._context else plain
            )
        except BaseException:
            plain.close()
            raise
        self._connected = connected
        self.sock = _Bounded(connected, self._end)

    def end(self) -> None:
        """Close the connection, whatever is left to read."""
        self.close()
        if self._connected is not None:
            self._connected.close()


class _Bounded:
    """A socket as `http.client` uses one, on which nothing waits beyond the end.

    A server that sends one octet now and then would otherwise hold us for as long as it likes, headers
    included.
    """

    def __init__(self, connected: socket.socket, end: float) -> None:
        self._socket, self._end = connected, end

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(_time_left(self._end))
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._socket, self._end))

    def close(self) -> None:
        """Nothing: `http.client` closes before the answer has been read, and `_Pinned.end` after it."""


class _Incoming(io.RawIOBase):
    def __init__(self, connected: socket.socket, end: float) -> None:
        self._socket, self._end = connected, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_time_left(self._end))
        return self._socket.recv_into(buffer)


def _time_left(end: float) -> float:
    """Seconds to wait, at most.

    Raises:
        TimeoutError: the end has come.
    """
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    return min(_LONGEST_WAIT, left)


def _read(answer: http.client.HTTPResponse, maximum: int) -> bytes:
    announced = answer.length
    content = bytearray()
    while len(content) <= maximum and (announced is None or announced <= maximum):
        part = answer.read1(_STEP)
        if not part:
            if announced is not None and len(content) < announced:
                raise FetchRefused("The answer was cut off.")
            return bytes(content)
        content += part
    raise FetchRefused(f"It is larger than {maximum / 1_000_000:.3g} MB.")
