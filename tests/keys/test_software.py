from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from keys.provider import KeyRefused
from keys.software import PrivateKey, SoftwareKey, load_pem, load_pkcs12, usable
from tests.keys.certificates import DAY, NOW, certificate, p256, root, rsa_key, signed_with_sha1

PASSPHRASE = b"rahasia sekali"


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root()


def write_pkcs12(
    path: Path, private: PrivateKey, certificates: list[x509.Certificate], passphrase: bytes = PASSPHRASE
) -> Path:
    own, *others = certificates
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"key", private, own, others, BestAvailableEncryption(passphrase)
        )
    )
    return path


def write_pem(
    folder: Path,
    private: PrivateKey,
    certificates: list[x509.Certificate],
    encryption: KeySerializationEncryption | None = None,
) -> tuple[Path, Path]:
    key, chain = folder / "key.pem", folder / "chain.pem"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    chain.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))
    return key, chain


def refused(code: str) -> pytest.RaisesExc[KeyRefused]:
    return pytest.raises(KeyRefused, check=lambda problem: problem.code == code)


def test_a_p256_key_of_a_pkcs12_file_signs(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    path = write_pkcs12(tmp_path / "kadis.p12", private, [own, authority.certificate])
    key = load_pkcs12(path, PASSPHRASE, key_id="kadis")
    assert (key.id, key.algorithm, key.development) == ("kadis", "ecdsa-sha256", False)
    assert key.certificate == own
    assert key.chain == (authority.certificate,)
    private.public_key().verify(key.sign(b"isi"), b"isi", ec.ECDSA(hashes.SHA256()))
    assert key.sign(b"isi") == key.sign(b"isi")


def test_an_rsa_key_of_a_pem_file_signs(tmp_path: Path, authority: SoftwareKey) -> None:
    private = rsa_key(2048)
    own = certificate(private, issuer=authority)
    paths = write_pem(tmp_path, private, [own, authority.certificate], BestAvailableEncryption(PASSPHRASE))
    key = load_pem(*paths, PASSPHRASE, key_id="kadis")
    assert key.algorithm == "rsa-pkcs1-sha256"
    private.public_key().verify(key.sign(b"isi"), b"isi", padding.PKCS1v15(), hashes.SHA256())


def test_the_chain_is_put_in_order(tmp_path: Path, authority: SoftwareKey) -> None:
    middle_key = p256()
    middle = SoftwareKey(
        "middle",
        certificate(middle_key, issuer=authority, name="CA Antara", authority=True, usage=("key_cert_sign",)),
        (),
        middle_key,
    )
    private = p256()
    own = certificate(private, issuer=middle)
    for number, order in enumerate(itertools.permutations([middle.certificate, authority.certificate])):
        path = write_pkcs12(tmp_path / f"{number}.p12", private, [own, *order])
        assert load_pkcs12(path, PASSPHRASE, key_id="k").chain == (middle.certificate, authority.certificate)


def test_a_wrong_passphrase_is_one_clear_sentence(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    path = write_pkcs12(tmp_path / "kadis.p12", private, [own])
    with refused("KEY_PASSPHRASE") as caught:
        load_pkcs12(path, b"salah-ketik", key_id="kadis")
    assert caught.value.message == "The passphrase does not open kadis.p12; check it and start again."
    key, chain = write_pem(tmp_path, private, [own], BestAvailableEncryption(PASSPHRASE))
    for wrong in (b"salah-ketik", None):
        with refused("KEY_PASSPHRASE") as caught:
            load_pem(key, chain, wrong, key_id="kadis")
        assert "salah-ketik" not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x30\x03\x02\x01\x03", bytes(500)])
def test_what_is_no_key_file_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bukan.p12"
    path.write_bytes(content)
    with refused("KEY_FILE"):
        load_pkcs12(path, PASSPHRASE, key_id="k")
    with refused("KEY_FILE"):
        load_pem(path, path, None, key_id="k")
    with refused("KEY_FILE"):
        load_pkcs12(tmp_path / "missing.p12", PASSPHRASE, key_id="k")


def test_a_short_rsa_key_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    private = rsa_key(1024)
    path = write_pkcs12(tmp_path / "k.p12", private, [certificate(private, issuer=authority)])
    with refused("KEY_WEAK"):
        load_pkcs12(path, PASSPHRASE, key_id="k")


def test_another_curve_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    path = write_pkcs12(tmp_path / "k.p12", private, [certificate(private, issuer=authority)])
    with refused("KEY_ALGORITHM"):
        load_pkcs12(path, PASSPHRASE, key_id="k")


def test_a_key_without_signing_usage_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority, usage=("key_agreement",))
    with refused("KEY_USAGE") as caught:
        load_pem(*write_pem(tmp_path, private, [own]), None, key_id="kadis")
    assert "“kadis”" in caught.value.message, "a list holds several"


def test_non_repudiation_alone_is_enough(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority, usage=("content_commitment",))
    assert load_pem(*write_pem(tmp_path, private, [own]), None, key_id="k").certificate == own


def test_anothers_certificate_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    with refused("KEY_MISMATCH"):
        load_pem(*write_pem(tmp_path, p256(), [certificate(p256(), issuer=authority)]), None, key_id="k")


def test_a_chain_by_somebody_else_of_the_same_name_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    with refused("KEY_CHAIN"):
        load_pem(*write_pem(tmp_path, private, [own, root().certificate]), None, key_id="k")


def test_a_certificate_counts_between_its_dates_only(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    paths = write_pem(tmp_path, private, [certificate(private, issuer=authority)])
    with refused("KEY_EXPIRED"):
        load_pem(*paths, None, key_id="k", at=NOW + 2 * DAY)
    with refused("KEY_NOT_YET_VALID"):
        load_pem(*paths, None, key_id="k", at=NOW - 2 * DAY)
    key = load_pem(*paths, None, key_id="k", at=NOW)
    usable(key, NOW)
    with refused("KEY_EXPIRED"):
        usable(key, NOW + 2 * DAY)


def test_a_sha1_certificate_is_refused(tmp_path: Path, authority: SoftwareKey) -> None:
    private = p256()
    own = signed_with_sha1(certificate(private, issuer=authority), authority)
    with refused("CERTIFICATE_WEAK"):
        load_pem(*write_pem(tmp_path, private, [own, authority.certificate]), None, key_id="k")
