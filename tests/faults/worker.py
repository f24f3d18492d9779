"""What the real processes of these tests do."""

from __future__ import annotations

import os

from signer.parts import open_desk
from signer.requests import IssueRequest, accept
from signer.settings import Settings
from signer.worker import sweep, work_on_next
from signer.workshop import development_transport, open_workshop
from storage.units import Client
from tests.faults.effects import die, install, pause


def work(settings: Settings, effect: str, when: str, pauses: bool) -> None:
    """Work until nothing is left, or until the effect ends the process (or stops it)."""
    # The process that forks us must not be told when we die; a session of our own is enough.
    os.setsid()
    workshop = open_workshop(settings, development_transport(settings))
    workshop = install(workshop, effect, when, pause if pauses else die)
    while work_on_next(workshop):
        pass


def work_and_sweep(settings: Settings) -> None:
    """Work until nothing is left, as one of several workers."""
    os.setsid()
    workshop = open_workshop(settings, development_transport(settings))
    while work_on_next(workshop):
        sweep(workshop)
    sweep(workshop)


def request_many(settings: Settings, client: Client, bodies: list[tuple[str, IssueRequest]]) -> None:
    """Accept requests under their keys, as one of several web processes."""
    desk = open_desk(settings, "http://cek.example.org")
    for key, body in bodies:
        accept(desk, client, key, body)
