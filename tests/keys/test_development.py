from __future__ import annotations

import os
import stat
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keys.development import DevelopmentKeyRing, OfficerSubject, create, create_stranger
from keys.provider import KeyRefused
from keys.software import usable
from storage.vocabulary import NotFound
from tests.keys.certificates import NOW

KADIS = OfficerSubject("kadis", "Drs. Ahmad, M.Si.", "Kepala Dinas", "DPMPTSP Kabupaten Contoh")
SEAL = OfficerSubject("segel", "", "", "DPMPTSP Kabupaten Contoh", "rsa2048", "e_seal")
LONG = OfficerSubject("panjang", "Nama " * 30, "Jabatan " * 30, "Instansi " * 30, "rsa3072")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pki") / "pki"
    # Even a careless mask must not open a private key to others.
    before = os.umask(0)
    try:
        assert create(made, [KADIS, SEAL, LONG]) == ("kadis", "segel", "panjang")
    finally:
        os.umask(before)
    return made


@pytest.fixture(scope="module")
def ring(folder: Path) -> DevelopmentKeyRing:
    return DevelopmentKeyRing.open(folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_key_signs_and_stands_under_the_root(ring: DevelopmentKeyRing) -> None:
    algorithms = {"kadis": "ecdsa-sha256", "segel": "rsa-pkcs1-sha256", "panjang": "rsa-pkcs1-sha256"}
    for key_id, algorithm in algorithms.items():
        key = ring.key(key_id)
        usable(key, NOW + timedelta(days=700))
        with pytest.raises(KeyRefused, match="expired"):
            usable(key, NOW + timedelta(days=731))
        assert (key.id, key.algorithm, key.development) == (key_id, algorithm, True)
        issuing, root = key.chain
        assert [root] == ring.anchors()
        issuing.verify_directly_issued_by(root)
        root.verify_directly_issued_by(root)
    assert ring.key("kadis") is ring.key("kadis")


def test_every_name_says_that_it_is_for_development(ring: DevelopmentKeyRing) -> None:
    keys = [ring.key("kadis"), ring.key("segel"), ring.key("panjang"), ring.timestamp_key()]
    certificates = {certificate for key in keys for certificate in (key.certificate, *key.chain)}
    assert len(certificates) == 6
    for certificate in certificates:
        for attribute in certificate.subject:
            if attribute.oid != NameOID.COUNTRY_NAME:
                assert str(attribute.value).startswith(("PENGEMBANGAN – ", "DEVELOPMENT – "))


def test_a_person_and_a_seal_are_told_apart(ring: DevelopmentKeyRing) -> None:
    seal, person = ring.key("segel").certificate, ring.key("kadis").certificate
    assert not seal.subject.get_attributes_for_oid(NameOID.TITLE)
    assert person.subject.get_attributes_for_oid(NameOID.TITLE)[0].value == "DEVELOPMENT – Kepala Dinas"
    statements = [
        each.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")).value.public_bytes()
        for each in (person, seal)
    ]
    # ETSI EN 319 412-5: 0.4.0.1862.1.6.1 is a person's signature, 0.4.0.1862.1.6.2 a seal.
    assert [
        bytes.fromhex("04008e4601060" + digit) in each for digit, each in zip("12", statements, strict=True)
    ] == [
        True,
        True,
    ]


def test_the_authority_of_time_may_do_nothing_else(ring: DevelopmentKeyRing) -> None:
    usage = ring.timestamp_key().certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_no_private_key_is_readable_by_others(folder: Path) -> None:
    private = [path for path, content in contents(folder).items() if b"PRIVATE KEY" in content]
    assert len(private) == 6
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for above in path.relative_to(folder).parents[:-1]:
            assert stat.S_IMODE((folder / above).stat().st_mode) == 0o700


def test_creating_again_adds_what_is_missing_and_renews_nothing(tmp_path: Path) -> None:
    assert create(tmp_path, [KADIS]) == ("kadis",)
    before = contents(tmp_path)
    renamed = OfficerSubject("kadis", "Orang Lain", "Jabatan Lain", "Instansi Lain", "rsa2048")
    assert create(tmp_path, [renamed, SEAL], now=NOW + timedelta(days=900)) == ("segel",)
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 2


def test_an_interrupted_creation_is_finished(tmp_path: Path) -> None:
    create(tmp_path, [KADIS])
    whole = contents(tmp_path)
    for lost in ("issuing.pem", "officers/kadis.pem", "tsa.pem"):
        (tmp_path / lost).unlink()
    create(tmp_path, [KADIS])
    assert contents(tmp_path).keys() == whole.keys()
    ring = DevelopmentKeyRing.open(tmp_path)
    for key in (ring.key("kadis"), ring.timestamp_key()):
        usable(key, NOW + timedelta(hours=1))


def test_a_lost_private_key_is_not_replaced_silently(tmp_path: Path) -> None:
    create(tmp_path, [KADIS])
    (tmp_path / "private" / "root.pem").unlink()
    with pytest.raises(KeyRefused, check=lambda problem: problem.code == "KEY_FOLDER"):
        create(tmp_path, [KADIS])


def test_two_first_starts_at_once_make_one_pki(tmp_path: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        added = pool.starmap(create, [(tmp_path, [KADIS, SEAL])] * 2)
    assert sorted(map(len, added)) == [0, 2]
    ring = DevelopmentKeyRing.open(tmp_path)
    for key_id in ("kadis", "segel"):
        usable(ring.key(key_id), NOW + timedelta(hours=1))


@pytest.mark.parametrize("key_id", ["../root", "", "a/b", ".tersembunyi", "nol\0"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, ring: DevelopmentKeyRing, key_id: str) -> None:
    with pytest.raises(KeyRefused, check=lambda problem: problem.code == "KEY_ID"):
        create(tmp_path, [OfficerSubject(key_id, "N", "J", "I")])
    with pytest.raises(NotFound):
        ring.key(key_id)
    assert not list(tmp_path.iterdir())


def test_an_unknown_key_and_a_missing_pki_are_said_so(tmp_path: Path, ring: DevelopmentKeyRing) -> None:
    with pytest.raises(NotFound):
        ring.key("tidak-ada")
    with pytest.raises(KeyRefused, check=lambda problem: problem.code == "KEY_FOLDER"):
        DevelopmentKeyRing.open(tmp_path)


def test_a_stranger_has_a_root_of_his_own(tmp_path: Path, ring: DevelopmentKeyRing) -> None:
    stranger = create_stranger(tmp_path)
    usable(stranger, NOW + timedelta(hours=1))
    assert stranger.chain[-1].subject != ring.anchors()[0].subject
    assert create_stranger(tmp_path).certificate == stranger.certificate
