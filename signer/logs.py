"""Logs: one JSON object a line on standard error, with codes and ids, never with what somebody sent."""

from __future__ import annotations

import logging
import os
import traceback
from types import TracebackType

import structlog

_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def log_as_json(level: int = logging.WARNING) -> None:
    """What is at least as grave as ``level``, as JSON lines on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Discreet("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # What these meet in a file is in the findings; their own lines are stack traces of what we handled.
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=os.fdopen(2, "w", closefd=False)),
    )


class _Discreet(logging.Formatter):
    """Where an exception came from and its class; its words may quote what somebody sent."""

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - the name is logging's
        kind, _, place = ei
        return "".join([*traceback.format_tb(place), kind.__name__ if kind else "no exception"])
