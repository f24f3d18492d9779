"""Signatures that somebody else wrote: the check of a provider's reply, before anything is made of it.

Pure functions over bytes. What comes back from a provider may be our frozen document with one invisible
signature of the expected certificate behind it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from storage.vocabulary import AbsahError
from verifier.algorithms import Message
from verifier.attributes import read_unsigned
from verifier.ber import BerError
from verifier.cms import SignedData, judge, read_signed_data
from verifier.comparison import Comparison
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Reference
from verifier.pdf.syntax import object_number
from verifier.report import FileAnswer
from verifier.signature_fields import Locks, SignatureField, find_signatures, terminal_fields, text

# A signature, then perhaps validation data in a revision of its own (EN 319 142-1, 5.4).
_MOST_REVISIONS = 2
_UNSIGNED = 0xA1  # unsignedAttrs [1] of a SignerInfo (RFC 5652, 5.3)
_SIGNING = Locks(permission=2)  # what a certification with P=2 allows (ISO 32000-2, table 257)


class ProviderRefused(AbsahError):
    """A provider answered with something that we did not ask for; nothing is issued with it.

    ``PROVIDER_ALTERED`` another document, or ours with more than a signature · ``PROVIDER_VISIBLE`` the
    signature is drawn on a page · ``PROVIDER_UNSIGNED`` no signature · ``PROVIDER_SIGNER`` a signature of
    another key · ``PROVIDER_BROKEN`` one that does not hold.
    """

    code = "PROVIDER_ALTERED"


@dataclass(frozen=True)
class CheckedReply:
    """A reply that holds: the SHA-256 over what its signature covers, and when it was proven to be made.

    ``field`` is the name of the signature's field, ``cms`` its value.
    """

    covered_digest: bytes
    proven_at: datetime | None
    field: str
    cms: bytes


def check_reply(
    frozen: bytes, reply: bytes, certificate: x509.Certificate, inspect: Callable[[bytes], FileAnswer]
) -> CheckedReply:
    """Check a signed PDF against the bytes that were sent.

    Args:
        frozen: what was sent.
        reply: what came back.
        certificate: the only one that may have signed.
        inspect: the file half of the public check.

    Raises:
        ProviderRefused: with the reason.
    """
    # (1) Our bytes, and something behind them.
    if not reply.startswith(frozen):
        raise ProviderRefused("The provider returned another document than was sent.")
    if not reply[len(frozen) :].strip():
        raise ProviderRefused("The provider returned the document unsigned.", code="PROVIDER_UNSIGNED")

    # (2) In it one signature more, of no size, and nothing else that differs.
    try:
        before, after = File(frozen).whole(), File(reply).whole()
        new = _new_signature(before, after)
        _check_additions(before, after, new)
    except ProviderRefused:
        raise
    except Exception as problem:  # readers raise anything on what nobody foresaw
        raise ProviderRefused(
            f"The provider returned a document that cannot be read ({type(problem).__name__})."
        ) from problem

    # (3) It holds by the expected certificate, and covers all of our bytes.
    covered = _covered(reply, after.resolve_all(new.dictionary.get("ByteRange")), len(frozen))
    contents = after.resolve(new.dictionary.get("Contents"))
    cms = contents if isinstance(contents, bytes) else b""
    _check_signer(cms, covered, certificate)

    # (4) Our own verifier sees the same, of the earlier signatures too, and nothing forbidden behind any.
    answer = inspect(reply)
    found = [each for each in answer.signatures if each.field == new.name]
    if len(found) != 1 or any(each.integrity != "intact" for each in answer.signatures):
        raise ProviderRefused("The provider's signature does not hold.", code="PROVIDER_BROKEN")
    if any(
        each.changes not in ("none", "permitted") or each.covers == "partial" for each in answer.signatures
    ):
        raise ProviderRefused("The provider's signature does not cover the document as it came back.")
    stamped = found[0].signed_at if found[0].signed_at_source == "timestamp" else None
    proven_at = datetime.fromisoformat(stamped) if stamped else None
    return CheckedReply(covered.digest("sha256"), proven_at, new.name, cms)


def check_cms(cms: bytes, covered: Message, certificate: x509.Certificate) -> bool:
    """Check a CMS that a provider wrote over a document of ours; returns whether it has a time-stamp.

    ``covered`` is what the signature covers.

    Raises:
        ProviderRefused: ``PROVIDER_BROKEN`` or ``PROVIDER_SIGNER``.
    """
    signed_data = _check_signer(cms, covered, certificate)
    if signed_data.end != len(cms):
        raise ProviderRefused("The provider's CMS goes on behind its end.", code="PROVIDER_BROKEN")
    unsigned = [part.children for part in signed_data.signers[0].children if part.tag == _UNSIGNED]
    return any(read_unsigned(each).time_stamps for each in unsigned)


def _new_signature(before: Document, after: Document) -> SignatureField:
    """The one signature that is new; those that were there stand as they stood."""
    if after.encrypted or set(after.doubts) - set(before.doubts):
        raise ProviderRefused("The provider returned a document whose structure is not in order.")
    old, now = find_signatures(before), find_signatures(after)
    known = [each.dictionary.get("Contents") for each in old]
    new = [each for each in now if each.dictionary.get("Contents") not in known]
    if not new:
        raise ProviderRefused("The provider returned the document unsigned.", code="PROVIDER_UNSIGNED")
    if len(new) != 1 or len(now) != len(old) + 1:
        raise ProviderRefused("The provider returned a document with other signatures than one more.")
    return new[0]


def _check_additions(before: Document, after: Document, new: SignatureField) -> None:
    added = [section for section in after.chain.sections if section.start >= before.end]
    if not 1 <= len(added) <= _MOST_REVISIONS or len(after.chain.sections) != (
        len(before.chain.sections) + len(added)
    ):
        raise ProviderRefused("The provider returned a document with other revisions than one more.")
    if any(section.is_irregular or section.hidden_start is not None for section in added):
        raise ProviderRefused("The provider wrote a revision that programs read in several ways.")
    _check_places(before, after)
    _check_fields(before, after, new)
    if _is_visible(after, new):
        raise ProviderRefused("The provider drew its signature on a page.", code="PROVIDER_VISIBLE")
    comparison = Comparison(before, after, new.name, _SIGNING, exact=True)
    outcome = comparison.run()
    if outcome.weight != "permitted" or comparison.shows or comparison.drawn:
        raise ProviderRefused("The provider changed more than it takes to sign.")


def _check_places(before: Document, after: Document) -> None:
    """Every object that is new or written again stands in the added bytes, where the section says."""
    for number in after.entries_changed_since(before):
        entry = after.entries.get(number)
        if entry is None or entry == before.entries.get(number):
            continue
        if entry.container is not None:
            entry = after.entries.get(entry.container)
        if (
            entry is None
            or entry.offset < before.end
            or after.other_readings(number) != ()
            or object_number(after.file.data, entry.offset) is None
        ):
            raise ProviderRefused("The provider's revision leads back into the signed bytes, or astray.")


def _check_fields(before: Document, after: Document, new: SignatureField) -> None:
    """One field more, or one that waited; the others are the same."""
    old = [name for name, *_ in terminal_fields(before)]
    now = [name for name, *_ in terminal_fields(after)]
    waiting = {
        text(before.resolve(field.get("T")))
        for _, _, field, kind in terminal_fields(before)
        if kind == "Sig" and "V" not in field
    }
    if new.name in waiting:
        raise ProviderRefused("The provider signed in a place that is kept for somebody else.")
    if sorted(now) != sorted([*old, new.name]):
        raise ProviderRefused("The provider returned a document with other fields than one more.")


def _is_visible(document: Document, field: SignatureField) -> bool:
    kids = document.resolve(field.field.get("Kids"))
    widgets: Sequence[Any] = kids if isinstance(kids, list) and kids else [field.field]
    return any(_has_size(document.get(each, "Rect")) for each in widgets) or any(
        isinstance(each, Reference)
        and each.number == (field.reference.number if field.reference else -1)
        and _has_size(document.get(each, "Rect"))
        for _, page in document.pages()
        for each in document.resolve(page.get("Annots")) or ()
    )


def _has_size(rectangle: Any) -> bool:
    if not isinstance(rectangle, list):
        return False
    numbers = [float(each) for each in rectangle if isinstance(each, int | float)]
    return len(numbers) != 4 or (numbers[0] != numbers[2] and numbers[1] != numbers[3])


def _covered(reply: bytes, byte_range: Any, frozen_end: int) -> Message:
    """What the signature covers: from the first byte to behind our own, all but its own value."""
    try:
        origin, start, end, rest = byte_range
        view = memoryview(reply)
        if origin == 0 and frozen_end <= start < end and 0 < rest <= len(reply) - end:
            return Message(view[:start], view[end : end + rest])
    except (TypeError, ValueError):
        pass  # neither four numbers nor a range
    raise ProviderRefused("The provider's signature does not cover the document as it came back.")


def _check_signer(cms: bytes, covered: Message, certificate: x509.Certificate) -> SignedData:
    """The one signer of the CMS is the certificate, octet by octet, and signed what is covered."""
    try:
        signed_data = read_signed_data(cms)
    except (BerError, IndexError) as problem:
        raise ProviderRefused("The provider answered with no CMS.", code="PROVIDER_BROKEN") from problem
    if signed_data.content is not None:
        raise ProviderRefused("The provider's CMS is not detached.", code="PROVIDER_BROKEN")
    answer = judge(signed_data, covered)
    if answer.certificate is not None and answer.certificate.der != certificate.public_bytes(Encoding.DER):
        raise ProviderRefused(
            "The provider signed with another certificate than the key list names.", code="PROVIDER_SIGNER"
        )
    if answer.integrity != "intact":
        raise ProviderRefused("The provider's signature does not hold.", code="PROVIDER_BROKEN")
    return signed_data
