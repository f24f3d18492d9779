"""Answers about our own certificates: asked for once, kept for all, refused where they are worth nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from keys.software import SoftwareKey
from signer.levels import Link
from signer.revocation import (
    CertificateRevoked,
    NoRevocationSource,
    Revocation,
    RevocationUnavailable,
    over_http,
)
from storage.register import Register
from tests.keys.certificates import DAY, NOW, certificate, p256, root
from tests.keys.responder import Responder, responder


class Clock:
    """Ours, which a test can move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def authority() -> SoftwareKey:
    return root("Akar Uji")


@pytest.fixture
def asked(authority: SoftwareKey) -> Iterator[Responder]:
    with responder(authority) as running:
        yield running


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


def link(authority: SoftwareKey, *extensions: tuple[x509.ExtensionType, bool]) -> Link:
    made = certificate(p256(), issuer=authority, name="Penanda", extensions=extensions, ends=NOW + 100 * DAY)
    return Link(der(made), der(authority.certificate))


def names_responder(url: str) -> tuple[x509.ExtensionType, bool]:
    description = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
    )
    return x509.AuthorityInformationAccess([description]), False


def serial(of: Link) -> int:
    return x509.load_der_x509_certificate(of.certificate).serial_number


def test_an_answer_is_asked_for_once_and_shared(
    register: Register, authority: SoftwareKey, asked: Responder
) -> None:
    one = link(authority, names_responder(asked.url))
    first = Revocation(register.engine, over_http).collect([one])
    assert (len(first.ocsps), len(first.crls), len(first.certificates), asked.asked) == (1, 0, 2, 1)
    # Another worker, and one that was started anew.
    assert Revocation(register.engine, over_http).collect([one]) == first
    assert asked.asked == 1


def test_an_answer_serves_until_it_ends(register: Register, authority: SoftwareKey, asked: Responder) -> None:
    clock, one = Clock(), link(authority)
    revocation = Revocation(register.engine, over_http, responders=[asked.url], clock=clock)
    revocation.collect([one])
    clock.ahead = asked.life - timedelta(minutes=5)
    revocation.collect([one])
    assert asked.asked == 1
    clock.ahead = asked.life + timedelta(minutes=1)
    asked.answer = lambda request: (200, asked.honest(request, now=clock()))
    revocation.collect([one])
    assert asked.asked == 2


def test_answers_are_refreshed_ahead_of_need(
    register: Register, authority: SoftwareKey, asked: Responder
) -> None:
    clock, one = Clock(), link(authority)
    revocation = Revocation(register.engine, over_http, responders=[asked.url], clock=clock)
    revocation.collect([one])
    assert revocation.refresh() == 0
    clock.ahead = asked.life * 0.8
    asked.answer = lambda request: (200, asked.honest(request, now=clock()))
    assert revocation.refresh() == 1
    asked.answer = lambda request: (503, b"")
    # The responder is gone, and nobody waits for it.
    clock.ahead = asked.life * 1.5
    assert len(revocation.collect([one]).ocsps) == 1
    assert revocation.refresh() == 0
    # What nobody has needed for a month is left to end.
    clock.ahead = timedelta(days=40)
    before = asked.asked
    assert (revocation.refresh(), asked.asked) == (0, before)


def test_a_revoked_certificate_is_refused_from_then_on(
    register: Register, authority: SoftwareKey, asked: Responder
) -> None:
    one = link(authority)
    revocation = Revocation(register.engine, over_http, responders=[asked.url])
    path = [x509.load_der_x509_certificate(one.certificate), authority.certificate]
    revocation.refuse_revoked(path)
    asked.revoked[serial(one)] = NOW - DAY
    with pytest.raises(CertificateRevoked, match="revoked on"):
        revocation.collect([one])
    with pytest.raises(CertificateRevoked):
        revocation.refuse_revoked(path)
    with pytest.raises(CertificateRevoked):
        revocation.collect([one])
    assert asked.asked == 1
    # A signature that was made before stays provable: the answer is its proof.
    assert len(revocation.collect([one], accept_revoked=True).ocsps) == 1


def test_refreshing_finds_a_revocation(register: Register, authority: SoftwareKey, asked: Responder) -> None:
    clock, one, other = Clock(), link(authority), link(authority)
    revocation = Revocation(register.engine, over_http, responders=[asked.url], clock=clock)
    revocation.collect([one, other])
    asked.revoked[serial(one)] = NOW - timedelta(hours=1)
    clock.ahead = asked.life * 0.9
    asked.answer = lambda request: (200, asked.honest(request, now=clock()))
    with pytest.raises(CertificateRevoked):
        revocation.refresh()
    assert asked.asked == 4, "the other one is asked about all the same"


@pytest.mark.parametrize(
    "wrong",
    ["garbage", "error", "other certificate", "stranger", "ended", "early", "unauthorized", "silent"],
)
def test_an_answer_that_is_worth_nothing_is_none(
    register: Register, authority: SoftwareKey, asked: Responder, wrong: str
) -> None:
    one, other = link(authority), link(authority)
    stranger = Responder([SoftwareKey("root", authority.certificate, (), p256())])
    revocation = Revocation(register.engine, over_http, responders=[asked.url])

    def answer(request: bytes) -> tuple[int, bytes]:
        match wrong:
            case "garbage":
                return 200, b"<html>Log in first</html>"
            case "error":
                return 500, b""
            case "other certificate":
                from signer.revocation import _request

                about = x509.load_der_x509_certificate(other.certificate)
                return 200, asked.honest(_request(about, other))
            case "stranger":
                return 200, stranger.honest(request)
            case "ended":
                return 200, asked.honest(request, now=datetime.now(UTC) - 2 * asked.life)
            case "early":
                return 200, asked.honest(request, now=datetime.now(UTC) + timedelta(hours=1))
            case "unauthorized":
                return 200, b"\x30\x03\x0a\x01\x06"
        return 200, b""

    asked.answer = answer
    with pytest.raises(RevocationUnavailable):
        revocation.collect([one])
    asked.answer = None
    revocation_of_another_worker = Revocation(register.engine, over_http, responders=[asked.url])
    assert len(revocation_of_another_worker.collect([one]).ocsps) == 1


def test_where_nobody_can_be_asked_waiting_does_not_help(register: Register, authority: SoftwareKey) -> None:
    with pytest.raises(NoRevocationSource, match="ABSAH_OCSP_URL"):
        Revocation(register.engine, over_http).collect([link(authority)])


def test_a_list_serves_as_well(register: Register, authority: SoftwareKey) -> None:
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.example/akar.crl")], None, None, None
    )
    one = link(authority, (x509.CRLDistributionPoints([point]), False))
    revoked = link(authority, (x509.CRLDistributionPoints([point]), False))
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(NOW - timedelta(minutes=1))
        .next_update(NOW + DAY)
        .add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial(revoked)).revocation_date(NOW - DAY).build()
        )
        .sign(authority.private, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    asked = []

    def ask(kind: str, url: str, request: bytes | None) -> bytes:
        asked.append((kind, url, request))
        return crl

    revocation = Revocation(register.engine, ask)
    assert revocation.collect([one]).crls == (crl,)
    assert asked == [("CRL", "http://crl.example/akar.crl", None)]
    with pytest.raises(CertificateRevoked):
        revocation.collect([revoked])
