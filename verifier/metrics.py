"""What is counted about checks: kinds of answers, never whose. Served on an internal port only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal

import structlog
from prometheus_client import Counter, Histogram, start_http_server

from storage.vocabulary import Verdict
from verifier.revocation_source import Kind, Outcome, RevocationSource

log = structlog.get_logger("metrics")

_CHECKS = Counter("absah_checks", "Checks answered", ["by", "verdict"])
_COMPARISONS = Counter("absah_comparisons", "Blind comparisons answered", ["result"])
_REFUSALS = Counter("absah_refusals", "Requests refused before an answer", ["code"])
_REVOCATION = Counter("absah_revocation_questions", "Questions about revocation", ["kind", "outcome"])
_FILE_SECONDS = Histogram("absah_file_check_seconds", "Wall time of a file's check", buckets=(
    0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 20))  # fmt: skip

_BY_CODE = {verdict: _CHECKS.labels("code", verdict) for verdict in Verdict}


def count_code(verdict: Verdict) -> None:
    """One answer about a code."""
    _BY_CODE[verdict].inc()


def count_file(verdict: Verdict, elapsed_ms: float) -> None:
    """One answer about a file."""
    _CHECKS.labels("file", verdict).inc()
    _FILE_SECONDS.observe(elapsed_ms / 1000)


def count_comparison(result: Literal["match", "differs"]) -> None:
    """One blind comparison; ``differs`` where any field does."""
    _COMPARISONS.labels(result).inc()


def count_refusal(code: str) -> None:
    """One request refused, by the stable code of its error."""
    _REFUSALS.labels(code).inc()


def count_revocation(kind: Kind, outcome: Outcome) -> None:
    """One question to a listed address: ``kept`` was answered from memory, ``busy`` not asked or waited for.

    ``unusable`` comes beside ``answered``, where the sandbox could make nothing of it.
    """
    _REVOCATION.labels(kind, outcome).inc()


def counted_source(addresses: Sequence[str]) -> RevocationSource | None:
    """Where revocation is asked for, its questions counted; None where no address is listed."""
    return RevocationSource(addresses, count=count_revocation) if addresses else None


def serve_metrics(port: int, address: str = "127.0.0.1") -> None:
    """``/metrics`` on a port of its own, which the public never reaches."""
    server, _ = start_http_server(port, address)
    # The library's own prints a traceback, for a scraper that went away as for anything else.
    server.handle_error = _log_failure  # type: ignore[method-assign]


def _log_failure(request: object, client_address: object) -> None:
    error = sys.exception()
    if not isinstance(error, ConnectionError):
        log.error("metrics.failed", error=type(error).__name__)
