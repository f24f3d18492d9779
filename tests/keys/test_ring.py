from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding

from keys.ring import KeyList
from keys.software import SoftwareKey
from storage.vocabulary import Misconfigured, NotFound
from tests.keys.certificates import certificate, p256, root, rsa_key
from tests.keys.test_software import PASSPHRASE, refused, write_pem, write_pkcs12

PKCS12 = 'pkcs12 = "kadis.p12"\npassphrase_file = "kadis.passphrase"\n'
TOKEN = 'pkcs11 = "m"\ntoken = "t"\npin_file = "p"\n'
PEM = 'pem = "key.pem"\nchain = "chain.pem"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A P-256 key as PKCS#12, and an RSA key as PEM."""
    authority: SoftwareKey = root()
    one, two = p256(), rsa_key(2048)
    own = certificate(one, issuer=authority, name="Ahmad Contoh")
    write_pkcs12(tmp_path / "kadis.p12", one, [own, authority.certificate])
    (tmp_path / "kadis.passphrase").write_bytes(PASSPHRASE + b"\n")
    write_pem(tmp_path, two, [certificate(two, issuer=authority), authority.certificate])
    return tmp_path


def opened(folder: Path, text: str) -> KeyList:
    (folder / "keys.toml").write_text(text)
    return KeyList.open(folder / "keys.toml")


def test_one_list_holds_keys_of_each_kind(folder: Path) -> None:
    ring = opened(
        folder,
        f'[[key]]\nid = "a"\n{PKCS12}[[key]]\nid = "b"\n{PEM}'
        f'[[key]]\nid = "c"\nalgorithm = "rsa-pss-sha256"\n{PEM}'
        '[[key]]\nid = "d"\npkcs11 = "/nowhere/module.so"\ntoken = "T"\npin_file = "pin"\nlabel = "k"\n',
    )
    assert list(ring) == ["a", "b", "c", "d"]
    algorithms = []
    for key_id in "abc":
        key = ring.key(key_id)
        assert key.capability == "raw"
        algorithms.append(key.algorithm)
    assert algorithms == ["ecdsa-sha256", "rsa-pkcs1-sha256", "rsa-pss-sha256"]
    with pytest.raises(NotFound, match="“e”"):
        ring.key("e")


def test_a_pem_key_may_have_a_passphrase(folder: Path) -> None:
    authority, private = root(), p256()
    write_pem(folder, private, [certificate(private, issuer=authority)], BestAvailableEncryption(PASSPHRASE))
    with refused("KEY_PASSPHRASE"):
        opened(folder, f'[[key]]\nid = "b"\n{PEM}')
    # Not that the file needs a passphrase, which the list means to name.
    with pytest.raises(Misconfigured, match="unknown entry “pasphrase_file”"):
        opened(folder, f'[[key]]\nid = "b"\npasphrase_file = "kadis.passphrase"\n{PEM}')
    key = opened(folder, f'[[key]]\nid = "b"\npassphrase_file = "kadis.passphrase"\n{PEM}').key("b")
    assert key.id == "b"
    (folder / "kadis.passphrase").write_text("salah-ketik")
    with refused("KEY_PASSPHRASE") as caught:
        opened(folder, f'[[key]]\nid = "b"\npassphrase_file = "kadis.passphrase"\n{PEM}')
    assert "salah-ketik" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "KeyError"),
        ("[[key]\n", "TOMLDecodeError"),
        ("key = 1\n", "TypeError"),
        (f"[[key]]\n{PKCS12}", "'id'"),
        ('[[key]]\nid = "a"\n', "exactly one of pkcs12, pem"),
        (f'[[key]]\nid = "a"\npem = "key.pem"\n{PKCS12}', "exactly one of"),
        ('[[key]]\nid = "a"\npkcs12 = "kadis.p12"\n', "“a” lacks “passphrase_file”"),
        ('[[key]]\nid = "a"\npem = "key.pem"\n', "“a” lacks “chain”"),
        (f'[[key]]\nid = "a"\npasphrase_file = "x"\n{PEM}', "“a” has the unknown entry “pasphrase_file”"),
        (f'[[key]]\nid = "a"\npassphrase = "rahasia"\n{PEM}', "unknown entry “passphrase”"),
        (f'[[key]]\nid = "a"\n{PEM}[[key]]\nid = "a"\n{PKCS12}', "“a” stands there twice"),
        ('[[key]]\nid = "a"\npem = 3\nchain = "chain.pem"\n', "“a” has something other than text as “pem”"),
        ('[[key]]\nid = "a"\npkcs12 = "kadis.p12"\npassphrase_file = "no"\n', "which cannot be"),
        (f'[[key]]\nid = "a"\n{TOKEN}', "needs “label” or “object_id”"),
        (f'[[key]]\nid = "a"\n{TOKEN}object_id = "xy"\n', "not hexadecimal"),
        ('[[key]]\nid = "a"\npkcs11 = "m"\npin_file = "p"\nlabel = "k"\n', "lacks “token”"),
        ('[[key]]\nid = "a"\npkcs11 = "m"\ntoken = "t"\nlabel = "k"\n', "lacks “pin_file”"),
    ],
)  # fmt: skip
def test_a_wrong_list_is_one_sentence_that_names_the_place(folder: Path, text: str, said: str) -> None:
    with pytest.raises(Misconfigured, check=lambda problem: problem.code == "KEYS_FILE") as caught:
        opened(folder, text)
    assert said in caught.value.message
    assert str(folder / "keys.toml") in caught.value.message
    assert "rahasia" not in caught.value.message


def test_an_algorithm_has_to_fit_the_key(folder: Path) -> None:
    for kind, algorithm in ((PKCS12, "rsa-pss-sha256"), (PEM, "ecdsa-sha256"), (PEM, "rsa")):
        with refused("KEY_ALGORITHM") as caught:
            opened(folder, f'[[key]]\nid = "a"\nalgorithm = "{algorithm}"\n{kind}')
        assert "its certificate allows" in caught.value.message


def test_the_key_of_another_official_is_refused(folder: Path) -> None:
    for officer in ("Ahmad Contoh", "AHMAD  contoh"):
        key = opened(folder, f'[[key]]\nid = "a"\nofficer = "{officer}"\n{PKCS12}').key("a")
        assert key.certificate.public_bytes(Encoding.DER)
    for other in ("Ahmad", "Siti Contoh"):
        ring = opened(folder, f'[[key]]\nid = "a"\nofficer = "{other}"\n{PKCS12}')
        with refused("KEY_OFFICER"):
            ring.key("a")
