"""The pictures' way out of the sandbox, a message for each page, so that one bad page loses no other.

The child `send`s; the parent's `Album` believes nothing of what it reads: pages come in the order that was
told at first, pictures are PNG of a bounded size, and whatever else arrives ends the child.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from time import process_time
from typing import Any

from verifier.page_pictures import (
    Detail,
    PagePair,
    PagePictures,
    Place,
    Step,
    compare_pages,
    likely_pages,
    open_states,
    signed_end_of,
)
from verifier.pdf.document import File
from verifier.report import Observation

_LENGTH = struct.Struct("!I")
_MOST_MESSAGE_BYTES = 8 * 1024 * 1024
_MOST_PICTURE_BYTES = 6 * 1024 * 1024
# What is held in memory; what is handed on as it comes may be more.
_MOST_PAIRS = 40
_MOST_KEPT_BYTES = 1 << 30
_MOST_PAGES = 100_000
_MOST_MISSING = 8
# Half of what `confinement` grants: behind it a new child begins, so that no page pays for those before it.
_CHILD_SECONDS = 3.0
_PNG = b"\x89PNG\r\n\x1a\n"


def send(write: Callable[[bytes], None], pdf: bytes, field: str, password: str | None, done: int) -> None:
    """Compare the pages and write a message for each; the last says that it is all, or that another goes on.

    ``done`` pages of the order were drawn by children before this one.
    """

    def tell(message: dict[str, Any]) -> None:
        encoded = json.dumps(message).encode()
        write(_LENGTH.pack(len(encoded)) + encoded)

    try:
        file = File(pdf, password)
        end = signed_end_of(file, field)
        states = open_states(pdf, end, password)
        first = _first_pages(file, end, states.pages)
        tell({"opened": states.pages, "first": first})
        for step in compare_pages(states, _order(states.pages, first)[done:]):
            tell(_to_json(step))
            if process_time() > _CHILD_SECONDS:
                tell({"pause": True})
                return
    except (MemoryError, RecursionError):
        raise
    except Exception:  # what cannot be opened has no pages; the verdict has said what is wrong with it
        tell({"impossible": True})
    else:
        tell({"end": True})


def _first_pages(file: File, end: int, pages: int) -> list[int]:
    if pages == 1:
        return []
    try:
        likely = likely_pages(file, end)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # only the order hangs on it: a file that is too odd is drawn from its first page on
        return []
    return [page for page in likely if page <= pages]


def _order(pages: int, first: list[int]) -> list[int]:
    already = frozenset(first)
    return [*first, *(page for page in range(1, pages + 1) if page not in already)]


class Album:
    """What was drawn so far, over several children if it must be.

    With ``keep``, each page that differs is handed to it and not held.
    """

    def __init__(self, field: str, keep: Callable[[PagePair], None] | None = None) -> None:
        self.done = 0
        self.complete = False
        self.paused = False
        self._keep_elsewhere = keep
        self._begun_at = 0
        self._order: list[int] = []
        self.field = field
        self._pairs: list[PagePair] = []
        self._findings: list[Observation] = []
        self._bytes = 0
        self._missing = 0
        self._compared = 0
        self._unread = b""

    def begin(self) -> None:
        """A child begins; what another left half said is nothing."""
        self._unread = b""
        self.paused = False
        self._begun_at = self.done

    def read(self, arrived: bytes) -> None:
        """Take in what a child wrote.

        Raises:
            ValueError: it is not what a child of ours writes.
        """
        self._unread += arrived
        while not (self.complete or self.paused) and len(self._unread) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._unread)
            if length > _MOST_MESSAGE_BYTES:
                raise ValueError("a message that is too long")
            message = self._unread[_LENGTH.size : _LENGTH.size + length]
            if len(message) < length:
                return
            self._unread = self._unread[_LENGTH.size + length :]
            try:
                self._take(json.loads(message))
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError("a message of another shape") from error

    def skip_page(self) -> None:
        """The next page cannot be drawn: its child died, or never came to an end."""
        if self.done >= len(self._order):
            self._give_up()
            return
        self._miss()

    def stop(self) -> None:
        """No time is left for the next page."""
        page = self._order[self.done] if self.done < len(self._order) else 1
        self._findings.append(Observation.of("PAGE_PICTURES_STOPPED", page=page))
        self.complete = True

    def pictures(self) -> PagePictures:
        """All of it."""
        pairs = sorted(self._pairs, key=lambda pair: pair.page)
        return PagePictures(self.field, tuple(pairs), self._compared, tuple(self._findings))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("end") is True:
            self.complete = True
            return
        if message.get("impossible") is True:
            self._give_up()
            return
        if message.get("pause") is True:
            if self.done == self._begun_at:
                raise ValueError("a pause before any page")
            self.paused = True
            return
        if "opened" in message:
            self._open(message["opened"], message["first"])
            return
        if self.done >= len(self._order) or message["page"] != self._order[self.done]:
            raise ValueError("a page out of its turn")
        if message["result"] == "missing":
            self._miss()
            return
        if message["result"] == "differs" and not self._keep(_pair_of(message)):
            return
        self._compared += 1
        self.done += 1

    def _open(self, pages: int, first: list[int]) -> None:
        if not 0 < pages <= _MOST_PAGES or not set(first) <= set(range(1, pages + 1)):
            raise ValueError("pages that are none")
        self._order = self._order or _order(pages, sorted(set(first)))

    def _give_up(self) -> None:
        self._findings.append(Observation("PAGE_PICTURES_IMPOSSIBLE"))
        self.complete = True

    def _keep(self, pair: PagePair) -> bool:
        self._bytes += len(pair.before or b"") + len(pair.after or b"")
        self._bytes += sum(len(each.before) + len(each.after) for each in pair.details)
        held = self._keep_elsewhere is None
        most = _MOST_PICTURE_BYTES if held else _MOST_KEPT_BYTES
        if self._bytes > most or (held and len(self._pairs) == _MOST_PAIRS):
            self.stop()
            return False
        if self._keep_elsewhere is None:
            self._pairs.append(pair)
        else:
            self._keep_elsewhere(pair)
        return True

    def _miss(self) -> None:
        self._findings.append(Observation.of("PAGE_PICTURE_MISSING", page=self._order[self.done]))
        self._missing += 1
        self.done += 1
        if self._missing == _MOST_MISSING and self.done < len(self._order):
            self.stop()


def _to_json(step: Step) -> dict[str, Any]:
    message: dict[str, Any] = {"page": step.page, "result": step.result}
    if step.pair is not None:
        for name, picture in (("before", step.pair.before), ("after", step.pair.after)):
            message[name] = None if picture is None else b64encode(picture).decode("ascii")
        message["places"] = [_sides(each) for each in step.pair.places]
        message["details"] = [
            {
                "place": _sides(each.place),
                "before": b64encode(each.before).decode("ascii"),
                "after": b64encode(each.after).decode("ascii"),
            }
            for each in step.pair.details
        ]
    return message


def _sides(place: Place) -> list[float]:
    return [place.left, place.top, place.right, place.bottom]


def _pair_of(message: dict[str, Any]) -> PagePair:
    pictures = [None if message[name] is None else _picture_of(message[name]) for name in ("before", "after")]
    return PagePair(
        message["page"],
        pictures[0],
        pictures[1],
        tuple(_place_of(each) for each in message["places"]),
        tuple(
            Detail(_place_of(each["place"]), _picture_of(each["before"]), _picture_of(each["after"]))
            for each in message["details"]
        ),
    )


def _place_of(values: list[Any]) -> Place:
    place = Place(*(float(value) for value in values))
    if not (0 <= place.left <= place.right <= 1 and 0 <= place.top <= place.bottom <= 1):
        raise ValueError("a place beside the page")
    return place


def _picture_of(text: str) -> bytes:
    picture = b64decode(text, validate=True)
    if not picture.startswith(_PNG):
        raise ValueError("no PNG")
    return picture
