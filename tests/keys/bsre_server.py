"""A BSrE eSign Client Service on loopback, after the manual (v1 and v2), with its quirks and with bad modes.

It knows nothing of the product and signs with another stack: pyHanko, with an authority, a revocation list
and a time-stamp authority of its own.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.content import RawContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter, copy_into_new_writer
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

NIK = "9171010101900001"
EMAIL = "kepala@example.go.id"
PASSPHRASE = "rahasia-Ratna-2026"
TOTP = "482913"
USERNAME, PASSWORD = "absah", "sandi-layanan"
SUBSCRIBER, ACTIVATION = "dpmptsp-contoh-0417", "739105"
_LOCKED_AFTER = 3


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, in the two forms that are needed."""

    certificate: x509.Certificate
    private: rsa.RSAPrivateKey

    @property
    def certificate_asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))

    @property
    def private_asn1(self) -> asn1_keys.PrivateKeyInfo:
        return asn1_keys.PrivateKeyInfo.load(
            self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        )


@dataclass(frozen=True)
class Authority:
    """The root with its list, the official, somebody else, the agency's seal, the time-stamp authority."""

    root: Identity
    official: Identity
    other: Identity
    seal: Identity
    tsa: Identity
    crl: bytes

    @classmethod
    def create(cls, list_url: str | None = None, name: str = "Ratna Kusumawardhani") -> Authority:
        """``list_url`` is where its revocation list will be; see `ListServer`."""
        root = _identity("Akar BSrE Uji", None)
        official = _identity(name, root, list_url)
        other = _identity("Orang Lain", root, list_url)
        seal = _identity("Dinas Contoh", root, list_url)
        tsa = _identity("Penanda Waktu BSrE Uji", root, list_url, stamps=True)
        now = datetime.now(UTC)
        crl = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(root.certificate.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=7))
            .sign(root.private, hashes.SHA256())
        )
        return cls(root, official, other, seal, tsa, crl.public_bytes(Encoding.DER))


def _identity(
    name: str, issuer: Identity | None, list_url: str | None = None, *, stamps: bool = False
) -> Identity:
    private = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = {
        "digital_signature": issuer is not None, "content_commitment": issuer is not None and not stamps,
        "key_encipherment": False, "data_encipherment": False, "key_agreement": False,
        "key_cert_sign": issuer is None, "crl_sign": issuer is None, "encipher_only": False,
        "decipher_only": False,
    }  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=730))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    if issuer is not None:
        public = issuer.certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
        )
    if list_url is not None:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(list_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([place]), critical=False)
    if stamps:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    return Identity(builder.sign(issuer.private if issuer else private, hashes.SHA256()), private)


class ListServer(ThreadingHTTPServer):
    """Where the authority publishes its revocation list, at the address of the server itself."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ListHandler)
        self.crl = b""


class _ListHandler(BaseHTTPRequestHandler):
    server: ListServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/pkix-crl")
        self.send_header("Content-Length", str(len(self.server.crl)))
        self.end_headers()
        self.wfile.write(self.server.crl)


@dataclass
class Bsre:
    """The service's state. ``mode`` is how it behaves, ``reply`` in which shape it answers (v1)."""

    authority: Authority
    mode: str = "good"
    reply: str = "pdf"  # pdf, base64, identifier
    level: str = "b-t"  # b-b, b-t, b-lt
    status: str = "ISSUE"
    requests: list[str] = field(default_factory=list)
    wrong: int = 0
    signed: int = 0
    activation: str = ACTIVATION
    given: list[str] = field(default_factory=list)
    passphrase: str = PASSPHRASE
    lost: threading.Event = field(default_factory=threading.Event)
    _kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def locked(self) -> bool:
        return self.wrong >= _LOCKED_AFTER

    def sign(self, pdf: bytes, reason: str, location: str, *, sealed: bool = False) -> bytes:
        """The signed PDF, as the mode has it."""
        self.signed += 1
        if self.mode == "unsigned":
            return pdf
        if self.mode == "another document":
            pdf = _one_page("Surat lain")
        elif self.mode == "rewritten":
            out = BytesIO()
            copy_into_new_writer(PdfFileReader(BytesIO(pdf))).write(out)
            pdf = out.getvalue()
        elif self.mode == "second page":
            pdf = _with_another_page(pdf)
        elif self.mode == "flipped byte":
            return pdf[:100] + bytes([pdf[100] ^ 1]) + pdf[101:]
        signed = self._sign(pdf, reason, location, sealed=sealed)
        if self.mode == "twice":
            signed = self._sign(signed, reason, location, sealed=sealed)
        if self.mode == "bytes behind":
            signed += b"\n% catatan\n"
        if self.mode == "page behind":
            signed = _with_another_page(signed)
        if self.mode == "broken":
            at = signed.rindex(b"/Reason")
            signed = signed[:at] + b"/Raason" + signed[at + 7 :]
        return signed

    def _sign(self, pdf: bytes, reason: str, location: str, *, sealed: bool) -> bytes:
        who = self.authority.seal if sealed else self.authority.official
        if self.mode == "other key":
            who = self.authority.other
        store = SimpleCertificateStore()
        store.register_multiple([self.authority.root.certificate_asn1])
        signer = signers.SimpleSigner(
            signing_cert=who.certificate_asn1, signing_key=who.private_asn1, cert_registry=store
        )
        tsa = self.authority.tsa
        stamper = DummyTimeStamper(tsa.certificate_asn1, tsa.private_asn1, certs_to_embed=store)
        context = ValidationContext(
            trust_roots=[self.authority.root.certificate_asn1], crls=[self.authority.crl],
            other_certs=[tsa.certificate_asn1], allow_fetching=False, revocation_mode="hard-fail",
        )  # fmt: skip
        name = f"sig_{uuid.uuid4().hex[:12]}"
        boxes = {"visible": (50, 50, 250, 120), "moved": (-10, -10, 0.5, 0.5)}
        box = boxes.get(self.mode)
        meta = signers.PdfSignatureMetadata(
            field_name=name,
            reason=reason,
            location=location,
            subfilter=fields.SigSeedSubFilter.PADES,
            embed_validation_info=self.level == "b-lt",
            validation_context=context if self.level == "b-lt" else None,
        )
        spec = fields.SigFieldSpec(name, box=box)
        signing = signers.PdfSigner(
            meta, signer, timestamper=None if self.level == "b-b" else stamper, new_field_spec=spec
        )
        out = signing.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)))
        return bytes(out.getvalue())


def _one_page(words: str) -> bytes:
    writer = PdfFileWriter()
    _add_page(writer, words)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _with_another_page(pdf: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    _add_page(writer, "Halaman tambahan")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _add_page(writer: Any, words: str) -> None:
    content = RawContent(f"BT 50 700 Td ({words}) Tj ET".encode(), box=BoxConstraints(595, 842))
    from pyhanko.pdf_utils import generic

    stream = generic.StreamObject(stream_data=content.render())
    page = PageObject(contents=writer.add_object(stream), media_box=(0, 0, 595, 842))
    writer.insert_page(page)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bsre: Bsre) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bsre = bsre


def server(bsre: Bsre) -> ThreadingHTTPServer:
    return _Server(bsre)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        bsre = self._begin(b"")
        if bsre is None:
            return
        place, _, last = self.path.rpartition("/")
        if place == "/api/user/status":
            self._tell_status(bsre, last == NIK)
        elif place == "/api/sign/download":
            kept = bsre._kept.pop(last, None)
            if bsre.mode == "download fails" or kept is None:
                self._json(400, {"error": "Dokumen sudah diunduh", "status_code": 2041})
            else:
                self._send(200, "application/pdf", kept)
        else:
            self._json(404, {"error": "tidak ada"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bsre = self._begin(body)
        if bsre is None:
            return
        if self.path == "/api/v2/user/check/status":
            self._tell_status(bsre, self._known(json.loads(body)))
        elif self.path == "/api/sign/pdf":
            form = _read_form(self.headers["Content-Type"], body)
            who = {"nik": form["nik"].decode()}
            secret = {"passphrase": form["passphrase"].decode()}
            visible = form["tampilan"] != b"invisible"
            if (made := self._sign(bsre, who, secret, form["file"], form, visible=visible)) is not None:
                self._answer_first(bsre, made)
        elif self.path == "/api/v2/sign/pdf":
            asked = json.loads(body)
            [properties] = asked["signatureProperties"]
            [file] = asked["file"]
            visible = properties["tampilan"] != "INVISIBLE"
            made = self._sign(bsre, asked, asked, base64.b64decode(file), properties, visible=visible)
            if made is not None:
                files = [base64.b64encode(made).decode()]
                self._json(200, {"time": 812, "file": files * (2 if bsre.mode == "two files" else 1)})
        elif self.path == "/api/v2/seal/get/totp":
            self._give_totp(bsre, json.loads(body))
        elif self.path == "/api/v2/seal/pdf":
            self._seal(bsre, json.loads(body))
        else:
            self._json(404, {"error": "tidak ada"})

    def _give_totp(self, bsre: Bsre, asked: dict[str, Any]) -> None:
        """One for so many files, by whoever knows that of the activation."""
        right = (asked["idSubscriber"], asked["totp"]) == (SUBSCRIBER, bsre.activation)
        bsre.wrong += not right
        if not right and bsre.mode == "codes as text":
            self._json(400, {"error": "TOTP salah", "status_code": "2031"})
        elif not right:
            self._json(200, {"message": "TOTP tidak valid", "totp": "", "expires": "", "result": 0})
        else:
            assert asked["data"] == "1"
            bsre.given.append(f"{len(bsre.given) + 100000}")
            answer = {"message": "ok", "totp": bsre.given[-1], "expires": "2026-12-31 00:00:00", "result": 1}
            self._json(200, {"success": True, "data": answer} if bsre.mode == "wrapped" else answer)

    def _seal(self, bsre: Bsre, asked: dict[str, Any]) -> None:
        [properties], [file] = asked["signatureProperties"], asked["file"]
        assert properties["tampilan"] == "INVISIBLE"
        if asked["idSubscriber"] != SUBSCRIBER or asked["totp"] not in bsre.given:
            self._json(400, {"error": "TOTP salah", "status_code": 2031})
            return
        bsre.given[bsre.given.index(asked["totp"])] = ""  # good once
        made = bsre.sign(base64.b64decode(file), properties["reason"], properties["location"], sealed=True)
        if bsre.mode == "hangs":
            bsre.lost.wait(60)
            self.close_connection = True
            return
        self._json(200, {"time": 812, "file": [base64.b64encode(made).decode()]})

    def _begin(self, body: bytes) -> Bsre | None:
        """Note the request; None where it was answered already."""
        bsre = self.server.bsre
        bsre.requests.append(f"{self.command} {self.path.replace(NIK, 'NIK')}")
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        signing = self.path.endswith(("/sign/pdf", "/seal/pdf"))
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._json(401, {"error": "unauthorized"})
        elif bsre.mode == "html":
            self._send(200, "text/html", b"<html><body>Silakan masuk</body></html>")
        elif bsre.mode == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif bsre.mode == "500" and signing:
            self._json(500, {"error": "Internal Server Error"})
        elif bsre.mode == "garbage" and signing:
            self._send(200, "application/json", b'{"file": [')
        elif bsre.mode == "enormous" and signing:
            self._send(200, "application/pdf", b"%PDF-" + b"x" * 20_000_000)
        else:
            return bsre
        return None

    def _tell_status(self, bsre: Bsre, known: bool) -> None:
        if not known:
            self._json(400, {"error": "User tidak terdaftar", "status_code": 2011})
        else:
            # The quirk of booleans: 0 or 1.
            self._json(
                200, {"status_code": 1111, "status": bsre.status, "is_active": int(bsre.status == "ISSUE")}
            )

    def _known(self, who: dict[str, Any]) -> bool:
        # A number instead of text is the fault that cuts the last digits of such a NIK.
        return who.get("nik") == NIK or who.get("email") == EMAIL

    def _sign(
        self,
        bsre: Bsre,
        who: dict[str, Any],
        secret: dict[str, Any],
        pdf: bytes,
        wishes: Any,
        *,
        visible: bool,
    ) -> bytes | None:
        if not self._known(who):
            self._json(400, {"error": "User tidak terdaftar", "status_code": 2011})
            return None
        right = secret.get("passphrase") == bsre.passphrase or secret.get("totp") == TOTP
        if bsre.locked or not right:
            bsre.wrong += not right
            code: int | str = "2031" if bsre.mode == "codes as text" else 2031
            self._json(400, {"error": "Passphrase anda salah", "status_code": code})
            return None
        if visible:
            self._json(400, {"error": "tampilan", "status_code": 2099})
            return None
        if bsre.mode == "refuses":
            self._json(400, {"error": "Proses signing gagal", "status_code": 2055})
            return None
        plain = [value.decode() if isinstance(value, bytes) else value for value in
                 (wishes["reason"], wishes["location"])]  # fmt: skip
        made = bsre.sign(pdf, *plain)
        if bsre.mode == "hangs":
            # It has signed; nobody hears of it.
            bsre.lost.wait(60)
            self.close_connection = True
            return None
        if bsre.mode == "cuts":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n%PDF-")
            return None
        return made

    def _answer_first(self, bsre: Bsre, made: bytes) -> None:
        identifier = uuid.uuid4().hex
        if bsre.reply == "base64":
            self._json(200, {"id_dokumen": identifier, "base64_signed_file": base64.b64encode(made).decode()})
        elif bsre.reply == "identifier":
            bsre._kept[identifier] = made
            self._json(200, {"id_dokumen": identifier, "success": 1})
        else:
            self._send(200, "application/pdf", made, id_dokumen=identifier)

    def _json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, content: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _read_form(kind: str, body: bytes) -> dict[str, bytes]:
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True))
        for part in message.iter_parts()
    }
