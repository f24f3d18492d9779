"""EU trusted lists: what is taken from a list, and that only a list which its signer signed is believed."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from fastapi.testclient import TestClient
from lxml import etree
from small_pki import NOW, Identity, Pki, issue
from trusted_lists import (
    ENVELOPED,
    EXCLUSIVE,
    QC,
    QTST,
    SIGNATURES,
    WEB,
    WITHDRAWN,
    ListMaker,
    Service,
    fingerprint,
)

from storage.records import Issuer
from verifier.fetch import FetchRefused, fetch, is_public
from verifier.health import health_router
from verifier.parts import PublicParts
from verifier.trust.folder import KeptList, read_trust
from verifier.trust.keeping import TrustRefused, keep_list, remove_list
from verifier.trust.trusted_list import NotATrustedList, read_trusted_list
from verifier.trust.xml_signature import BadXmlSignature

_DAY = timedelta(days=1)


@pytest.fixture(scope="module", params=["p256", "rsa"])
def signer(request: pytest.FixtureRequest) -> Identity:
    return issue("Penerbit Daftar", None, rsa_bits=2048 if request.param == "rsa" else None)


def read(xml: bytes, by: Identity, now: datetime = NOW) -> KeptList:
    return read_trusted_list(xml, fingerprint(by.certificate), now=now, source="test", added_by="test")


def test_granted_services_become_anchors_on_their_terms(people: Pki, signer: Identity) -> None:
    maker = ListMaker(
        [
            Service(people.ca.certificate, uses=[SIGNATURES, WEB]),
            Service(people.tsa.certificate, kind=QTST, since=NOW - 30 * _DAY),
            Service(people.root.certificate, status=WITHDRAWN),
            Service(people.stranger.issuers[0], uses=[WEB]),
            Service(people.seal.certificate, kind="http://uri.etsi.org/TrstSvc/Svctype/EDS/Q"),
        ]
    )
    for reference in ("", "#list"):
        kept = read(replace(maker, reference=reference).signed(signer), signer)
        assert (kept.territory, kept.operator, kept.sequence_number) == ("XX", "Sample Agency", 7)
        assert kept.next_update == NOW + 150 * _DAY
        assert [each.der for each in kept.anchors] == [
            each.public_bytes(serialization.Encoding.DER)
            for each in (people.ca.certificate, people.tsa.certificate)
        ]
        ca, tsa = (each.terms for each in kept.anchors)
        assert ca.allow("signing", NOW)
        assert not ca.allow("time_stamping", NOW)
        assert not ca.allow("signing", NOW - 401 * _DAY)
        assert not ca.allow("signing", NOW + 151 * _DAY)  # nobody says so any more
        assert tsa.allow("time_stamping", NOW)
        assert not tsa.allow("signing", NOW)
        assert not tsa.allow("time_stamping", NOW - 31 * _DAY)


def test_the_history_of_a_service_counts_for_its_time(people: Pki, signer: Identity) -> None:
    granted = ("http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted", NOW - 900 * _DAY)
    service = Service(people.ca.certificate, status=WITHDRAWN, since=NOW - 100 * _DAY, history=[granted])
    [anchor] = read(ListMaker([service]).signed(signer), signer).anchors
    answers = [anchor.terms.allow("signing", NOW - days * _DAY) for days in (901, 899, 101, 99, 0)]
    assert answers == [False, True, True, False, False]


def test_a_closed_list_has_no_end(people: Pki, signer: Identity) -> None:
    kept = read(ListMaker([Service(people.ca.certificate)], next_update=None).signed(signer), signer)
    assert not kept.is_stale(NOW + 10_000 * _DAY)
    assert kept.anchors[0].terms.end is None


def test_every_changed_byte_of_the_content_is_found(people: Pki, signer: Identity) -> None:
    signed = ListMaker([Service(people.ca.certificate, status=WITHDRAWN)]).signed(signer)
    assert read(signed, signer).anchors == ()
    changes = [
        (b"Svcstatus/withdrawn", b"Svcstatus/granted"),
        (b"<TSLSequenceNumber>7", b"<TSLSequenceNumber>8"),
        (b"SigningTime>2026", b"SigningTime>2027"),
        (b"<TSPInformation/>", b"<TSPInformation/> "),
        (b"Sample Agency", b"Sample agency"),
        (b"-more#ecdsa-sha256", b"-more#ecdsa-sha384"),
        (b"-more#rsa-sha256", b"-more#rsa-sha512"),
    ]
    tried = 0
    for old, new in changes:
        if old in signed:
            tried += 1
            with pytest.raises(BadXmlSignature):
                read(signed.replace(old, new, 1), signer)
    assert tried == 6


def test_only_the_signer_whose_fingerprint_was_given_counts(people: Pki, signer: Identity) -> None:
    signed = ListMaker([Service(people.ca.certificate)]).signed(signer)
    other = issue("Penerbit Lain", None)
    with pytest.raises(BadXmlSignature) as caught:
        read(signed, other)
    assert caught.value.code == "XML_SIGNER"
    assert "by " in caught.value.message
    # The right certificate beside the signature of somebody else.
    forged = ListMaker([Service(people.ca.certificate)]).signed(other)
    tree = etree.fromstring(forged)
    namespaces = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
    theirs = tree.find(".//ds:X509Certificate", namespaces)
    theirs.text = etree.fromstring(signed).find(".//ds:X509Certificate", namespaces).text
    with pytest.raises(BadXmlSignature):
        read(etree.tostring(tree), signer)


def wrapped(signed: bytes) -> bytes:
    """The signed list as a part of another one: the signature still fits, but not to what is read."""
    inner = etree.fromstring(signed)
    outer = etree.fromstring(signed.replace(b'Id="list"', b'Id="other"'))
    namespace = "{http://www.w3.org/2000/09/xmldsig#}"
    signature = outer.find(f"{namespace}Signature")
    inner.remove(inner.find(f"{namespace}Signature"))
    holder = etree.SubElement(signature, f"{namespace}Object")
    holder.append(inner)
    return etree.tostring(outer)


def test_what_is_read_is_what_was_signed(people: Pki, signer: Identity) -> None:
    maker = ListMaker([Service(people.ca.certificate)])
    cases = {
        "unsigned": maker.unsigned(),
        "wrapped": wrapped(replace(maker, reference="#list").signed(signer)),
        "other part": replace(maker, reference="#nothing").signed(signer),
        "no envelope": replace(maker, transforms=(EXCLUSIVE,)).signed(signer),
        "free transform": replace(
            maker, transforms=(ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116", EXCLUSIVE)
        ).signed(signer),
        "document type": maker.signed(signer).replace(
            b"<!-- made", b"<!DOCTYPE x [<!ENTITY a 'b'>]><!-- made"
        ),
        "no XML": b"<list",
        "nothing": b"",
        "a page": b"<html/>",
    }
    for name, xml in cases.items():
        with pytest.raises(BadXmlSignature):
            pytest.fail(f"{name}: {read(xml, signer)}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": "4"}, "NOT_A_TRUSTED_LIST"),
        ({"territory": "../x"}, "NOT_A_TRUSTED_LIST"),
        ({"issued": NOW + _DAY}, "NOT_A_TRUSTED_LIST"),
        ({"next_update": NOW - _DAY}, "TRUST_LIST_STALE"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(people: Pki, change: dict[str, object], code: str) -> None:
    signer = issue("Penerbit Daftar", None)
    maker = replace(ListMaker([Service(people.ca.certificate)]), **change)  # type: ignore[arg-type]
    with pytest.raises(NotATrustedList) as caught:
        read(maker.signed(signer), signer)
    assert caught.value.code == code


def test_lists_are_kept_and_never_go_back(people: Pki, tmp_path: Path) -> None:
    signer = issue("Penerbit Daftar", None)
    maker = ListMaker([Service(people.ca.certificate), Service(people.tsa.certificate, kind=QTST)])
    xml = maker.signed(signer)
    kept = read(xml, signer)
    keep_list(tmp_path, kept, xml)
    trust = read_trust(tmp_path)
    assert trust.lists == (kept,)
    assert (tmp_path / "lists" / "XX.xml").read_bytes() == xml
    assert trust.stale_lists(NOW) == []
    assert trust.stale_lists(NOW + 151 * _DAY) == ["XX"]
    with pytest.raises(TrustRefused) as caught:
        keep_list(tmp_path, replace(kept, sequence_number=6), b"")
    assert caught.value.code == "TRUST_LIST_OLDER"
    keep_list(tmp_path, replace(kept, sequence_number=8), xml)
    assert [each.sequence_number for each in read_trust(tmp_path).lists] == [8]
    assert remove_list(tmp_path, "xx").territory == "XX"
    assert read_trust(tmp_path).lists == ()
    assert QC != QTST


# Fetching


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:10.0.0.1",
        "2002:0a00:0001::1", "ff02::1", "64:ff9b:1::1", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_public_addresses_are() -> None:
    assert is_public(ip_address("93.184.216.34"))
    assert is_public(ip_address("2606:2800:220:1::1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/list.xml", "https://localhost/list.xml", "https://[::1]/", "https://2130706433/",
        "https://0x7f.1/", "http://example.org/", "file:///etc/passwd", "ftp://example.org/", "https://",
        "https://user@127.0.0.1/", "https://127.0.0.1:99999/", "https://no-such-host.invalid/",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_asked(url: str) -> None:
    with pytest.raises(FetchRefused):
        fetch(url, seconds=5)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/list")
            self.end_headers()
            return
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            except OSError:
                pass  # whoever asked has gone, as is meant
            return
        self.send_response(200 if self.path == "/list" else 404)
        self.end_headers()
        self.wfile.write(b"y" * 5000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - _DAY
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + 3 * _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "both.pem").write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with HTTPServer(("127.0.0.1", 0), _Answers) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"https://localhost:{http.server_port}", ssl.create_default_context(cadata=pem.decode())
        http.shutdown()
        thread.join()


def loopback(address: object) -> bool:
    return str(address) in ("127.0.0.1", "::1")


def test_a_document_is_fetched_without_detours_and_within_bounds(server: tuple[str, ssl.SSLContext]) -> None:
    url, context = server
    assert fetch(f"{url}/list", permitted=loopback, context=context) == b"y" * 5000
    for path, bounds, said in (
        ("/moved", {}, "another"),
        ("/none", {}, "404"),
        ("/list", {"maximum_bytes": 4999}, "larger"),
        ("/slow", {"seconds": 0.5}, "TimeoutError"),
    ):
        with pytest.raises(FetchRefused, match=said):
            fetch(url + path, permitted=loopback, context=context, **bounds)  # type: ignore[arg-type]
    with pytest.raises(FetchRefused):
        fetch(f"{url}/list", permitted=loopback)  # a TLS certificate that nobody vouches for
    with pytest.raises(FetchRefused, match="private"):
        fetch(f"{url}/list", context=context)


def test_readiness_names_stale_lists_and_stays_ready() -> None:
    stale: list[str] = []
    app = FastAPI()
    app.include_router(health_router({"register": lambda: None}, stale_lists=lambda: stale))
    with TestClient(app) as client:
        assert client.get("/readyz").json() == {"status": "ok", "parts": {"register": "ok"}}
        stale.append("XX")
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "parts": {"register": "ok"}, "stale_lists": ["XX"]}


def test_the_public_side_knows_its_stale_lists(people: Pki, tmp_path: Path) -> None:
    signer = issue("Penerbit Daftar", None)
    xml = ListMaker([Service(people.ca.certificate)]).signed(signer)
    keep_list(tmp_path, read(xml, signer), xml)
    trust = read_trust(tmp_path)
    clock = [NOW]
    parts = PublicParts(
        lookup=None,  # type: ignore[arg-type]
        sandbox=None,  # type: ignore[arg-type]
        anchors=trust.encoded(),
        hosts=(),
        regency="",
        contact=Issuer("", "", "", "", ""),
        clock=lambda: clock[0],
        trusted_lists=trust.lists,
    )
    assert parts.stale_lists() == []
    clock[0] = NOW + 151 * _DAY
    assert parts.stale_lists() == ["XX"]
    assert parts.anchors[0].startswith(b"absah-purpose: signing\n")
