"""Where our verifier is known to be wrong about the foreign corpus; every entry is an open fault.

A test that names one of these expects the fault (``xfail(strict=True)``): mending it removes the entry.
"""

from __future__ import annotations

# Genuine files that are not accepted, by name in the sample.
REJECTED: dict[str, str] = {}

# Attacks of which some result is accepted, by name.
ACCEPTED: dict[str, str] = {}
