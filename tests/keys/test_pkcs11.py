from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from keys import pkcs11_token
from keys.pkcs11_token import OpenSession, token_of
from keys.provider import SigningKey
from keys.ring import KeyList
from keys.software import PSS, PrivateKey, SoftwareKey
from storage.vocabulary import Misconfigured, Unavailable
from tests.keys.certificates import certificate, p256, root, rsa_key
from tests.keys.softhsm import PIN, SoftHsm
from tests.keys.test_software import refused

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root()


def listed(hsm: SoftHsm, *lines: str, key_id: str = "kadis") -> SigningKey:
    """The key of a list that holds only it."""
    (hsm.folder / "keys.toml").write_text(hsm.entry(key_id, *lines))
    key = KeyList.open(hsm.folder / "keys.toml").key(key_id)
    assert key.capability == "raw"
    return key


def check(certificate: x509.Certificate, algorithm: str, signature: bytes, data: bytes) -> None:
    public = certificate.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(public, rsa.RSAPublicKey)
        pss = algorithm == "rsa-pss-sha256"
        public.verify(signature, data, PSS if pss else padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (rsa_key(2048), "rsa-pkcs1-sha256"), (rsa_key(3072), "rsa-pss-sha256"), (p256(), "ecdsa-sha256"),
    ],
)  # fmt: skip
def test_each_algorithm_signs(
    hsm: SoftHsm, authority: SoftwareKey, private: PrivateKey, algorithm: str
) -> None:
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private, own)
    (hsm.folder / "chain.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    key = listed(hsm, 'label = "kadis"', 'chain = "chain.pem"', f'algorithm = "{algorithm}"')
    assert (key.id, key.algorithm, key.development, key.human_cost) == ("kadis", algorithm, False, "nothing")
    assert (key.certificate, key.chain) == (own, (authority.certificate,))
    check(own, algorithm, key.sign(b"isi"), b"isi")
    for data, signature in zip([b"a", b"b"], key.sign_many([b"a", b"b"]), strict=True):
        check(own, algorithm, signature, data)


def test_the_algorithm_follows_from_the_key_and_has_to_fit_it(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    hsm.add("kadis", private, certificate(private, issuer=authority))
    assert listed(hsm, 'label = "kadis"').algorithm == "ecdsa-sha256"
    with refused("KEY_ALGORITHM"):
        listed(hsm, 'label = "kadis"', 'algorithm = "rsa-pss-sha256"').sign(b"isi")


def test_nothing_is_asked_of_the_token_before_the_key_is_used(hsm: SoftHsm) -> None:
    text = hsm.entry("kadis", 'label = "kadis"').replace(str(hsm.module), "/nowhere/module.so")
    (hsm.folder / "keys.toml").write_text(text)
    key = KeyList.open(hsm.folder / "keys.toml").key("kadis")
    with pytest.raises(Misconfigured, match=r"/nowhere/module\.so", check=has_code("KEY_MODULE")):
        key.certificate  # noqa: B018 - reading it asks the token


def has_code(code: str) -> object:
    return lambda problem: problem.code == code


def test_a_key_is_found_by_label_or_id(hsm: SoftHsm, authority: SoftwareKey) -> None:
    one, two = p256(), p256()
    of_one, of_two = (certificate(each, issuer=authority) for each in (one, two))
    hsm.add("kadis", one, of_one, number=1)
    hsm.add("kadis", two, of_two, number=2)
    assert listed(hsm, 'object_id = "02"').certificate == of_two
    assert listed(hsm, 'label = "kadis"', 'object_id = "01"').certificate == of_one
    check(of_two, "", listed(hsm, 'object_id = "02"').sign(b"isi"), b"isi")
    with refused("KEY_MISSING") as caught:
        listed(hsm, 'label = "kadis"').sign(b"isi")
    assert "several" in caught.value.message
    for wrong in ('label = "sekda"', 'object_id = "ff"'):
        with refused("KEY_MISSING"):
            listed(hsm, wrong).sign(b"isi")


def test_the_certificate_may_come_from_a_file(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private)
    with refused("KEY_FILE") as caught:
        listed(hsm, 'label = "kadis"').sign(b"isi")
    assert "no certificate" in caught.value.message
    (hsm.folder / "kadis.pem").write_bytes(
        b"".join(each.public_bytes(Encoding.PEM) for each in (own, authority.certificate))
    )
    key = listed(hsm, 'label = "kadis"', 'certificate = "kadis.pem"')
    assert (key.certificate, key.chain) == (own, (authority.certificate,))
    check(own, "", key.sign(b"isi"), b"isi")


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_anothers_certificate_is_refused(hsm: SoftHsm, authority: SoftwareKey, kind: str) -> None:
    mine, others = (p256(), p256()) if kind == "p256" else (rsa_key(2048), rsa_key(2048))
    hsm.add("kadis", mine, certificate(others, issuer=authority))
    with refused("KEY_MISMATCH"):
        listed(hsm, 'label = "kadis"').sign(b"isi")


def test_a_certificate_that_must_not_sign_is_refused(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    hsm.add("kadis", private, certificate(private, issuer=authority, usage=("key_agreement",)))
    with refused("KEY_USAGE"):
        listed(hsm, 'label = "kadis"').sign(b"isi")


def test_a_key_that_asks_for_the_pin_each_time_is_refused(hsm: SoftHsm) -> None:
    with pkcs11.lib(str(hsm.module)).get_token(token_label=hsm.label).open(rw=True, user_pin=PIN) as session:
        session.generate_keypair(
            pkcs11.KeyType.RSA, 2048, store=True, label="kadis",
            private_template={pkcs11.Attribute.ALWAYS_AUTHENTICATE: True},
        )  # fmt: skip
    with refused("KEY_CAPABILITY") as caught:
        listed(hsm, 'label = "kadis"').sign(b"isi")
    assert "CKA_ALWAYS_AUTHENTICATE" in caught.value.message


@pytest.mark.parametrize("loss", ["close_all_sessions", "finalize", "log_out"])
def test_lost_sessions_are_opened_anew_once(hsm: SoftHsm, authority: SoftwareKey, loss: str) -> None:
    private = rsa_key(2048)
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private, own)
    key = listed(hsm, 'label = "kadis"')
    for _ in range(3):
        check(own, "rsa-pkcs1-sha256", key.sign(b"isi"), b"isi")
        getattr(hsm, loss)()
    check(own, "rsa-pkcs1-sha256", key.sign(b"isi"), b"isi")


def test_what_fails_after_the_sessions_were_opened_anew_is_not_tried_again(hsm: SoftHsm) -> None:
    token, tried = token_of(hsm.module, hsm.label, hsm.pin_file), []

    def work(opened: OpenSession) -> None:
        tried.append(opened)
        raise pkcs11.SessionHandleInvalid

    with pytest.raises(Unavailable, match="SessionHandleInvalid", check=has_code("KEY_DEVICE")):
        token.call(work)
    assert len(tried) == 2
    assert tried[0] is not tried[1]


def test_a_token_that_is_gone_makes_the_document_wait(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private, own)
    key = listed(hsm, 'label = "kadis"')
    key.sign(b"isi")
    with hsm.unplugged():
        for _ in range(2):
            with pytest.raises(Unavailable, match=hsm.label, check=has_code("KEY_DEVICE")):
                key.sign(b"isi")
    check(own, "", key.sign(b"isi"), b"isi")


def test_a_wrong_pin_is_counted_once(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    hsm.add("kadis", private, certificate(private, issuer=authority))
    assert not hsm.wrong_pin_counted()
    hsm.pin_file.write_text("0000-0000")
    key = listed(hsm, 'label = "kadis"')
    with refused("KEY_PIN") as caught:
        key.sign(b"isi")
    assert "0000" not in caught.value.message
    assert hsm.wrong_pin_counted()
    # The right PIN takes the token's count back; were ours sent once more, it would be counted again.
    hsm.log_in_by_hand()
    for _ in range(5):
        with refused("KEY_PIN"):
            key.sign(b"isi")
    assert not hsm.wrong_pin_counted()


_ONE_LOGIN = """
import sys
from pathlib import Path
from keys.provider import KeyRefused
from keys.ring import KeyList
key = KeyList.open(Path(sys.argv[1])).key("kadis")
print("ready", flush=True)
sys.stdin.readline()
try:
    key.sign(b"isi")
except KeyRefused as refusal:
    print(refusal.message)
"""


def test_of_workers_that_start_together_one_sends_the_wrong_pin(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    hsm.add("kadis", private, certificate(private, issuer=authority))
    hsm.pin_file.write_text("0000-0000")
    (hsm.folder / "keys.toml").write_text(hsm.entry("kadis", 'label = "kadis"'))
    command = [sys.executable, "-c", _ONE_LOGIN, str(hsm.folder / "keys.toml")]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for each in workers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in workers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate()[0] for each in workers]
    assert sorted("has counted a wrong PIN" in each for each in said) == [False, True, True], said


def test_after_a_login_by_hand_the_right_pin_opens_it(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private = p256()
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private, own)
    right = hsm.pin_file.read_text()
    hsm.pin_file.write_text("0000-0000")
    with refused("KEY_PIN"):
        listed(hsm, 'label = "kadis"').sign(b"isi")
    # A new start, as a supervisor makes it: nothing is sent while the token counts, not even the right PIN.
    hsm.pin_file.write_text(right)
    pkcs11_token._tokens.clear()
    with refused("KEY_PIN") as caught:
        listed(hsm, 'label = "kadis"').sign(b"isi")
    assert "has counted a wrong PIN" in caught.value.message
    assert hsm.wrong_pin_counted()
    hsm.log_in_by_hand()
    pkcs11_token._tokens.clear()
    check(own, "", listed(hsm, 'label = "kadis"').sign(b"isi"), b"isi")


def test_a_pin_file_that_is_not_there_is_named(hsm: SoftHsm) -> None:
    hsm.pin_file.unlink()
    with pytest.raises(Misconfigured, match=r"token\.pin", check=has_code("KEYS_FILE")):
        listed(hsm, 'label = "kadis"').sign(b"isi")


def test_several_threads_sign_with_a_session_each(hsm: SoftHsm, authority: SoftwareKey) -> None:
    private, other = rsa_key(2048), p256()
    own, of_other = certificate(private, issuer=authority), certificate(other, issuer=authority)
    hsm.add("kadis", private, own, number=1)
    hsm.add("sekda", other, of_other, number=2)
    keys = [listed(hsm, 'label = "kadis"'), listed(hsm, 'label = "sekda"', key_id="sekda")]

    def work(number: int) -> None:
        data, key = f"naskah {number}".encode(), keys[number % 2]
        check(key.certificate, key.algorithm, key.sign(data), data)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            list(threads.map(work, range(60)))
            # All four meet the loss, and one of them opens the token for all.
            hsm.close_all_sessions()


_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from keys.ring import KeyList
key = KeyList.open(Path(sys.argv[1])).key("kadis")
with ThreadPoolExecutor(4) as threads:
    made = list(threads.map(lambda number: key.sign(b"%d" % number).hex(), range(100)))
print("\\n".join(made))
"""


def test_a_module_without_locks_is_called_by_one_thread_at_a_time(
    hsm_modules: dict[str, Path], hsm: SoftHsm, authority: SoftwareKey
) -> None:
    private = rsa_key(2048)
    own = certificate(private, issuer=authority)
    hsm.add("kadis", private, own)
    direct = replace(hsm, module=hsm_modules["direct"])
    (hsm.folder / "keys.toml").write_text(direct.entry("kadis", 'label = "kadis"'))
    # In a process of its own: unguarded, SoftHSM2 takes the process with it.
    run = subprocess.run(
        [sys.executable, "-c", _THREADS, str(hsm.folder / "keys.toml")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    signatures = run.stdout.split()
    assert len(signatures) == 100
    for number, signature in enumerate(signatures):
        check(own, "rsa-pkcs1-sha256", bytes.fromhex(signature), b"%d" % number)
