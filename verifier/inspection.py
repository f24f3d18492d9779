"""One file through the sandbox, and once more where listed addresses can tell what the file does not.

A place in the sandbox is held only while the file is open, never while an address is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from storage.vocabulary import Unavailable
from verifier.report import FileAnswer, Observation
from verifier.revocation_exchange import NO_ANSWERS, RevocationAnswers

if TYPE_CHECKING:
    from verifier.revocation_source import RevocationSource

# An answer within ten seconds, all in all; three of them are for addresses.
SECONDS = 9.0
_ASKING_SECONDS = 3.0
_LEAST_SECONDS = 0.2
# What a responder could not tell, a list may; that is judged a second time.
_ROUNDS = 2


class Inspector(Protocol):
    """What opens a stranger's file: a sandbox."""

    def inspect_now(
        self,
        pdf: bytes,
        *,
        anchors: Sequence[bytes],
        moment: datetime,
        password: str | None = None,
        in_detail: bool = False,
        revocation: RevocationAnswers = NO_ANSWERS,
        seconds: float | None = None,
    ) -> FileAnswer:
        """What the file shows by itself, with ``revocation`` beside it, within so many seconds.

        Raises:
            Unavailable: too many files are being checked, or the sandbox cannot run.
        """
        ...


def inspect_asking(
    sandbox: Inspector,
    pdf: bytes,
    source: RevocationSource | None,
    *,
    anchors: Sequence[bytes],
    moment: datetime,
    password: str | None,
    in_detail: bool = False,
    seconds: float = SECONDS,
) -> FileAnswer:
    """What the file shows, with the revocation that ``source`` could learn; None asks nobody.

    ``in_detail`` is that of `verifier.by_file.inspect`; ``seconds`` are for waiting and opening, all in all.
    Whatever an address does, the answer is at least the one that the file gives by itself.

    Raises:
        Unavailable: as `Inspector.inspect_now`, for the first time that the file is opened.
    """
    began = monotonic()
    answer = sandbox.inspect_now(
        pdf, anchors=anchors, moment=moment, password=password, in_detail=in_detail, seconds=seconds
    )
    took = monotonic() - began
    if source is None or not source.kinds(answer.revocation_needs):
        return answer
    crls: dict[bytes, None] = {}
    ocsps: dict[bytes, None] = {}
    asking = _ASKING_SECONDS
    for _ in range(_ROUNDS):
        started = monotonic()
        # Judging once more takes about as long as it took.
        left = min(asking, began + SECONDS - started - took)
        if left < _LEAST_SECONDS:
            return _with(answer, Observation("REVOCATION_NO_TIME"))
        gathered = source.gather(answer.revocation_needs, left, tried={*crls, *ocsps})
        asking -= monotonic() - started
        if not gathered.answers:
            break
        crls.update(dict.fromkeys(gathered.answers.crls))
        ocsps.update(dict.fromkeys(gathered.answers.ocsps))
        try:
            again = sandbox.inspect_now(
                pdf,
                anchors=anchors,
                moment=moment,
                password=password,
                in_detail=in_detail,
                revocation=RevocationAnswers(tuple(crls), tuple(ocsps)),
                seconds=max(began + SECONDS - monotonic(), _LEAST_SECONDS),
            )
        except Unavailable:
            return _with(answer, Observation("REVOCATION_NO_TIME"))
        if not again.readable:
            # It was readable before, so the time ran out, or what an address sent takes too long to read.
            source.learn(gathered, (), moment)
            return _with(answer, Observation("REVOCATION_NO_TIME"))
        source.learn(gathered, again.revocation_used, moment)
        answer = again
        if not source.kinds(answer.revocation_needs):
            break
    told = [Observation("REVOCATION_ASKED")] if answer.revocation_used else []
    told += [
        Observation.of("REVOCATION_NO_ANSWER", what=kind) for kind in source.kinds(answer.revocation_needs)
    ]
    return _with(answer, *told)


def _with(answer: FileAnswer, *more: Observation) -> FileAnswer:
    return replace(answer, findings=(*answer.findings, *more))
