"""What the public side is built from; it has no part that writes or signs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from storage import code as codes
from storage.lookup import Lookup
from storage.records import Issuer
from verifier.by_code import host_of
from verifier.sandbox import Sandbox


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class PublicParts:
    """Everything that the public routes talk to, and whose service they are.

    ``hosts`` are the hosts (with their ports) of our own QR codes, today's first. ``contact`` is who answers
    for an installation where no document names its agency. ``official_hosts`` are other services' hosts
    and what people call them. ``upload_limit`` is in bytes. ``proxies`` are our own, see `Networks`.
    """

    lookup: Lookup
    sandbox: Sandbox
    anchors: tuple[bytes, ...]
    hosts: tuple[str, ...]
    regency: str
    contact: Issuer
    official_hosts: Mapping[str, str] = field(default_factory=dict)
    upload_limit: int = 25_000_000
    development: bool = False
    logo_svg: bytes = b""
    clock: Callable[[], datetime] = _now
    zone: str = "Asia/Jakarta"
    proxies: tuple[str, ...] = ()

    def is_own_code(self, typed: str) -> bool:
        """Whether something typed is a code that has a page here; nothing is looked up."""
        host = host_of(typed)
        return (host is None or host in self.hosts) and codes.is_well_formed(self.bare_code(typed))

    @staticmethod
    def bare_code(typed: str) -> str:
        """The code in what was typed; empty or malformed if there is none."""
        return codes.normalise(typed)
