"""An authority that lies in every way we could think of, and what we answer."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.cms import ID_DATA, ID_TST_INFO, element, signed_attributes, signed_data
from keys.development import DevelopmentKeyRing, create
from keys.provider import SigningKey
from keys.software import SoftwareKey
from keys.timestamp_server import DevelopmentTimeStampAuthority, server
from signer.timestamp import (
    TimeStampAuthority,
    TimestampRefused,
    TimestampUnavailable,
    http_transport,
)
from tests.keys.certificates import DAY, NOW, certificate, p256, root
from tests.keys.serving import serving
from verifier.ber import read_whole

DATA = b"nilai tanda tangan"
IMPRINT = hashlib.sha256(DATA).digest()
TIME_STAMPING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)


@dataclass(frozen=True)
class Pki:
    root: SoftwareKey
    tsa: SoftwareKey


def tsa_key(
    issuer: SoftwareKey, *extensions: tuple[x509.ExtensionType, bool], ends: datetime = NOW + DAY
) -> SoftwareKey:
    private = p256()
    made = certificate(
        private, issuer=issuer, name="TSA", usage=("digital_signature",), extensions=extensions, ends=ends
    )
    return SoftwareKey("tsa", made, (issuer.certificate,), private)


@pytest.fixture(scope="module")
def pki() -> Pki:
    authority = root()
    return Pki(authority, tsa_key(authority, TIME_STAMPING))


def parts_of(encoded: bytes) -> list[bytes]:
    return [each.raw for each in read_whole(encoded).children]


def reply(
    request: bytes,
    key: SigningKey,
    *,
    change: Callable[[dict[str, object]], dict[str, object]] = dict,
    named: x509.Certificate | None = None,
    content_type: str = ID_TST_INFO,
    attribute_type: str = ID_TST_INFO,
    certificates: tuple[x509.Certificate, ...] | None = None,
    digest: bytes | None = None,
    signature: Callable[[bytes], bytes] | None = None,
    write_info: Callable[[list[bytes]], list[bytes]] = list,
    write_attributes: Callable[[list[bytes]], list[bytes]] = list,
) -> bytes:
    """A granted response to ``request``, honest but for what the arguments say."""
    asked = tsp.TimeStampReq.load(request)
    info = tsp.TSTInfo(
        change(
            {
                "version": "v1",
                "policy": "2.999.1",
                "message_imprint": asked["message_imprint"],
                "serial_number": 1,
                "gen_time": NOW,
                "nonce": asked["nonce"].native,
            }
        )
    ).dump()
    info = element(0x30, *write_info(parts_of(info)))
    attributes = signed_attributes(
        named or key.certificate, attribute_type, digest or hashlib.sha256(info).digest()
    )
    attributes = element(0x31, *write_attributes(parts_of(attributes)))
    return granted(
        signed_data(
            key.certificate,
            key.algorithm,
            attributes,
            (signature or key.sign)(attributes),
            content_type=content_type,
            content=info,
            certificates=(key.certificate, *key.chain) if certificates is None else certificates,
        )
    )


def answers(key: SigningKey, **lies: Any) -> Callable[[bytes], bytes]:
    return lambda request: reply(request, key, **lies)


def says(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda _: answer


def granted(token: bytes) -> bytes:
    return element(0x30, tsp.PKIStatusInfo({"status": "granted"}).dump(), token)


def status(**fields: object) -> bytes:
    return element(0x30, tsp.PKIStatusInfo(fields).dump())


def authority(pki: Pki, transport: Callable[[bytes], bytes], at: datetime = NOW) -> TimeStampAuthority:
    return TimeStampAuthority(transport, [pki.root.certificate], clock=lambda: at)


def refused(code: str, reason: str = "time-stamp") -> pytest.RaisesExc[TimestampRefused]:
    return pytest.raises(TimestampRefused, match=reason, check=lambda problem: problem.code == code)


def test_an_honest_token_is_believed(pki: Pki) -> None:
    requests: list[bytes] = []

    def transport(request: bytes) -> bytes:
        requests.append(request)
        return reply(request, pki.tsa)

    stamps = authority(pki, transport)
    for _ in range(2):  # the second time the path is remembered
        token = stamps.stamp_digest(IMPRINT)
        assert token.time == NOW
        parsed = cms.ContentInfo.load(token.der, strict=True)["content"]
        info = tsp.TSTInfo.load(bytes(parsed["encap_content_info"]["content"])).native
        assert info["message_imprint"]["hashed_message"] == hashlib.sha256(DATA).digest()
    first, second = (tsp.TimeStampReq.load(each).native for each in requests)
    assert first["cert_req"]
    assert first["nonce"] != second["nonce"]


def changing(**changes: object) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda info: {**info, **changes}


OTHER_IMPRINT = {
    "hash_algorithm": {"algorithm": "sha256"},
    "hashed_message": hashlib.sha256(b"lain").digest(),
}
OTHER_HASH = {"hash_algorithm": {"algorithm": "sha512"}, "hashed_message": hashlib.sha512(DATA).digest()}
CRITICAL = [{"extn_id": "1.2.3.4", "critical": True, "extn_value": b"\x05\x00"}]


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(changing(message_imprint=OTHER_IMPRINT), id="another imprint"),
        pytest.param(changing(message_imprint=OTHER_HASH), id="another hash"),
        pytest.param(changing(nonce=7), id="wrong nonce"),
        pytest.param(lambda info: {k: v for k, v in info.items() if k != "nonce"}, id="no nonce"),
        pytest.param(changing(extensions=CRITICAL), id="unknown critical extension"),
        pytest.param(changing(version="v2"), id="unknown version"),
    ],
)
def test_a_token_about_something_else_is_refused(
    pki: Pki, lie: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    with refused("TSA_INVALID"):
        authority(pki, answers(pki.tsa, change=lie)).stamp_digest(IMPRINT)


ACCURACY = element(0x30, b"\x02\x01\x01")
NOT_ORDERED = b"\x01\x01\x00"


def test_what_a_standard_allows_beside_is_believed(pki: Pki) -> None:
    """Accuracy, an ordering that is said although it is the default, and attributes out of order."""

    def with_more(fields: list[bytes]) -> list[bytes]:
        return [*fields[:5], ACCURACY, NOT_ORDERED, *fields[5:]]

    honest = answers(pki.tsa, write_info=with_more, write_attributes=lambda each: each[::-1])
    assert authority(pki, honest).stamp_digest(IMPRINT).time == NOW


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        pytest.param(
            {"write_info": lambda fields: [*fields, ACCURACY]}, "out of order", id="a field behind its place"
        ),
        pytest.param({"write_info": lambda fields: [*fields, fields[5]]}, "twice", id="two nonces"),
        pytest.param({"write_info": lambda fields: [*fields, b"\x0c\x00"]}, "read", id="an unknown field"),
        pytest.param({"write_info": lambda fields: fields[:4]}, "read", id="no time"),
        pytest.param(
            {"write_info": lambda fields: [*fields[:4], element(0x18, b"20260301090000"), *fields[5:]]},
            "zone",
            id="a time of nowhere",
        ),
        pytest.param(
            {"write_attributes": lambda each: sorted(each, key=len)[:2]}, "does not name", id="no certificate"
        ),
        pytest.param(
            {"write_attributes": lambda each: [*each, each[0]]}, "malformed", id="an attribute twice"
        ),
    ],
)
def test_a_token_that_is_written_otherwise_is_refused(
    pki: Pki, lie: dict[str, Callable[[list[bytes]], list[bytes]]], reason: str
) -> None:
    with refused("TSA_INVALID", reason):
        authority(pki, answers(pki.tsa, **lie)).stamp_digest(IMPRINT)


@pytest.mark.parametrize(
    "distance",
    [
        timedelta(hours=1),
        -timedelta(hours=1),
        timedelta(days=3652),
        timedelta(seconds=301),
        -timedelta(seconds=301),
    ],
)
def test_a_time_far_from_our_clock_is_refused(pki: Pki, distance: timedelta) -> None:
    lie = changing(gen_time=NOW + distance)
    with refused("TSA_TIME"):
        authority(pki, answers(pki.tsa, change=lie)).stamp_digest(IMPRINT)


@pytest.mark.parametrize("distance", [timedelta(seconds=299), -timedelta(seconds=299)])
def test_a_time_near_our_clock_is_believed(pki: Pki, distance: timedelta) -> None:
    near = changing(gen_time=NOW + distance)
    assert authority(pki, answers(pki.tsa, change=near)).stamp_digest(IMPRINT).time == NOW + distance


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<!DOCTYPE html><title>Login</title>",
        bytes(1000),
        bytes(range(256)),
        b"\x30\x80" * 5000,
        element(0x30),
        granted(b""),
        granted(element(0x30)),
        granted(b"\x05\x00"),
    ],
)
def test_garbage_is_refused(pki: Pki, garbage: bytes) -> None:
    with refused("TSA_INVALID"):
        authority(pki, says(garbage)).stamp_digest(IMPRINT)


def test_a_changed_byte_never_yields_another_time_or_another_exception(pki: Pki) -> None:
    def changed_at(position: int) -> Callable[[bytes], bytes]:
        def transport(request: bytes) -> bytes:
            answer = bytearray(reply(request, pki.tsa))
            answer[position % len(answer)] ^= 0x11
            return bytes(answer)

        return transport

    outcomes: list[bool] = []
    for position in range(0, 1300, 7):
        try:
            token = authority(pki, changed_at(position)).stamp_digest(IMPRINT)
        except (TimestampRefused, TimestampUnavailable):
            outcomes.append(False)
        else:
            # Not all is under the signature: the root beside the path, say.
            assert token.time == NOW
            outcomes.append(True)
    assert outcomes.count(False) > len(outcomes) / 2


def test_a_broken_signature_is_refused(pki: Pki) -> None:
    stranger = tsa_key(pki.root, TIME_STAMPING)
    with refused("TSA_INVALID", "broken signature"):
        authority(pki, answers(pki.tsa, signature=stranger.sign)).stamp_digest(IMPRINT)


def test_a_digest_of_something_else_is_refused(pki: Pki) -> None:
    with refused("TSA_INVALID", "changed after signing"):
        authority(pki, answers(pki.tsa, digest=bytes(32))).stamp_digest(IMPRINT)


def test_content_that_is_no_time_stamp_is_refused(pki: Pki) -> None:
    for kinds in ({"content_type": ID_DATA}, {"attribute_type": ID_DATA}):
        with refused("TSA_INVALID", "does not hold|signs something else"):
            authority(pki, answers(pki.tsa, **kinds)).stamp_digest(IMPRINT)


def test_a_missing_certificate_is_refused(pki: Pki) -> None:
    for given in ((), (pki.root.certificate,)):
        with refused("TSA_INVALID", "lacks the certificate"):
            authority(pki, answers(pki.tsa, certificates=given)).stamp_digest(IMPRINT)


def test_an_exchanged_certificate_is_refused(pki: Pki) -> None:
    """The same key under two certificates: only the one that the signature names counts (RFC 5816)."""
    twin = certificate(pki.tsa.private, issuer=pki.root, name="TSA", extensions=(TIME_STAMPING,))
    both = (twin, pki.tsa.certificate)
    for given in ((pki.tsa.certificate,), both):
        with refused("TSA_INVALID", "lacks the certificate|two different signers"):
            authority(pki, answers(pki.tsa, named=twin, certificates=given)).stamp_digest(IMPRINT)


def test_two_signers_are_refused(pki: Pki) -> None:
    def transport(request: bytes) -> bytes:
        parsed = tsp.TimeStampResp.load(reply(request, pki.tsa)).copy()
        signers = parsed["time_stamp_token"]["content"]["signer_infos"]
        signers.append(
            tsp.TimeStampResp.load(reply(request, tsa_key(pki.root, TIME_STAMPING)))["time_stamp_token"][
                "content"
            ]["signer_infos"][0]
        )
        encoded: bytes = parsed.dump(force=True)
        return encoded

    with refused("TSA_INVALID", "exactly one signer"):
        authority(pki, transport).stamp_digest(IMPRINT)


CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
STAMPING = ExtendedKeyUsageOID.TIME_STAMPING


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param((), id="none"),
        pytest.param(((x509.ExtendedKeyUsage([CODE_SIGNING]), True),), id="another purpose"),
        pytest.param(((x509.ExtendedKeyUsage([STAMPING, CODE_SIGNING]), True),), id="two purposes"),
        pytest.param(((x509.ExtendedKeyUsage([STAMPING]), False),), id="not critical"),
    ],
)
def test_a_certificate_for_other_purposes_is_refused(
    pki: Pki, extensions: tuple[tuple[x509.ExtensionType, bool], ...]
) -> None:
    key = tsa_key(pki.root, *extensions)
    with refused("TSA_INVALID", "not made for time-stamps alone"):
        authority(pki, answers(key)).stamp_digest(IMPRINT)


def test_a_self_made_authority_is_refused(pki: Pki) -> None:
    namesake = root()  # has the same name as ours
    key = tsa_key(namesake, TIME_STAMPING)
    stamps = authority(pki, answers(key))
    for _ in range(2):
        with refused("TSA_INVALID", "do not trust"):
            stamps.stamp_digest(IMPRINT)


def test_an_authority_whose_certificate_has_expired_is_refused(pki: Pki) -> None:
    at = NOW + 10 * DAY
    key = tsa_key(pki.root, TIME_STAMPING, ends=NOW + 9 * DAY)
    later = changing(gen_time=at)
    with refused("TSA_INVALID", "no longer"):
        authority(pki, answers(key, change=later), at).stamp_digest(IMPRINT)


def test_a_remembered_path_does_not_outlive_its_certificates(pki: Pki) -> None:
    now = [NOW]
    stamps = TimeStampAuthority(
        answers(pki.tsa, change=lambda info: {**info, "gen_time": now[0]}),
        [pki.root.certificate],
        clock=lambda: now[0],
    )
    assert stamps.stamp_digest(IMPRINT).time == NOW
    now[0] = NOW + 2 * DAY  # the authority's certificate ends after one day
    with refused("TSA_INVALID", "no longer"):
        stamps.stamp_digest(IMPRINT)


def test_a_rejection_is_told_from_a_failure_of_the_moment(pki: Pki) -> None:
    for failure, told in (("bad_alg", "badAlg"), ("unaccepted_policy", "unacceptedPolicy")):
        answer = status(status="rejection", fail_info={failure})
        with refused("TSA_INVALID") as caught:
            authority(pki, says(answer)).stamp_digest(IMPRINT)
        assert told in caught.value.message
    for failure in ("time_not_available", "system_failure"):
        answer = status(status="rejection", fail_info={failure})
        with pytest.raises(TimestampUnavailable):
            authority(pki, says(answer)).stamp_digest(IMPRINT)
    with refused("TSA_INVALID"):
        authority(pki, says(status(status="waiting"))).stamp_digest(IMPRINT)
    with refused("TSA_INVALID"):
        authority(pki, says(status(status="granted"))).stamp_digest(IMPRINT)


def test_a_token_beside_a_rejection_is_not_used(pki: Pki) -> None:
    def transport(request: bytes) -> bytes:
        token = tsp.TimeStampResp.load(reply(request, pki.tsa))["time_stamp_token"].dump()
        return element(0x30, tsp.PKIStatusInfo({"status": "rejection"}).dump(), token)

    with refused("TSA_INVALID"):
        authority(pki, transport).stamp_digest(IMPRINT)


def test_a_token_larger_than_its_place_is_refused(pki: Pki) -> None:
    stamps = TimeStampAuthority(answers(pki.tsa), [pki.root.certificate], clock=lambda: NOW, token_size=500)
    with refused("TSA_INVALID", "larger than the room"):
        stamps.stamp_digest(IMPRINT)


@contextmanager
def answering(
    code: int = 200, kind: str = "application/timestamp-reply", body: bytes = b"x", location: str = ""
) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def test_other_answers_over_http(pki: Pki) -> None:
    with answering() as url:
        assert http_transport(url, 5)(b"query") == b"x"
    for code in (302, 404, 500, 503):
        with answering(code=code, location="http://127.0.0.1:1/") as url, pytest.raises(TimestampUnavailable):
            http_transport(url, 5)(b"query")
    with answering(kind="text/html", body=b"<html>") as url, refused("TSA_INVALID"):
        http_transport(url, 5)(b"query")
    with answering(body=bytes(100_000)) as url, refused("TSA_INVALID"):
        http_transport(url, 5)(b"query")


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(TimestampUnavailable):
            http_transport(f"http://127.0.0.1:{closed.getsockname()[1]}/", 5)(b"query")
    with pytest.raises(TimestampUnavailable):
        http_transport("http://tsa.invalid:99999/", 5)(b"query")


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n"]
)
def test_a_hang_ends(drip: bytes) -> None:
    """One authority never answers; the other sends a byte now and then, for ever."""
    done = threading.Event()

    def hang(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(drip)
            while not done.wait(0.1):
                if drip:
                    connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=hang, args=(listening,))
        thread.start()
        started = datetime.now(UTC)
        try:
            with pytest.raises(TimestampUnavailable):
                http_transport(f"http://127.0.0.1:{listening.getsockname()[1]}/", 0.5)(b"query")
        finally:
            done.set()
            thread.join()
        assert datetime.now(UTC) - started < timedelta(seconds=3)


def test_the_development_authority_is_believed_over_http(tmp_path: Path) -> None:
    create(tmp_path, [])
    ring = DevelopmentKeyRing.open(tmp_path)
    with serving(server(tmp_path, "127.0.0.1", 0)) as url:
        stamps = TimeStampAuthority(http_transport(url, 5), ring.anchors(), clock=lambda: datetime.now(UTC))
        token = stamps.stamp_digest(IMPRINT)
    assert len(token.der) < stamps.token_size
    assert abs(token.time - datetime.now(UTC)) < timedelta(seconds=10)
    own = DevelopmentTimeStampAuthority(ring.timestamp_key())
    stranger = tsa_key(root(), TIME_STAMPING).chain[0]
    with refused("TSA_INVALID"):
        TimeStampAuthority(own.respond, [stranger], clock=lambda: datetime.now(UTC)).stamp_digest(IMPRINT)
