"""Asking certification authorities about revocation: only at listed addresses, bounded, and each thing once.

Outside of the sandbox. What an address answers is bytes to us; it is parsed and judged inside.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Literal

from verifier.fetch import Address, Body, FetchRefused, fetch, is_public
from verifier.revocation_addresses import read_addresses
from verifier.revocation_exchange import RevocationAnswers, RevocationNeed

Kind = Literal["OCSP", "CRL"]
Outcome = Literal["answered", "failed", "kept", "unusable", "busy"]

# How long one address is waited for. A long list goes on loading behind that, for the next file.
_PATIENCE = 2.0
_SECONDS: dict[Kind, float] = {"OCSP": 2.0, "CRL": 20.0}
_MOST_BYTES: dict[Kind, int] = {"OCSP": 64_000, "CRL": 16_000_000}
_ACCEPTED: dict[Kind, str] = {"OCSP": "application/ocsp-response", "CRL": "application/pkix-crl, */*;q=0.1"}
_AT_ONCE = 8
_MOST_KEPT = 10_000
_MOST_KEPT_BYTES = 64_000_000
# A dead address, and an answer of which nobody has said yet whether it is one.
_BRIEFLY = 60.0
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class _Question:
    kind: Kind
    url: str
    body: bytes | None = None

    @property
    def key(self) -> bytes:
        """What is asked, and nothing of the file; a hash, so that memory holds no list of who was checked."""
        text = f"{self.kind} {self.url} ".encode()
        return hashlib.sha256(text + (self.body or b"")).digest()


@dataclass(frozen=True)
class _Reply:
    """What an address will have answered, and when nobody waits for it any more."""

    future: Future[bytes | None]
    patience_ends: float


@dataclass
class _Kept:
    content: bytes | None
    ends: float
    confirmed: bool = False


@dataclass(frozen=True)
class Gathered:
    """What was answered, and under which key it is kept, by its SHA-256 in hex."""

    answers: RevocationAnswers
    keys: Mapping[str, tuple[Kind, bytes]]


def _uncounted(kind: Kind, outcome: Outcome) -> None:
    """Counts nothing."""


class RevocationSource:
    """Where revocation is asked for; one for a process, used from any thread.

    Answers are kept until they end, for a day at most, and failures for a minute. Files that need the same
    answer at the same time ask once.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        permitted: Callable[[Address], bool] = is_public,
        context: ssl.SSLContext | None = None,
        count: Callable[[Kind, Outcome], None] = _uncounted,
    ) -> None:
        """``addresses`` are listed by the operator; for ``permitted`` and ``context`` see `fetch`.

        Raises:
            Misconfigured: one of the addresses is none.
        """
        self._listed = read_addresses(addresses)
        self._permitted, self._context, self._count = permitted, context, count
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[bytes, _Reply] = {}

    def gather(
        self, needs: Iterable[RevocationNeed], seconds: float, *, tried: Container[bytes] = ()
    ) -> Gathered:
        """What listed addresses answer about certificates, within so many seconds.

        Of each certificate the responders are asked first, then the lists, until one answers. An address that
        has just failed, or whose answer said nothing or was ``tried`` with this file, is passed over.
        """
        end = monotonic() + seconds
        left = [self._questions(need) for need in needs]
        found: dict[bytes, tuple[_Question, bytes]] = {}
        while left and monotonic() < end:
            asked = [(questions, *self._next(questions, tried)) for questions in left if questions]
            waits = max((reply.patience_ends for _, _, reply in asked), default=0.0)
            wait([reply.future for _, _, reply in asked], timeout=max(min(waits, end) - monotonic(), 0.0))
            left = []
            for questions, question, reply in asked:
                content = reply.future.result() if reply.future.done() else None
                if content is not None and content not in tried:
                    found[question.key] = question, content
                else:
                    left.append(questions)
        by_kind: dict[Kind, list[bytes]] = {"OCSP": [], "CRL": []}
        for question, content in found.values():
            by_kind[question.kind].append(content)
        return Gathered(
            RevocationAnswers(tuple(by_kind["CRL"]), tuple(by_kind["OCSP"])),
            {
                hashlib.sha256(content).hexdigest(): (question.kind, key)
                for key, (question, content) in found.items()
            },
        )

    def learn(self, gathered: Gathered, used: Iterable[tuple[str, str]], moment: datetime) -> None:
        """Keep the answers that the sandbox could use until they end, and pass over the others for a while.

        ``used`` is that of `FileAnswer`, ``moment`` the time of the check.
        """
        until = dict(used)
        with self._lock:
            for name, (kind, key) in gathered.keys.items():
                kept = self._kept.get(key)
                if kept is None or kept.confirmed:
                    continue  # what has helped another file is not spoilt by this one
                life = datetime.fromisoformat(until[name]) - moment if name in until else timedelta()
                if life > timedelta():
                    kept.confirmed = True
                    kept.ends = monotonic() + min(life, _LONGEST).total_seconds()
                else:
                    self._count(kind, "unusable")
                    self._keep(key, None)

    def kinds(self, needs: Iterable[RevocationNeed]) -> list[Kind]:
        """Which kinds of listed address the certificates name."""
        return list(dict.fromkeys(question.kind for need in needs for question in self._questions(need)))

    def _questions(self, need: RevocationNeed) -> list[_Question]:
        request = _ocsp_request(need) if need.responders else None
        asked = [_Question("OCSP", url, request) for url in need.responders if request is not None]
        asked += [_Question("CRL", url) for url in need.lists]
        return [each for each in asked if any(address.covers(each.url) for address in self._listed)]

    def _next(self, questions: list[_Question], tried: Container[bytes]) -> tuple[_Question, _Reply]:
        """The next question that may still help, under way; the last one where none may."""
        while True:
            question = questions.pop(0)
            reply = self._ask(question)
            content = reply.future.result() if reply.future.done() else b""
            if not questions or not (content is None or content in tried):
                return question, reply

    def _ask(self, question: _Question) -> _Reply:
        key, now = question.key, monotonic()
        with self._lock:
            under_way = self._under_way.get(key)
            if under_way is not None and under_way.patience_ends > now:
                return under_way
            future: Future[bytes | None] = Future()
            reply = _Reply(future, now + _PATIENCE)
            kept = self._kept.get(key)
            if kept is not None and kept.ends > now:
                self._kept.move_to_end(key)
                self._count(question.kind, "kept")
                future.set_result(kept.content)
                return reply
            # A file has waited long enough for what is still under way, so that no other one does.
            if under_way is not None or not self._slots.acquire(blocking=False):
                self._count(question.kind, "busy")
                future.set_result(None)
                return reply
            self._under_way[key] = reply
        # A daemon: a name server that does not answer must not keep the program from ending.
        threading.Thread(target=self._fetch, args=(question, key, future), daemon=True).start()
        return reply

    def _fetch(self, question: _Question, key: bytes, future: Future[bytes | None]) -> None:
        content: bytes | None = None
        try:
            content = fetch(
                question.url,
                schemes=("http", "https"),
                body=Body(question.body, "application/ocsp-request") if question.body is not None else None,
                accept=_ACCEPTED[question.kind],
                permitted=self._permitted,
                context=self._context,
                maximum_bytes=_MOST_BYTES[question.kind],
                seconds=_SECONDS[question.kind],
            )
        except FetchRefused:
            pass  # told by the missing answer, and counted; the reason would name an address of a file
        finally:
            with self._lock:
                self._keep(key, content)
                del self._under_way[key]
            self._slots.release()
            self._count(question.kind, "failed" if content is None else "answered")
            future.set_result(content)

    def _keep(self, key: bytes, content: bytes | None) -> None:
        """Keep an answer or a failure for a short while; the oldest go where there is no room."""
        self._drop(key)
        self._kept[key] = _Kept(content, monotonic() + _BRIEFLY)
        self._bytes += len(content or b"")
        while len(self._kept) > _MOST_KEPT or (self._bytes > _MOST_KEPT_BYTES and len(self._kept) > 1):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.content or b"")


def _ocsp_request(need: RevocationNeed) -> bytes | None:
    """A request about one certificate (RFC 6960, 4.1), without a nonce, so that a prepared answer will do."""
    # Imported late: this takes longer than all else that a check loads outside of the sandbox.
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.ocsp import OCSPRequestBuilder

    try:
        builder = OCSPRequestBuilder().add_certificate_by_hash(
            bytes.fromhex(need.issuer_name_hash),
            bytes.fromhex(need.issuer_key_hash),
            need.serial_number,
            SHA1(),  # noqa: S303  # names a certificate, protects nothing; what every responder knows (RFC 5019)
        )
    except ValueError:
        return None  # a serial number that no request can name; its list may still be asked for
    return builder.build().public_bytes(Encoding.DER)
