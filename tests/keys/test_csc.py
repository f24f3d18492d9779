from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from keys import csc_service
from keys.csc import RemoteKey
from keys.csc_service import AnswerLost
from keys.ring import KeyList
from keys.software import PrivateKey, SoftwareKey
from storage.vocabulary import Misconfigured, Unavailable
from tests.keys.certificates import certificate, p256, root, rsa_key
from tests.keys.csc_place import CREDENTIAL, RemotePlace, pem, remote_place
from tests.keys.csc_server import (
    CLIENT_SECRET,
    OTP,
    PIN,
    PKCS1_SHA256,
    PLAIN_RSA,
    PSS,
    REDIRECT_URI,
    Credential,
)
from tests.keys.test_pkcs11 import check, has_code
from tests.keys.test_software import refused


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root()


@pytest.fixture(scope="module")
def private() -> PrivateKey:
    return p256()


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, authority: SoftwareKey, private: PrivateKey
) -> Iterator[RemotePlace]:
    own = certificate(private, issuer=authority)
    with remote_place(tmp_path, private, [own, authority.certificate], request.param) as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a service asked for, and that are not made."""
    asked: list[float] = []
    monkeypatch.setattr(csc_service, "sleep", asked.append)
    return asked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csc_service, "TIMEOUT_SECONDS", 0.4)


def hashes(number: int) -> list[bytes]:
    return [hashlib.sha256(str(each).encode()).digest() for each in range(number)]


@pytest.mark.parametrize(
    ("private", "offered", "algorithm"),
    [
        (rsa_key(2048), PKCS1_SHA256, "rsa-pkcs1-sha256"),
        (rsa_key(2048), PLAIN_RSA, "rsa-pkcs1-sha256"),
        (rsa_key(2048), PSS, "rsa-pss-sha256"),
        (p256(), None, "ecdsa-sha256"),
    ],
    ids=["pkcs1", "plain", "pss", "ecdsa"],
)
def test_each_algorithm_signs(
    place: RemotePlace, authority: SoftwareKey, private: PrivateKey, offered: str | None, algorithm: str
) -> None:
    own = certificate(private, issuer=authority)
    held = Credential(
        pem(private), [each.public_bytes(Encoding.DER) for each in (own, authority.certificate)]
    )
    if offered is not None:
        held.algorithms = (offered,)
    place.server.credentials[CREDENTIAL] = held
    key = place.key(f'algorithm = "{algorithm}"')
    assert (key.id, key.algorithm, key.development, key.human_cost) == ("segel", algorithm, False, "nothing")
    assert (key.certificate, key.chain) == (own, (authority.certificate,))
    check(own, algorithm, key.sign(b"isi"), b"isi")
    for data, signature in zip([b"a", b"b"], key.sign_many([b"a", b"b"]), strict=True):
        check(own, algorithm, signature, data)


def test_many_hashes_take_one_authorisation_and_one_token(place: RemotePlace) -> None:
    key = place.key()
    data = [str(each).encode() for each in range(1000)]
    made = key.sign_many(data)
    counts = place.server.counts
    assert (counts["credentials/authorize"], counts["signatures/signHash"], counts["signatures"]) == (
        1,
        1,
        1000,
    )
    assert counts["oauth2/token"] == 1
    for each, signature in zip(data, made, strict=True):
        check(key.certificate, "", signature, each)


def test_a_credential_for_fewer_gets_them_in_portions(place: RemotePlace) -> None:
    place.credential.multisign = 3
    key = place.key()
    assert len(key.sign_many([bytes([each]) for each in range(7)])) == 7
    assert place.server.counts["credentials/authorize"] == 3
    with refused("KEY_TOO_MANY"):
        key.authorise(hashes(4), pin=PIN)


def test_nothing_is_asked_of_the_service_before_the_key_is_used(place: RemotePlace) -> None:
    key = place.key()
    assert not place.server.counts
    assert key.sign(b"isi")


def test_the_only_credential_need_not_be_named(place: RemotePlace) -> None:
    assert place.key(credential=False).sign(b"isi")
    place.server.credentials["HX0224685"] = place.credential
    with refused("KEY_MISSING") as caught:
        place.key(credential=False).sign(b"isi")
    assert "2 credentials" in caught.value.message
    with refused("KEY_REFUSED"):
        place.key('credential = "tidak-ada"', credential=False).sign(b"isi")


def test_the_version_may_be_told_by_the_service(place: RemotePlace) -> None:
    unversioned = replace(place, service="layanan-")
    assert unversioned.key().sign(b"isi")
    asked = [each.partition("\n")[0] for each in place.server.seen]
    assert all("/csc/layanan-" in each or "/oauth2/" in each for each in asked)


@pytest.mark.parametrize("status", ["disabled", "revoked", "suspended"])
def test_a_credential_that_must_not_sign_is_refused(place: RemotePlace, status: str) -> None:
    if status == "disabled":
        place.credential.key_status = status
    else:
        place.credential.certificate_status = status
    with refused("KEY_DISABLED"):
        place.key().sign(b"isi")
    assert place.server.counts["credentials/authorize"] == 0


def test_a_certificate_that_must_not_sign_is_refused(
    place: RemotePlace, authority: SoftwareKey, private: PrivateKey
) -> None:
    wrong = certificate(private, issuer=authority, usage=("key_agreement",))
    place.credential.certificates = [wrong.public_bytes(Encoding.DER)]
    with refused("KEY_USAGE"):
        place.key().sign(b"isi")
    place.credential.certificates = [b"bukan sertifikat"]
    with refused("KEY_ANSWER"):
        place.key().sign(b"isi")


def test_an_algorithm_has_to_fit_the_key_and_the_service(place: RemotePlace) -> None:
    with refused("KEY_ALGORITHM"):
        place.key('algorithm = "rsa-pss-sha256"').sign(b"isi")
    place.credential.algorithms = (PKCS1_SHA256,)
    with refused("KEY_ALGORITHM") as caught:
        place.key().sign(b"isi")
    assert "service" in caught.value.message


def test_a_wrong_pin_is_sent_once_however_many_ask(place: RemotePlace) -> None:
    place.pin_file.write_text("0000-0000")
    key = place.key()
    with ThreadPoolExecutor(4) as pool, capture_logs() as logs:
        for each in [pool.submit(key.sign, b"isi") for _ in range(8)]:
            with refused("KEY_PIN") as caught:
                each.result()
            assert "0000-0000" not in caught.value.message
    assert place.credential.wrong_tries == 1
    assert [each["event"] for each in logs] == ["csc.pin_refused"]
    place.pin_file.write_text(f"{PIN}\n")
    assert key.sign(b"isi")
    assert place.credential.wrong_tries == 0


def test_a_locked_credential_says_so(place: RemotePlace) -> None:
    place.credential.wrong_tries = 3
    with refused("KEY_PIN") as caught:
        place.key().sign(b"isi")
    assert "locked" in caught.value.message


def test_a_token_is_renewed_before_it_ends(place: RemotePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    key = place.key()
    key.sign(b"isi")
    monkeypatch.setattr(csc_service, "monotonic", lambda: time.monotonic() + 3500)
    key.sign(b"isi")
    assert place.server.counts["oauth2/token"] == 1
    monkeypatch.setattr(csc_service, "monotonic", lambda: time.monotonic() + 3580)
    key.sign(b"isi")
    assert place.server.counts["oauth2/token"] == 2


def test_a_token_that_ended_early_is_exchanged_once(place: RemotePlace) -> None:
    key = place.key()
    key.sign(b"isi")
    place.server.tokens.clear()
    assert key.sign(b"isi")
    assert place.server.counts["oauth2/token"] == 2
    place.server.tokens.clear()
    place.server.bad = "expired_token"
    with refused("KEY_LOGIN"):
        key.sign(b"isi")
    assert place.server.counts["oauth2/token"] == 3
    assert place.server.counts["signatures"] == 2


def test_a_refused_account_is_told(place: RemotePlace) -> None:
    (place.folder / "csc.secret").write_text("bukan-rahasianya")
    key = place.key()
    with refused("KEY_LOGIN") as caught:
        key.sign(b"isi")
    assert "bukan-rahasianya" not in caught.value.message
    (place.folder / "csc.secret").write_text(CLIENT_SECRET)
    assert key.sign(b"isi")


def test_the_secret_goes_to_no_other_host(place: RemotePlace) -> None:
    place.server.oauth2 = "http://localhost:1/csc"
    with refused("KEY_LOGIN"):
        place.key().sign(b"isi")
    assert place.server.counts["oauth2/token"] == 0
    assert place.key(f'oauth2 = "{place.server.url(place.version)}"').sign(b"isi")


def test_an_expired_authorisation_is_asked_for_once_more(place: RemotePlace) -> None:
    key = place.key()
    place.server.bad = "expired_sad"
    with pytest.raises(Unavailable, check=has_code("KEY_SERVICE")):
        key.sign(b"isi")
    assert place.server.counts["credentials/authorize"] == 2
    assert place.server.counts["signatures"] == 0


def test_a_busy_service_is_waited_for_but_not_for_ever(place: RemotePlace, waits: list[float]) -> None:
    key = place.key()
    place.server.bad = "busy_once"
    assert key.sign(b"isi")
    assert waits == [3.0]
    # It has said that it did nothing: the same authorisation still counts.
    assert place.server.counts["credentials/authorize"] == 1
    place.server.bad = "busy"
    with pytest.raises(Unavailable, match="too often", check=has_code("KEY_SERVICE")):
        key.sign(b"isi")
    assert sum(waits[1:]) <= csc_service.PATIENCE_SECONDS
    assert place.server.counts["signatures"] == 1


def test_a_lost_answer_is_not_asked_for_again_unnoted(place: RemotePlace, impatient: None) -> None:
    key = place.key()
    place.server.bad = "hang"
    with capture_logs() as logs, pytest.raises(AnswerLost, check=has_code("KEY_SERVICE")):
        key.sign(b"isi")
    assert (place.server.counts["credentials/authorize"], place.server.counts["signatures/signHash"]) == (
        1,
        1,
    )
    assert [(each["event"], each["hashes"]) for each in logs] == [("csc.answer_lost", 1)]
    place.server.bad = None
    with capture_logs() as logs:
        key.sign_many([b"isi", b"lain"])
    assert [(each["event"], each["hashes"]) for each in logs] == [("csc.authorised_again", 1)]


@pytest.mark.parametrize("bad", ["garbage", "huge", "slow", "gateway", "compressed"])
def test_an_answer_that_is_none_is_a_lost_one(place: RemotePlace, impatient: None, bad: str) -> None:
    key = place.key()
    place.server.bad = bad
    with pytest.raises(AnswerLost):
        key.sign(b"isi")
    assert place.server.counts["signatures/signHash"] == 1


def test_a_redirection_is_not_followed(place: RemotePlace) -> None:
    key = place.key()
    place.server.bad = "redirect"
    with pytest.raises(Unavailable, match="307"):
        key.sign(b"isi")
    assert place.server.counts["elsewhere"] == 0


@pytest.mark.parametrize("bad", ["fewer", "no_base64"])
def test_too_few_signatures_or_none_are_refused(place: RemotePlace, bad: str) -> None:
    key = place.key()
    place.server.bad = bad
    with refused("KEY_ANSWER"):
        key.sign_many([b"a", b"b"])


def test_a_service_that_is_away_can_be_asked_later(place: RemotePlace) -> None:
    key = place.key()
    place.server.shutdown()
    place.server.socket.close()
    with pytest.raises(Unavailable, match="cannot be reached", check=has_code("KEY_SERVICE")):
        key.sign(b"isi")


def test_a_certificate_of_nobody_we_know_ends_the_connection(
    place: RemotePlace, authority: SoftwareKey, private: PrivateKey, tmp_path: Path
) -> None:
    own = certificate(private, issuer=authority, name="127.0.0.1")
    (tmp_path / "tls.pem").write_bytes(pem(private) + own.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    place.server.socket = context.wrap_socket(place.server.socket, server_side=True)
    text = place.entry("segel").replace("http://", "https://")
    (tmp_path / "keys.toml").write_text(text)
    key = KeyList.open(tmp_path / "keys.toml").key("segel")
    assert isinstance(key, RemoteKey)
    with pytest.raises(Unavailable, check=has_code("KEY_SERVICE")):
        key.sign(b"isi")
    assert not place.server.counts


def test_an_owner_authorises_with_what_they_type(place: RemotePlace) -> None:
    place.credential.asks_for = ("PIN", "OTP")
    key = place.key(pin=False)
    assert key.human_cost == "once_per_batch"
    with refused("KEY_AUTHORISATION"):
        key.sign(b"isi")
    with refused("KEY_AUTHORISATION"):
        key.authorise(hashes(2), pin=PIN)
    assert place.server.counts["credentials/authorize"] == 0
    with refused("KEY_PIN" if place.version == 2 else "KEY_OTP"):
        key.authorise(hashes(2), pin=PIN, otp="000000")
    assert place.credential.wrong_tries == 1
    given = key.authorise([hashlib.sha256(each).digest() for each in (b"a", b"b")], pin=PIN, otp=OTP)
    assert "sad=" not in repr(given)
    for data, signature in zip([b"a", b"b"], key.sign_authorised(given), strict=True):
        check(key.certificate, "", signature, data)
    with refused("KEY_AUTHORISATION"):
        key.sign_authorised(given)
    assert place.server.counts["signatures/signHash"] == 1


def test_a_pin_of_ours_does_not_do_where_a_human_is_needed(place: RemotePlace) -> None:
    place.credential.asks_for = ("PIN", "OTP")
    with refused("KEY_CAPABILITY"):
        place.key().sign(b"isi")
    place.credential.asks_for = ()
    assert place.key(pin=False).human_cost == "nothing"
    assert place.key(pin=False).sign(b"isi")


def test_an_authorised_key_signs_what_was_authorised_and_nothing_else(place: RemotePlace) -> None:
    key = place.key(pin=False)
    given = key.authorise([hashlib.sha256(each).digest() for each in (b"a", b"b")], pin=PIN)
    signing = key.authorised(given)
    with refused("KEY_AUTHORISATION"):
        signing.sign(b"c")
    assert place.server.counts["signatures/signHash"] == 0
    for data, signature in zip([b"b", b"a"], signing.sign_many([b"b", b"a"]), strict=True):
        check(key.certificate, "", signature, data)
    assert place.server.counts["signatures/signHash"] == 1


def test_an_owner_is_not_asked_again_where_nothing_was_signed(
    place: RemotePlace, waits: list[float], impatient: None
) -> None:
    key = place.key(pin=False)
    signing = key.authorised(key.authorise([hashlib.sha256(b"isi").digest()], pin=PIN))
    place.server.bad = "busy"
    with pytest.raises(Unavailable):
        signing.sign(b"isi")
    place.server.bad = None
    check(key.certificate, "", signing.sign(b"isi"), b"isi")
    # An answer that was lost may have been one.
    signing = key.authorised(key.authorise([hashlib.sha256(b"isi").digest()], pin=PIN))
    place.server.bad = "hang"
    with pytest.raises(AnswerLost):
        signing.sign(b"isi")
    place.server.bad = None
    with refused("KEY_AUTHORISATION"):
        signing.sign(b"isi")
    assert place.server.counts["credentials/authorize"] == place.server.counts["signatures"] == 2


def test_the_service_binds_an_authorisation_to_its_hashes(place: RemotePlace) -> None:
    key = place.key(pin=False)
    given = key.authorise(hashes(1), pin=PIN)
    other = type(given)(tuple(hashes(2)[1:]), given.ends, given.sad)
    with refused("KEY_AUTHORISATION"):
        key.sign_authorised(other)
    assert place.server.counts["signatures"] == 0


def test_an_authorisation_can_be_extended_before_it_ends(place: RemotePlace) -> None:
    place.server.sad_seconds = 60
    key = place.key(pin=False)
    given = key.authorise(hashes(2), pin=PIN)
    longer = key.extend(given)
    assert longer.ends > given.ends
    with refused("KEY_AUTHORISATION"):
        key.sign_authorised(given)
    assert len(key.sign_authorised(longer)) == 2
    ended = key.authorise(hashes(2), pin=PIN)
    with refused("KEY_AUTHORISATION"):
        key.sign_authorised(type(ended)(ended.digests, time.monotonic(), ended.sad))


@pytest.mark.parametrize("pushed", [True, False])
def test_an_owner_consents_in_a_browser(place: RemotePlace, pushed: bool) -> None:
    place.credential.mode, place.server.pushed_requests = "oauth2code", pushed
    key = place.key(pin=False)
    assert (key.by_consent, key.human_cost) == (True, "once_per_batch")
    data = [str(each).encode() for each in range(20)]
    digests = [hashlib.sha256(each).digest() for each in data]
    with refused("KEY_CAPABILITY"):
        key.authorise(digests, pin=PIN)
    consent = key.ask_consent(digests, redirect_uri=REDIRECT_URI)
    assert CLIENT_SECRET not in consent.address
    brought = place.server.consent(consent.address)
    with refused("KEY_AUTHORISATION"):
        key.redeem(consent, code=brought["code"], state="lain")
    given = key.redeem(consent, **brought)
    for each, signature in zip(data, key.sign_authorised(given), strict=True):
        check(key.certificate, "", signature, each)
    with refused("KEY_AUTHORISATION"):
        key.redeem(consent, **brought)
    assert place.server.counts["consent"] == 1


@pytest.mark.parametrize("path", ["/a b", "/\x1b[2J", "/é"])
def test_an_address_that_cannot_be_shown_is_refused(place: RemotePlace, path: str) -> None:
    place.credential.mode, place.server.pushed_requests = "oauth2code", False
    place.server.oauth2 = place.server.url(place.version) + path
    with refused("KEY_ANSWER"):
        place.key(pin=False).ask_consent(hashes(1), redirect_uri=REDIRECT_URI)


def test_a_consent_that_fits_no_address_is_refused(place: RemotePlace) -> None:
    place.credential.mode, place.server.pushed_requests = "oauth2code", False
    with refused("KEY_TOO_MANY"):
        place.key(pin=False).ask_consent(hashes(500), redirect_uri=REDIRECT_URI)
    place.server.pushed_requests = True
    assert place.key(pin=False).ask_consent(hashes(500), redirect_uri=REDIRECT_URI).address


def test_secrets_stand_in_no_log_and_no_address(place: RemotePlace, impatient: None) -> None:
    with capture_logs() as logs:
        key = place.key()
        key.sign(b"isi")
        for bad in ("hang", "garbage", "redirect", "expired_sad"):
            place.server.bad = bad
            with pytest.raises(Unavailable) as caught:
                key.sign(b"isi")
            chain: BaseException | None = caught.value
            while chain is not None:
                assert not any(each in repr(chain) for each in (PIN, CLIENT_SECRET, *place.server.tokens))
                chain = chain.__cause__ or chain.__context__
    assert not any(each in repr(logs) for each in (PIN, CLIENT_SECRET, *place.server.tokens))
    requests = "".join(each.partition("\n")[0] for each in place.server.seen)
    assert PIN not in requests and CLIENT_SECRET not in requests


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("http://127.0.0.1", "http://tsp.example.id"), "needs an https address as “csc”"),
        (("http://127.0.0.1", "https://a:b@tsp.example.id"), "needs an https address as “csc”"),
        (("/csc/", "/csc?x=/"), "needs an https address as “csc”"),
        (('client_id = "absah-penguji"', ""), "lacks “client_id”"),
        (("csc.secret", "tidak-ada"), "cannot be read"),
        (("segel.pin", "tidak-ada"), "cannot be read"),
        (("pin_file", "pin"), "unknown entry “pin”"),
    ],
)
def test_a_wrong_entry_is_one_sentence(place: RemotePlace, changed: tuple[str, str], said: str) -> None:
    (place.folder / "keys.toml").write_text(place.entry("segel").replace(*changed))
    with pytest.raises(Misconfigured, check=has_code("KEYS_FILE")) as caught:
        KeyList.open(place.folder / "keys.toml")
    assert said in caught.value.message and "“segel”" in caught.value.message
