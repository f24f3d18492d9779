"""The file half of the public check, on what is about to become evidence."""

from __future__ import annotations

from collections.abc import Callable

from storage.vocabulary import AbsahError
from verifier.report import FileAnswer, is_sound
from verifier.words import finding_severity

# What is told of a signature without time-stamp; whether one was promised, the level says.
_WITHOUT_TIME_STAMP = frozenset({"TIME_CLAIMED"})


class SelfCheckFailed(AbsahError):
    """Our own verifier would not accept what we were about to issue."""

    code = "SELF_CHECK_FAILED"


def check_file(inspect: Callable[[bytes], FileAnswer], pdf: bytes, signatures: int) -> FileAnswer:
    """What ``inspect`` finds in the file.

    Raises:
        SelfCheckFailed: it is not what we meant to make: so many signatures, intact, trusted, and no doubt.
    """
    answer = inspect(pdf)
    found = (each.code for each in answer.findings if finding_severity(each.code) != "info")
    doubts = [code for code in found if code not in _WITHOUT_TIME_STAMP]
    signers = [each for each in answer.signatures if each.kind != "document_timestamp"]
    if not all(map(is_sound, answer.signatures)) or doubts or len(signers) != signatures:
        raise SelfCheckFailed(f"Our own check refused the signed file: {', '.join(doubts) or 'signature'}.")
    return answer
