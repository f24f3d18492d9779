"""What the public side is built from; it has no part that writes or signs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from storage import code as codes
from storage.lookup import Lookup
from storage.records import Issuer
from verifier.revocation_source import RevocationSource
from verifier.sandbox import Sandbox
from verifier.trust.folder import KeptList
from verifier.typed import read_typed


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class PublicParts:
    """Everything that the public routes talk to, and whose service they are.

    ``hosts`` are the hosts (with their ports) of our own QR codes, today's first. ``contact`` is who answers
    for an installation where no document names its agency. ``official_hosts`` are other services' hosts
    and what people call them. ``upload_limit`` is in bytes. ``proxies`` are our own, see `Networks`.
    ``anchors`` are what is trusted, with its terms; among them those of ``trusted_lists``. ``revocation``
    asks the addresses that the operator lists; None where there are none.
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
    trusted_lists: tuple[KeptList, ...] = ()
    revocation: RevocationSource | None = None

    def own_code(self, typed: str) -> str | None:
        """The code in something typed, where it is one that has a page here; nothing is looked up."""
        code = read_typed(typed, self.hosts).code
        return code if codes.is_well_formed(code) else None

    def stale_lists(self) -> list[str]:
        """The territories of the trusted lists that are past their next update."""
        now = self.clock()
        return [each.territory for each in self.trusted_lists if each.is_stale(now)]
