"""Time-stamp tokens: what they stamp, when, and whether their own signature holds (RFC 3161, RFC 5816)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from verifier.algorithms import Message, UnknownAlgorithm, digest_name, weakness_of_digest, worst
from verifier.ber import INTEGER, SEQUENCE, BerError, read_element
from verifier.cms import ID_TST_INFO, CmsAnswer, Elsewhere, SignedData, judge, nowhere, read_signed_data

Role = Literal["signature", "content", "document"]
_BROKEN = CmsAnswer("broken", "FORMAT_FAILURE", "TIMESTAMP_BROKEN")


@dataclass(frozen=True)
class Token:
    """A time-stamp: its CMS judged, its stated time, and what it stamps.

    ``signature``: the value of a signature, which therefore existed by then; ``content``: the document
    before it was signed, so that the signature was made after; ``document``: all of a revision.
    """

    answer: CmsAnswer
    time: datetime | None
    role: Role = "signature"

    @property
    def intact(self) -> bool:
        """Whether the token is unbroken and stamps the right thing."""
        return self.answer.integrity == "intact" and self.time is not None

    @property
    def lacks_certificate(self) -> bool:
        """Whether it stamps the right thing and lacks the certificate that would show who made it.

        RFC 3161, 2.4.1 lets a requester do without. Such a token proves nothing; it is not wrong either.
        """
        return self.answer.finding == "SIGNER_CERTIFICATE_MISSING" and self.time is not None


def judge_token(
    data: bytes, message: Message, elsewhere: Elsewhere = nowhere, *, role: Role = "signature"
) -> Token:
    """A time-stamp token over ``message``: its own signature, and that its imprint is that of the message.

    Never raises for what the token holds.
    """
    try:
        signed_data = read_signed_data(_unwrapped(data))
    except (BerError, IndexError):
        return Token(_BROKEN, None, role)
    return judge_read_token(signed_data, message, elsewhere, role=role)


def judge_read_token(
    signed_data: SignedData, message: Message, elsewhere: Elsewhere = nowhere, *, role: Role
) -> Token:
    """`judge_token` for a token that has been read."""
    try:
        if signed_data.content_type != ID_TST_INFO or signed_data.content is None:
            raise BerError("no time-stamp")
        # PKCS #7 tokens hold the TSTInfo without an OCTET STRING around; then its own tag is missing here.
        fields = read_element(signed_data.content).expect(SEQUENCE).children
        imprint = fields[2].expect(SEQUENCE).children
        fields[3].expect(INTEGER)
        time = fields[4].time()
        stated = imprint[1].octets()
        algorithm = digest_name(imprint[0].children[0].oid())
        expected = message.digest(algorithm)
    except UnknownAlgorithm as error:
        return Token(CmsAnswer("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", str(error)), None, role)
    except (BerError, IndexError):
        return Token(_BROKEN, None, role)
    answer = judge(signed_data, Message(signed_data.content), elsewhere)
    if stated != expected:
        return Token(
            replace(answer, integrity="broken", subindication="HASH_FAILURE", finding="TIMESTAMP_BROKEN"),
            time,
            role,
        )
    return Token(
        replace(answer, weakness=worst([answer.weakness, weakness_of_digest(algorithm)])), time, role
    )


def _unwrapped(data: bytes) -> bytes:
    """The token of a whole TimeStampResp, which some signers embed instead (RFC 3161, 2.4.2)."""
    parts = read_element(data).expect(SEQUENCE).children
    if len(parts) == 2 and parts[0].tag == SEQUENCE and parts[0].children[0].tag == INTEGER:
        return parts[1].raw
    return data
