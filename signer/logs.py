"""Logs: one JSON object a line on standard error, with codes and ids, never with what somebody sent."""

from __future__ import annotations

import logging
import os

import structlog


def log_as_json() -> None:
    """Warnings and worse, as JSON lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=os.fdopen(2, "w", closefd=False)),
    )
