"""Makes ``verifier/rehearsal.pdf``: run as a program, it writes the file anew.

    .venv/bin/python tests/verifier/make_rehearsal.py

A signed and time-stamped page with a later document time-stamp, all by one key that is thrown away and one
certificate that nobody trusts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from verifier.rehearsal import FILE, MOMENT


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rehearsal")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2999, 1, 1, tzinfo=UTC))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _plain_file() -> bytes:
    """One empty page."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
    )
    out, entries = b"%PDF-1.7\n", b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        entries += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return out + b"xref\n0 4\n%strailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        entries,
        len(out),
    )


def _signed_file(key: rsa.RSAPrivateKey, encoded: bytes, now: datetime) -> bytes:
    certificate = asn1_x509.Certificate.load(encoded)
    private = asn1_keys.PrivateKeyInfo.load(
        key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    stamper = DummyTimeStamper(certificate, private, certs_to_embed=store, fixed_dt=now)
    signed, stamped = BytesIO(), BytesIO()
    PdfSigner(
        PdfSignatureMetadata(field_name="A", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES),
        signer=SimpleSigner(certificate, private, store),
        timestamper=stamper,
    ).sign_pdf(IncrementalPdfFileWriter(BytesIO(_plain_file())), output=signed)
    PdfTimeStamper(stamper).timestamp_pdf(IncrementalPdfFileWriter(signed), "sha256", output=stamped)
    return stamped.getvalue()


if __name__ == "__main__":
    own = rsa.generate_private_key(65537, 2048)
    root = _certificate(own)
    FILE.write_bytes(_signed_file(own, root, MOMENT))
    Path(FILE).with_suffix(".der").write_bytes(root)
