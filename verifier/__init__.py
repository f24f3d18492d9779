"""The public side: is this file or paper what was signed, and is the document in force?"""

from __future__ import annotations

from verifier.check import check
from verifier.report import Report

__all__ = ["Report", "check"]
