"""From the ``/Contents`` of a signature to its answer, whatever its ``/SubFilter`` says it is.

ISO 32000-2, 12.8.3 and table 255; ETSI EN 319 142-1. The name says how the bytes are bound to the document;
where it is missing or unknown, the CMS itself shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifier.algorithms import (
    Mechanism,
    Message,
    UnknownAlgorithm,
    matching_digest,
    weakness_of_digest,
    weakness_of_key,
    worst,
)
from verifier.ber import BerError, read_element
from verifier.certificate import Certificate, read_certificate
from verifier.cms import (
    ID_TST_INFO,
    MALFORMED,
    CmsAnswer,
    Elsewhere,
    SignedData,
    judge,
    judge_certificate,
    nowhere,
    read_signed_data,
)
from verifier.timestamps import Token, judge_read_token, judge_token

CADES, TIME_STAMP = "ETSI.CAdES.detached", "ETSI.RFC3161"
_DIGEST_INSIDE, _BARE = "adbe.pkcs7.sha1", "adbe.x509.rsa_sha1"
_DETACHED = frozenset(("adbe.pkcs7.detached", CADES))


@dataclass(frozen=True)
class Judged:
    """The answer on one ``/Contents``.

    ``tail`` is the number of bytes behind the CMS, from the first that is no padding, to the last that is
    none: nobody signed them. ``is_time_stamp`` says that it is a document time-stamp.
    """

    answer: CmsAnswer
    tokens: tuple[Token, ...] = ()
    tail: int = 0
    is_time_stamp: bool = False


def judge_contents(
    contents: bytes,
    sub_filter: str,
    message: Message,
    *,
    certificate_entry: Sequence[bytes] = (),
    elsewhere: Elsewhere = nowhere,
) -> Judged:
    """Whether ``message`` is what the signature in ``contents`` was made over, and its time-stamps.

    Args:
        contents: the value of ``/Contents``, padding included.
        sub_filter: the name without its slash; empty where there is none.
        message: the bytes that the ByteRange covers.
        certificate_entry: ``/Cert``, each as DER; the first is the signer's.
        elsewhere: further certificates, asked only where the signature does not bring its own.

    Never raises for what the file holds, `MemoryError` excepted.
    """
    try:
        outer = read_element(contents)
        # Zeros are the room that was left; anything else is a hiding place that no signature covers.
        tail = len(contents[outer.end :].strip(b"\0"))
        entry = _certificates(certificate_entry)
        if outer.tag & ~0x20 == 0x04 and sub_filter not in _DETACHED | {_DIGEST_INSIDE, TIME_STAMP}:
            return Judged(_judge_bare(outer.octets(), message, entry), tail=tail)
        signed_data = read_signed_data(contents)

        def pool() -> Sequence[Certificate]:
            return (*entry, *elsewhere())

        if sub_filter == TIME_STAMP or (
            sub_filter not in _DETACHED | {_DIGEST_INSIDE, _BARE} and signed_data.content_type == ID_TST_INFO
        ):
            token = judge_read_token(signed_data, message, pool, role="document")
            return Judged(token.answer, (token,), tail, is_time_stamp=True)
        return _judge_signature(signed_data, sub_filter, message, pool, tail)
    except (BerError, IndexError, RecursionError):
        return Judged(MALFORMED, is_time_stamp=sub_filter == TIME_STAMP)


def _certificates(entry: Sequence[bytes]) -> tuple[Certificate, ...]:
    found = []
    for string in entry:
        rest = bytes(string)
        try:
            # One string may hold a whole chain, one certificate behind the other.
            while rest.strip(b"\0"):
                end = read_element(rest).end
                found.append(read_certificate(rest[:end]))
                rest = rest[end:]
        except (BerError, IndexError):
            continue  # one that cannot be read vouches for nobody
    return tuple(found)


def _judge_signature(
    signed_data: SignedData, sub_filter: str, message: Message, elsewhere: Elsewhere, tail: int
) -> Judged:
    content = signed_data.content
    if content is not None and signed_data.content_type == ID_TST_INFO:
        return Judged(MALFORMED, tail=tail)  # a time-stamp in a signature's place
    digest_inside = sub_filter == _DIGEST_INSIDE or (
        sub_filter not in _DETACHED and content is not None and len(content) == 20
    )
    if digest_inside and content is not None:
        # ISO 32000-1, 12.8.3.3.1: the SHA-1 of the range is the content that was signed.
        digest = message.digest("sha1")
        answer = judge(signed_data, Message(content), elsewhere)
        if answer.integrity == "intact":
            answer = replace(answer, weakness=worst([answer.weakness, weakness_of_digest("sha1")]))
        if content != digest and answer.integrity != "undetermined":
            answer = replace(
                answer, integrity="broken", subindication="HASH_FAILURE", finding="CONTENT_CHANGED"
            )
    elif digest_inside:
        answer = judge(signed_data, Message(message.digest("sha1")), elsewhere)
        if answer.integrity == "broken":
            # Named so, but made like a detached one.
            answer = judge(signed_data, message, elsewhere)
        elif answer.integrity == "intact":
            answer = replace(answer, weakness=worst([answer.weakness, weakness_of_digest("sha1")]))
    else:
        # Whatever it carries along is not looked at: the signature has to be over the range itself.
        answer = judge(signed_data, message, elsewhere)
        if content:
            answer = replace(answer, notes=(*answer.notes, "eContent"))
    tokens = [judge_token(each, Message(answer.value), elsewhere) for each in answer.unsigned.time_stamps]
    tokens += [judge_token(each, message, elsewhere, role="content") for each in answer.signed.time_stamps]
    return Judged(answer, tuple(tokens), tail)


def _judge_bare(value: bytes, message: Message, entry: tuple[Certificate, ...]) -> CmsAnswer:
    """``adbe.x509.rsa_sha1``: PKCS #1 over the range, certificates in ``/Cert`` (12.8.3.2).

    The name says SHA-1; later editions allow others, which the signature value itself names.
    """
    if not entry:
        return CmsAnswer("undetermined", "NO_SIGNING_CERTIFICATE_FOUND", "SIGNER_CERTIFICATE_MISSING")
    certificate = entry[0]
    base = CmsAnswer("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", "key", certificate, entry)
    try:
        used = matching_digest(certificate.public_key, value, message)
        if used is None:
            return replace(
                base, integrity="broken", subindication="SIG_CRYPTO_FAILURE", finding="SIGNATURE_INVALID"
            )
        weakness = worst([weakness_of_digest(used), weakness_of_key(certificate.public_key)])
    except UnknownAlgorithm as error:
        return replace(base, what=str(error))
    intact = replace(
        base, integrity="intact", subindication=None, finding=None, what="", weakness=weakness, value=value,
        form=message, mechanism=Mechanism("rsa", used),
    )  # fmt: skip
    return judge_certificate(intact, entry)
