"""What the real processes of these tests do."""

from __future__ import annotations

import os
import time
from typing import Any

import uvicorn

from keys.bsre import BsreKey
from signer.app import create_app
from signer.parts import open_desk
from signer.requests import IssueRequest, accept
from signer.sessions import Presence
from signer.settings import Settings
from signer.worker import sweep, work_on_next
from signer.workshop import development_transport, open_workshop
from storage.api_keys import Client
from storage.register import Register
from tests.faults import mutations
from tests.faults.effects import Wrapper, die, install, pause


def work(settings: Settings, effect: str, when: str, pauses: bool, mutation: str | None) -> None:
    """Work until nothing is left, or until the effect ends the process (or stops it)."""
    if mutation is not None:
        mutations.MUTATIONS[mutation](setattr)
    # The process that forks us must not be told when we die; a session of our own is enough.
    os.setsid()
    workshop = open_workshop(settings, development_transport(settings))
    workshop = install(workshop, effect, when, pause if pauses else die)
    while work_on_next(workshop):
        pass


def sign_and_die(settings: Settings, effect: str, when: str) -> None:
    """A worker that is there for signing sessions, and is killed at an effect of the first batch."""
    os.setsid()
    workshop = open_workshop(settings, development_transport(settings))
    if effect == "key:sign_pdf":
        BsreKey.sign_pdf = Wrapper(when, die, 1)(BsreKey.sign_pdf)  # type: ignore[method-assign]
    else:
        workshop = install(workshop, effect, when)
    presence = Presence(workshop)
    presence.beat()
    while not presence.work_on_next():
        time.sleep(0.05)


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


def serve_and_die(settings: Settings, port: int, when: str) -> None:
    """A web process that is killed while it accepts a request: before its commit, after it, or never."""
    os.setsid()
    insert, accepting = Register._insert, Register.accept

    def insert_and_die(self: Register, *request: Any) -> Any:
        insert(self, *request)
        die()

    def accept_and_die(self: Register, *request: Any) -> Any:
        accepting(self, *request)
        die()

    if when == "before":
        Register._insert = insert_and_die  # type: ignore[method-assign]
    elif when == "after":
        Register.accept = accept_and_die  # type: ignore[method-assign]
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_config=None, access_log=False)
