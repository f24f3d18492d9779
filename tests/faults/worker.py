"""A real worker process that fails at one effect."""

from __future__ import annotations

import os

from signer.parts import development_transport, open_workshop
from signer.settings import Settings
from signer.worker import work_on_next
from tests.faults.effects import die, install, pause


def work(settings: Settings, effect: str, when: str, pauses: bool) -> None:
    """Work until nothing is left, or until the effect ends the process (or stops it)."""
    # The process that forks us must not be told when we die; a session of our own is enough.
    os.setsid()
    workshop = open_workshop(settings, development_transport(settings))
    workshop = install(workshop, effect, when, pause if pauses else die)
    while work_on_next(workshop):
        pass
