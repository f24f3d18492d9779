"""Generators of files that are no PDFs, though people check them as such."""

from __future__ import annotations

import io
import zipfile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from sample_files import plain_pdf
from small_pki import Pki


def zip_of(*names: str, stored_first: tuple[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if stored_first:
            archive.writestr(zipfile.ZipInfo(stored_first[0]), stored_first[1])
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


def cms(people: Pki, *options: pkcs7.PKCS7Options, encoding: serialization.Encoding) -> bytes:
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(plain_pdf())
        .add_signer(people.officer.certificate, people.officer.key, hashes.SHA256())
        .sign(encoding, [pkcs7.PKCS7Options.Binary, *options])
    )
