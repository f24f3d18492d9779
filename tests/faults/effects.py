"""Every effect of the issuing cycle, and ways to fail right before or right after it.

An effect is whatever outlives the process: a commit, an object, a use of the key, a token, a
notice. `install` wraps one of them in the running process; nothing in the product knows of it.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from signer.cycle import Workshop
from storage import preservation, queue, steps

# In the order of the cycle. What is before the colon is where the effect is called from.
EFFECTS = (
    "queue:claim_next",
    "renderer:render",
    "archive:put_once:1",  # the frozen bytes
    "steps:record_freeze",
    "steps:record_intent",
    "key:sign",
    "steps:record_cms",
    "timestamps:stamp_digest",
    "steps:record_token",
    "revocation:collect_for",
    "preservation:record",
    "archive:put_once:2",  # the final file
    "steps:record_stored",
    "steps:record_issue",
    "archive:remove_staging:1",
    "notifier:deliver:1",
    "steps:mark_sent",
)


MODULES = {"steps": steps, "queue": queue, "preservation": preservation}


def die() -> None:
    """What a power cut or the kernel's memory killer does: no clean-up, no last word."""
    os.kill(os.getpid(), signal.SIGKILL)


def pause() -> None:
    """What a suspended machine does: everything stands still until SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def install(workshop: Workshop, effect: str, when: str, what: Callable[[], None] = die) -> Workshop:
    """A workshop in which ``what`` happens before or after the named effect."""
    place, name, *nth = effect.split(":")
    wrap = Wrapper(when, what, int(nth[0]) if nth else 1)
    if place in MODULES:
        setattr(MODULES[place], name, wrap(getattr(MODULES[place], name)))
        return workshop
    if place == "key":
        return replace(workshop, keys=_Ring(workshop.keys, wrap))
    part = _Part(getattr(workshop, place), name, wrap)
    return replace(workshop, **{place: part})


class Wrapper:
    """Lets ``what`` happen before or after the ``nth`` call of a function."""

    def __init__(self, when: str, what: Callable[[], None], nth: int) -> None:
        self.when, self.what, self.nth, self.calls = when, what, nth, 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls != self.nth:
                return function(*args, **kwargs)
            if self.when == "before":
                self.what()
            result = function(*args, **kwargs)
            if self.when == "after":
                self.what()
            return result

        return wrapped


class _Part:
    """One collaborator with one method wrapped; everything else is the real thing."""

    def __init__(self, real: Any, name: str, wrap: Wrapper) -> None:
        self._real = real
        setattr(self, name, wrap(getattr(real, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Ring:
    def __init__(self, real: Any, wrap: Wrapper) -> None:
        self._real, self._wrap = real, wrap

    def key(self, key_id: str) -> Any:
        return _Part(self._real.key(key_id), "sign", self._wrap)
