from __future__ import annotations

import hashlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from asn1crypto import cms, core, tsp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from keys.development import DevelopmentKeyRing, create
from keys.timestamp_server import POLICY, DevelopmentTimeStampAuthority, server
from tests.keys.serving import serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pki")
    create(made, [])
    return made


@pytest.fixture(scope="module")
def authority(folder: Path) -> DevelopmentTimeStampAuthority:
    return DevelopmentTimeStampAuthority(DevelopmentKeyRing.open(folder).timestamp_key())


def request(**changes: object) -> bytes:
    fields: dict[str, object] = {
        "version": "v1",
        "message_imprint": imprint("sha256"),
        "nonce": 2**63 + 5,
        "cert_req": True,
    }
    encoded: bytes = tsp.TimeStampReq({**fields, **changes}).dump()
    return encoded


def imprint(algorithm: str, digest: bytes | None = None) -> dict[str, object]:
    return {
        "hash_algorithm": {"algorithm": algorithm},
        "hashed_message": digest if digest is not None else hashlib.new(algorithm, b"isi").digest(),
    }


def token(response: bytes) -> cms.SignedData:
    parsed = tsp.TimeStampResp.load(response, strict=True)
    assert parsed["status"]["status"].native == "granted"
    return parsed["time_stamp_token"]["content"]


def information(response: bytes) -> dict[str, object]:
    native: dict[str, object] = tsp.TSTInfo.load(
        bytes(token(response)["encap_content_info"]["content"]), strict=True
    ).native
    return native


def failure(response: bytes) -> set[str]:
    status, *token_ = core.SequenceOf.load(response, spec=core.Any)
    assert not token_
    parsed = status.parse(tsp.PKIStatusInfo)
    assert parsed["status"].native == "rejection"
    failures: set[str] = parsed["fail_info"].native
    return failures


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_token_answers_its_request(authority: DevelopmentTimeStampAuthority, algorithm: str) -> None:
    info = information(authority.respond(request(message_imprint=imprint(algorithm))))
    assert info["message_imprint"]["hashed_message"] == hashlib.new(algorithm, b"isi").digest()  # type: ignore[index]
    assert info["nonce"] == 2**63 + 5
    assert info["policy"] == POLICY
    assert info["accuracy"]["seconds"] == 1  # type: ignore[index]


def test_a_token_is_signed_by_the_named_certificate(
    authority: DevelopmentTimeStampAuthority, folder: Path
) -> None:
    signed = token(authority.respond(request()))
    (signer,) = signed["signer_infos"]
    key = DevelopmentKeyRing.open(folder).timestamp_key()
    public = key.certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    attributes = b"\x31" + signer["signed_attrs"].dump()[1:]
    public.verify(signer["signature"].native, attributes, ec.ECDSA(hashes.SHA256()))
    values = {each["type"].native: each["values"][0] for each in signer["signed_attrs"]}
    content = bytes(signed["encap_content_info"]["content"])
    assert values["message_digest"].native == hashlib.sha256(content).digest()
    assert values["signing_certificate_v2"]["certs"][0]["cert_hash"].native == key.certificate.fingerprint(
        hashes.SHA256()
    )


def test_certificates_come_only_when_asked_for(authority: DevelopmentTimeStampAuthority) -> None:
    assert len(token(authority.respond(request()))["certificates"]) == 3
    assert not token(authority.respond(request(cert_req=False)))["certificates"]


def test_serial_numbers_do_not_repeat_over_restarts(folder: Path) -> None:
    numbers = {
        information(
            DevelopmentTimeStampAuthority(DevelopmentKeyRing.open(folder).timestamp_key()).respond(request())
        )["serial_number"]
        for _ in range(20)
    }
    assert len(numbers) == 20


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (b"", "bad_data_format"),
        (b"<html>", "bad_data_format"),
        (b"\x30\x00", "bad_data_format"),
        (b"\x30\x80" * 5000, "bad_data_format"),
        (bytes(range(256)), "bad_data_format"),
        (request() + b"\0", "bad_data_format"),
        (request()[:-4], "bad_data_format"),
        (request(message_imprint=imprint("sha256", b"pendek")), "bad_data_format"),
        (request(message_imprint=imprint("sha1")), "bad_alg"),
        (request(message_imprint=imprint("md5")), "bad_alg"),
        (request(version="v2"), "bad_request"),
        (request(req_policy="1.2.3.4"), "unaccepted_policy"),
        (
            request(extensions=[{"extn_id": "1.2.3.4", "critical": True, "extn_value": b"\x05\x00"}]),
            "unaccepted_extensions",
        ),
    ],
)
def test_a_bad_request_is_rejected_with_its_reason(
    authority: DevelopmentTimeStampAuthority, asked: bytes, expected: str
) -> None:
    assert failure(authority.respond(asked)) == {expected}


def test_its_own_policy_may_be_asked_for(authority: DevelopmentTimeStampAuthority) -> None:
    assert information(authority.respond(request(req_policy=POLICY)))["policy"] == POLICY


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(server(folder, "127.0.0.1", 0)) as url:
        yield url


def test_it_is_reached_over_http(url: str) -> None:
    reply = httpx.post(url, content=request(), headers={"Content-Type": "application/timestamp-query"})
    assert reply.headers["Content-Type"] == "application/timestamp-reply"
    assert information(reply.content)["nonce"] == 2**63 + 5


def test_what_is_no_query_is_answered_by_http(url: str) -> None:
    kind = {"Content-Type": "application/timestamp-query"}
    assert httpx.post(url, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(url, content=bytes(20_000), headers=kind).status_code == 413
    assert httpx.post(url, content=iter([b"x"]), headers=kind).status_code == 411
    assert httpx.get(url).status_code == 501


def test_a_client_that_goes_away_leaves_no_traceback(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    place = urlsplit(url)
    for _ in range(5):
        with socket.create_connection((place.hostname, place.port)) as connection:
            # Closed with a reset while the server still waits for the rest of the request.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(
                b"POST / HTTP/1.1\r\nContent-Type: application/timestamp-query\r\nContent-Length: 9\r\n\r\n"
            )
    time.sleep(0.5)
    assert "Traceback" not in capfd.readouterr().err
