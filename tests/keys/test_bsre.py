"""The key list's entries for BSrE, and what the key does by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from keys import bsre_service as module
from keys.bsre import BsreKey
from keys.provider import HumanSecret, ReplyLost
from keys.ring import KeyList
from storage.vocabulary import Misconfigured, Unavailable
from tests.keys.attended import KEY, write_key
from tests.keys.bsre_server import NIK, PASSPHRASE, PASSWORD, TOTP, Authority, Bsre, server
from tests.keys.certificates import NOW, certificate, p256, root
from tests.keys.serving import serving
from tests.keys.test_software import refused

PDF = b"%PDF-1.7\n"
SECRET = HumanSecret("passphrase", PASSPHRASE)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def bsre(authority: Authority) -> Iterator[Bsre]:
    service = Bsre(authority)
    yield service
    service.lost.set()


def opened(listing: Path) -> BsreKey:
    key = KeyList.open(listing).key(KEY)
    assert isinstance(key, BsreKey)
    return key


def test_a_key_is_locked_until_somebody_typed(tmp_path: Path, authority: Authority) -> None:
    key = opened(write_key(tmp_path, authority, "http://127.0.0.1:9"))
    assert (key.capability, key.human_cost, key.unlocked(SECRET).human_cost) == (
        "pdf", "once_per_batch", "nothing",
    )  # fmt: skip
    assert key.certificate == authority.official.certificate
    with refused("KEY_LOCKED"):
        key.sign_pdf(PDF, reason="", location="")
    with refused("KEY_CAPABILITY"):
        key.unlocked(HumanSecret("totp", TOTP))


def test_no_secret_is_in_what_a_key_prints(tmp_path: Path, authority: Authority) -> None:
    key = opened(write_key(tmp_path, authority, "http://127.0.0.1:9")).unlocked(SECRET)
    printed = f"{key!r} {key.account!r} {key.secret!r} {vars(key)!r}"
    assert not [each for each in (PASSPHRASE, NIK, PASSWORD) if each in printed]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "", "needs “version”, which is 1 or 2"),
        ("version = 1", "version = 3", "needs “version”, which is 1 or 2"),
        ("version = 1", "version = true", "needs “version”"),
        ('"http://10.0.0.5"', '"ftp://10.0.0.5"', "needs an address"),
        ('"http://10.0.0.5"', '"http://absah:rahasia@10.0.0.5"', "needs an address"),
        ('nik_file = "kepala.nik"', 'email = "a@b.id"', "needs “nik_file”"),
        ('nik_file = "kepala.nik"', f'nik = "{NIK}"', "needs “nik_file”"),
        ('nik_file = "kepala.nik"', 'nik_file = "bsre.password"', "16 digits"),
        ('password_file = "bsre.password"', 'password = "rahasia"', "lacks “password_file”"),
        ('username = "absah"', "", "lacks “username”"),
        ('certificate = "kepala.pem"', "", "lacks “certificate”"),
        ("version = 1", 'version = 1\npassphrase_file = "x"', "unknown entry “passphrase_file”"),
    ],
)
def test_a_wrong_entry_is_one_sentence(
    tmp_path: Path, authority: Authority, old: str, new: str, said: str
) -> None:
    listing = write_key(tmp_path, authority, "http://10.0.0.5")
    listing.write_text(listing.read_text().replace(old, new))
    with pytest.raises(Misconfigured, check=lambda problem: problem.code == "KEYS_FILE") as caught:
        opened(listing)
    assert said in caught.value.message
    assert KEY in caught.value.message
    assert not [each for each in (NIK, PASSWORD, "rahasia") if each in caught.value.message]


def test_the_officials_certificate_is_checked_before_anything_is_signed(
    tmp_path: Path, authority: Authority
) -> None:
    listing = write_key(tmp_path, authority, "http://10.0.0.5")
    above = root()
    for code, changes in (
        ("KEY_USAGE", {"usage": ("key_encipherment",)}),
        ("KEY_EXPIRED", {"ends": NOW - timedelta(hours=1)}),
        ("KEY_NOT_YET_VALID", {"begins": NOW + timedelta(hours=1)}),
    ):
        made = certificate(p256(), issuer=above, **changes)  # type: ignore[arg-type]
        (tmp_path / "kepala.pem").write_bytes(made.public_bytes(Encoding.PEM))
        (tmp_path / "bsre.pem").write_bytes(above.certificate.public_bytes(Encoding.PEM))
        with refused(code):
            opened(listing)


def test_an_answer_that_hangs_is_lost_after_our_patience(
    tmp_path: Path, bsre: Bsre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 3.0)
    bsre.mode = "hangs"
    from tests.signer.test_signature import rendered

    with serving(server(bsre)) as url:
        key = opened(write_key(tmp_path, bsre.authority, url.rstrip("/"))).unlocked(SECRET)
        with pytest.raises(ReplyLost) as caught:
            key.sign_pdf(rendered(), reason="r", location="l")
    assert bsre.signed == 1
    assert caught.value.__cause__ is None, "what the library says may hold the address"
    assert NIK not in caught.value.message


def test_a_key_locks_at_bsre_and_we_never_help_it(tmp_path: Path, bsre: Bsre) -> None:
    with serving(server(bsre)) as url:
        key = opened(write_key(tmp_path, bsre.authority, url.rstrip("/"), version=2))
        for attempt in (1, 2, 3):
            with refused("KEY_PASSPHRASE"):
                key.unlocked(HumanSecret("passphrase", "salah")).sign_pdf(PDF, reason="", location="")
            assert bsre.wrong == attempt
        with refused("KEY_PASSPHRASE"):
            key.unlocked(SECRET).sign_pdf(PDF, reason="", location="")
    assert bsre.locked
    assert bsre.signed == 0


def test_codes_as_text_mean_the_same(tmp_path: Path, bsre: Bsre) -> None:
    bsre.mode = "codes as text"
    with serving(server(bsre)) as url:
        key = opened(write_key(tmp_path, bsre.authority, url.rstrip("/")))
        with refused("KEY_PASSPHRASE"):
            key.unlocked(HumanSecret("passphrase", "salah")).sign_pdf(PDF, reason="", location="")


def test_an_unknown_official_and_a_wrong_login_are_named(tmp_path: Path, bsre: Bsre) -> None:
    with serving(server(bsre)) as url:
        for version in (1, 2):
            listing = write_key(tmp_path, bsre.authority, url.rstrip("/"), version=version)
            (tmp_path / "kepala.nik").write_text("3175024107900001")
            with refused("KEY_USER") as caught:
                opened(listing).unlocked(SECRET).sign_pdf(PDF, reason="", location="")
            assert "3175024107900001" not in caught.value.message
            write_key(tmp_path, bsre.authority, url.rstrip("/"), version=version)
            (tmp_path / "bsre.password").write_text("lain")
            with refused("PROVIDER_REFUSED"):
                opened(listing).unlocked(SECRET).sign_pdf(PDF, reason="", location="")


def test_a_service_that_is_away_was_asked_nothing(tmp_path: Path, authority: Authority) -> None:
    key = opened(write_key(tmp_path, authority, "http://127.0.0.1:9")).unlocked(SECRET)
    with pytest.raises(Unavailable, check=lambda problem: problem.code == "KEY_PROVIDER"):
        key.sign_pdf(PDF, reason="", location="")
