"""Every kind of signature is read and judged; whatever is changed in what was signed breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from asn1crypto import core
from cms_maker import (
    CONTENT,
    KEYS,
    Maker,
    attribute,
    authority,
    certify,
    der_of,
    digest_of,
    in_pieces,
    make_cms,
    make_token,
    raw_rsa,
    sign,
    signer,
    signing_certificate,
    stamped,
    stamper,
    standard_attributes,
    value_of,
    wrap,
)
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pki import NOW

from verifier.algorithms import Message
from verifier.certificate import read_certificate
from verifier.certificates import Evidence, is_readable, judge_signer
from verifier.subfilters import Judged, judge_contents

ROOM = bytes(64)


def judge(
    data: bytes, content: bytes = CONTENT, sub_filter: str = "adbe.pkcs7.detached", **options: Any
) -> Judged:
    middle = len(content) // 3
    message = Message(content[:middle], memoryview(content)[middle:])
    return judge_contents(data, sub_filter, message, **options)


def integrity(data: bytes, content: bytes = CONTENT, **options: Any) -> str:
    judged = judge(data, content, **options)
    answers = [judged.answer.integrity, *(token.answer.integrity for token in judged.tokens)]
    if judged.tail:
        return "tail"
    return next((each for each in answers if each != "intact"), "intact")


def flipped(data: bytes, part: bytes, at: int = -1, bit: int = 0) -> bytes:
    """The data with one bit of a part turned over."""
    start = data.index(part)
    assert part, "nothing to flip"
    position = start + at % len(part)
    return data[:position] + bytes((data[position] ^ 1 << bit,)) + data[position + 1 :]


# Algorithms

ALGORITHMS: list[tuple[str, str, str, dict[str, Any]]] = [
    *(("rsa2048", "rsa", d, {}) for d in
      ("md5", "sha1", "ripemd160", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512")),
    *(("rsa2048", "rsa", d, {"stated": None}) for d in ("sha1", "sha256", "sha3_384")),
    ("rsa1024", "rsa", "sha256", {}),
    *(("rsa2048", "pss", d, {"salt": s})
      for d in ("sha1", "sha256", "sha384", "sha512") for s in (0, 20, 32)),
    ("rsa2048", "pss", "sha256", {"salt": 32, "mask": "sha1"}),
    ("rsa2048", "pss", "sha3_256", {"salt": 32, "mask": "sha512"}),
    ("rsa2048", "pss", "sha1", {"stated": None}),
    ("rsa2048", "pss", "sha256", {"stated": None, "salt": 32}),
    *((k, "ecdsa", d, {}) for k, d in
      (("p224", "sha224"), ("p256", "sha256"), ("p384", "sha384"), ("p521", "sha512"), ("k256", "sha256"),
       ("p256", "sha1"), ("p256", "sha512"), ("p256", "sha3_256"), ("brainpool256", "sha256"),
       ("brainpool384", "sha384"), ("brainpool512", "sha512"))),
    ("p256", "ecdsa", "sha256", {"stated": None}),
    *((k, "plain", d, {}) for k, d in
      (("p256", "sha256"), ("p521", "sha512"), ("brainpool384", "sha3_384"), ("p256", "ripemd160"),
       ("p256", "sha1"))),
    ("dsa2048", "dsa", "sha256", {}), ("dsa2048", "dsa", "sha1", {}),
    ("dsa2048", "dsa", "sha512", {"stated": None}),
    ("ed25519", "eddsa", "sha512", {"stated": None}), ("ed448", "eddsa", "shake_256", {"stated": None}),
]  # fmt: skip
NAMES = [f"{k}-{s}-{d}-{'-'.join(map(str, o.values()))}" for k, s, d, o in ALGORITHMS]


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "bare"])
@pytest.mark.parametrize(("kind", "scheme", "digest", "options"), ALGORITHMS, ids=NAMES)
def test_every_algorithm_is_judged(
    kind: str, scheme: str, digest: str, options: dict[str, Any], attributes: bool
) -> None:
    maker = signer(kind)
    data = make_cms(maker=maker, scheme=scheme, digest=digest, bare=not attributes, **options)
    assert integrity(data + ROOM) == "intact"
    weak = digest in ("md5", "sha1", "ripemd160") or kind == "rsa1024"
    assert (judge(data).answer.weakness is not None) == weak

    assert integrity(data, CONTENT[:-1] + b"!") == "broken"
    assert integrity(flipped(data, value_of(data), at=len(value_of(data)) // 2)) == "broken"
    key = maker.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert integrity(flipped(data, key, at=-3)) != "intact"
    if attributes:
        assert integrity(flipped(data, digest_of(digest, CONTENT))) == "broken"
    other = certify("Lain", KEYS[kind](), authority())
    wrong = make_cms(
        maker=Maker(other.key, maker.certificate, maker.issuers),
        scheme=scheme, digest=digest, bare=not attributes, **options,
    )  # fmt: skip
    assert integrity(wrong) == "broken"


@pytest.mark.parametrize(
    ("stated", "digest_stated"), [("sha512", None), ("sha1", None), ("sha256", "sha1"), ("sha256", "sha512")]
)
def test_identifiers_that_disagree_are_read_by_what_was_done(stated: str, digest_stated: str | None) -> None:
    maker = signer("rsa2048")
    data = make_cms(maker=maker, scheme="rsa", stated=stated, digest_stated=digest_stated)
    assert integrity(data) == "intact"
    assert integrity(data, CONTENT + b" ") == "broken"


def test_an_identifier_of_another_kind_of_key_is_read_by_the_key() -> None:
    maker = signer("p256")
    signed = wrap(0x31, *sorted(standard_attributes(CONTENT, "sha256")))
    value = sign(maker.key, "ecdsa", "sha256", signed)
    data = make_cms(scheme="rsa", stated=None, value=value)
    assert (judge(data).answer.integrity, judge(data).answer.notes) == ("intact", ("signatureAlgorithm",))
    assert integrity(flipped(data, value)) == "broken"


def test_x962_and_plain_are_told_apart_by_the_value() -> None:
    maker = signer("p256")
    signed = wrap(0x31, *sorted(standard_attributes(CONTENT, "sha256")))
    assert integrity(make_cms(value=sign(maker.key, "plain", "sha256", signed))) == "intact"


def test_rsa_padding_is_compared_to_its_last_byte() -> None:
    """A digest followed by room for anything is how keys with a small exponent are forged (CVE-2006-4339)."""
    maker = signer("rsa2048")
    signed = wrap(0x31, *sorted(standard_attributes(CONTENT, "sha256")))
    algorithm = wrap(0x30, core.ObjectIdentifier("2.16.840.1.101.3.4.2.1").dump(), b"\x05\x00")
    info = wrap(0x30, algorithm, wrap(0x04, digest_of("sha256", signed)))
    right = make_cms(maker=maker, scheme="rsa", value=raw_rsa(maker.key, info))
    assert integrity(right) == "intact"
    for wrong in (
        info + b"\0",
        info + b"garbage",
        wrap(0x30, algorithm, wrap(0x04, digest_of("sha256", b""))),
    ):
        assert integrity(make_cms(maker=maker, scheme="rsa", value=raw_rsa(maker.key, wrong))) == "broken"


def test_what_cannot_be_computed_stays_open() -> None:
    data = make_cms(maker=signer("rsa2048"), scheme="rsa")
    unknown = core.ObjectIdentifier("1.2.840.113549.1.1.99").dump()
    named = core.ObjectIdentifier("1.2.840.113549.1.1.11").dump()
    start = data.rindex(named)
    answer = judge(data[:start] + unknown + data[start + len(named) :]).answer
    assert (answer.integrity, answer.finding) == ("undetermined", "UNSUPPORTED_SIGNATURE")


# SubFilters


def test_the_digest_inside_is_that_of_the_range() -> None:
    digest = digest_of("sha1", CONTENT)
    for options in ({}, {"bare": True}):
        data = make_cms(digest, encapsulated=digest, digest="sha1", **options)
        for name in ("adbe.pkcs7.sha1", ""):
            assert integrity(data, sub_filter=name) == "intact"
            assert integrity(data, CONTENT + b" ", sub_filter=name) == "broken"
        assert integrity(flipped(data, digest), sub_filter="adbe.pkcs7.sha1") == "broken"
        # Under the name of a detached signature it would be one over twenty other bytes.
        assert integrity(data) == "broken"
    assert judge(data, sub_filter="adbe.pkcs7.sha1").answer.weakness is not None


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512", "ripemd160"])
def test_a_bare_rsa_value_with_its_certificate_beside_it(digest: str) -> None:
    maker = signer("rsa2048")
    value = sign(maker.key, "rsa", digest, CONTENT)
    data = wrap(0x04, value)
    chain = [maker.der, *map(der_of, maker.issuers)]
    for name in ("adbe.x509.rsa_sha1", ""):
        options = {"sub_filter": name, "certificate_entry": chain}
        assert integrity(data + ROOM, **options) == "intact"
        assert integrity(data, CONTENT + b" ", **options) == "broken"
        assert integrity(flipped(data, value), **options) == "broken"
    assert judge(data, sub_filter=name, certificate_entry=chain[::-1]).answer.integrity != "intact"
    missing = judge(data, sub_filter=name).answer
    assert (missing.integrity, missing.finding) == ("undetermined", "SIGNER_CERTIFICATE_MISSING")
    changed = [flipped(maker.der, b"Penanda rsa2048"), *chain[1:]]
    assert integrity(data, sub_filter=name, certificate_entry=changed) == "broken"


def test_content_in_a_detached_signature_does_not_count() -> None:
    for inside in (b"", CONTENT, b"something else"):
        data = make_cms(encapsulated=inside)
        assert integrity(data) == "intact"
        assert ("eContent" in judge(data).answer.notes) == bool(inside)
        assert integrity(data, CONTENT + b" ") == "broken"
    attack = make_cms(b"what somebody signed elsewhere", encapsulated=b"what somebody signed elsewhere")
    assert integrity(attack) == "broken"


@pytest.mark.parametrize("name", ["", "adbe.pkcs7.detached", "ETSI.CAdES.detached", "PBAD.PAdES", "Other"])
def test_the_cms_says_what_the_name_does_not(name: str) -> None:
    assert integrity(make_cms(), sub_filter=name) == "intact"
    assert integrity(make_cms(), CONTENT + b" ", sub_filter=name) == "broken"


def test_a_document_time_stamp() -> None:
    token = make_token(CONTENT)
    for name in ("ETSI.RFC3161", ""):
        judged = judge(token + ROOM, sub_filter=name)
        assert judged.is_time_stamp
        assert (judged.answer.integrity, judged.tokens[0].time) == ("intact", NOW)
        assert integrity(token, CONTENT + b" ", sub_filter=name) == "broken"
    assert integrity(make_cms(), sub_filter="ETSI.RFC3161") == "broken"
    assert integrity(token, sub_filter="adbe.pkcs7.detached") == "broken"


# Encodings


def kept() -> list[bytes]:
    return [signer().der, stamper().der, *map(der_of, signer().issuers)]


def test_ber_is_read_and_told() -> None:
    data = in_pieces(make_cms(), kept())
    assert integrity(data + ROOM) == "intact"
    assert "BER" in judge(data).answer.notes
    assert integrity(data, CONTENT + b" ") == "broken"


def test_tokens_in_ber_and_as_whole_replies_are_read() -> None:
    def tokens(value: bytes) -> list[bytes]:
        token = make_token(value)
        reply = wrap(0x30, wrap(0x30, core.Integer(0).dump()), token)
        return [token, in_pieces(token, kept()), reply]

    data = stamped(tokens)
    judged = judge(data)
    assert [token.intact for token in judged.tokens] == [True, True, True]
    assert integrity(data) == "intact"


def test_one_broken_token_of_several_counts() -> None:
    data = stamped(lambda value: [make_token(value), make_token(b"another value")])
    assert [token.intact for token in judge(data).tokens] == [True, False]
    assert integrity(data) == "broken"
    assert integrity(stamped(lambda value: [flipped(make_token(value), b"20261101", at=3)])) == "broken"
    assert integrity(stamped(lambda value: [b"\x30\x03\x02\x01\x01"])) == "broken"


@pytest.mark.parametrize("store", ["sorted", "reversed"])
@pytest.mark.parametrize("sign_order", ["sorted", "reversed"])
def test_attributes_out_of_order_are_read_and_told(store: str, sign_order: str) -> None:
    data = make_cms(store=store, sign_order=sign_order)
    # Stored in order but signed in another is what nobody can have meant.
    expected = "broken" if (store, sign_order) == ("sorted", "reversed") else "intact"
    assert integrity(data) == expected
    assert ("SET OF" in judge(data).answer.notes) == (store == "reversed")


def test_bytes_behind_the_cms_are_nobodys() -> None:
    data = make_cms()
    assert integrity(data + bytes(5000)) == "intact"
    for tail in (b"\1", bytes(100) + b"x" + bytes(100), b" ", data):
        assert integrity(data + tail) == "tail"
    assert judge(data + bytes(10) + b"abc" + bytes(10)).tail == 3


def test_a_signer_is_found_by_key_identifier_and_by_any_spelling_of_the_name() -> None:
    assert integrity(make_cms(by_key=True)) == "intact"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "ca  CMS", _type=x509.name._ASN1Type.PrintableString),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "UJI", _type=x509.name._ASN1Type.BMPString),
        ]
    ).public_bytes()
    assert name != signer().asn1.issuer.dump()
    assert integrity(make_cms(issuer=name)) == "intact"
    other = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Orang Lain")]).public_bytes()
    answer = judge(make_cms(issuer=other)).answer
    assert (answer.integrity, answer.finding) == ("undetermined", "SIGNER_CERTIFICATE_MISSING")
    # The signed part names the certificate, whatever the unsigned identifier says.
    answer = judge(make_cms(issuer=other, more=[signing_certificate(signer())])).answer
    assert (answer.integrity, answer.notes) == ("intact", ("sid",))


def test_a_certificate_elsewhere_is_found() -> None:
    data = make_cms(certificates=[])
    assert judge(data).answer.finding == "SIGNER_CERTIFICATE_MISSING"
    assert integrity(data, CONTENT + b" ") == "broken", "the digest needs no certificate"
    found = read_certificate(signer().der)
    assert integrity(data, elsewhere=lambda: (found,)) == "intact"
    assert integrity(data, certificate_entry=[signer().der]) == "intact"
    token = stamped(lambda value: [make_token(value, certificates=[])], more=[])
    assert integrity(token) == "undetermined"
    assert integrity(token, elsewhere=lambda: (read_certificate(stamper().der),)) == "intact"


def test_two_signers_in_one_cms_are_an_attack() -> None:
    answer = judge(make_cms(copies=2)).answer
    assert (answer.integrity, answer.finding) == ("broken", "SEVERAL_SIGNERS")
    assert judge(make_cms(copies=0)).answer.integrity == "broken"


# Attributes


def test_the_named_certificate_has_to_be_the_one() -> None:
    for older in (False, True):
        named = signing_certificate(signer(), older=older)
        assert integrity(make_cms(more=[named])) == "intact"
        twin = certify("Penanda p256", signer().key, authority())
        answer = judge(make_cms(more=[signing_certificate(twin, older=older)])).answer
        assert (answer.integrity, answer.finding) == ("broken", "SIGNER_CERTIFICATE_MISMATCH")
    swapped = make_cms(more=[named], certificates=[twin.der, *map(der_of, twin.issuers)])
    assert integrity(swapped) != "intact"


def test_the_serial_number_beside_the_digest_has_to_agree() -> None:
    serial = signer().certificate.serial_number
    assert integrity(make_cms(more=[signing_certificate(signer(), serial=serial)])) == "intact"
    answer = judge(make_cms(more=[signing_certificate(signer(), serial=serial + 1)])).answer
    assert (answer.integrity, answer.finding) == ("broken", "SIGNER_CERTIFICATE_MISMATCH")


def test_what_the_attributes_must_say() -> None:
    content_type, digest = standard_attributes(CONTENT, "sha256")
    other_type, _ = standard_attributes(CONTENT, "sha256", "1.2.840.113549.1.9.16.1.4")
    _, other_digest = standard_attributes(CONTENT + b" ", "sha256")
    for wrong in (
        [content_type], [], [other_type, digest], [content_type, other_digest],
        [content_type, digest, other_digest], [content_type, content_type, digest],
        [content_type, attribute("1.2.840.113549.1.9.4")],
        [content_type, attribute("1.2.840.113549.1.9.4", *[wrap(4, digest_of("sha256", CONTENT))] * 2)],
    ):  # fmt: skip
        assert integrity(make_cms(attributes=wrong)) == "broken"
    assert judge(make_cms(attributes=[digest])).answer.notes == ("content-type",)


def test_other_attributes_change_nothing_and_the_policy_is_told() -> None:
    hints = attribute("1.2.840.113549.1.9.16.2.4", wrap(0x30, core.ObjectIdentifier("1.2.3").dump()))
    policy = attribute(
        "1.2.840.113549.1.9.16.2.15", wrap(0x30, core.ObjectIdentifier("2.16.76.1.7.1").dump())
    )
    answer = judge(make_cms(more=[hints, policy])).answer
    assert (answer.integrity, answer.signed.policy) == ("intact", "2.16.76.1.7.1")


def test_a_content_time_stamp_is_over_the_content() -> None:
    right = attribute("1.2.840.113549.1.9.16.2.20", make_token(CONTENT))
    wrong = attribute("1.2.840.113549.1.9.16.2.20", make_token(CONTENT + b" "))
    assert [token.role for token in judge(make_cms(more=[right])).tokens] == ["content"]
    assert integrity(make_cms(more=[right])) == "intact"
    assert integrity(make_cms(more=[wrong])) == "broken"


def is_accepted(data: bytes) -> bool:
    """Intact, and trusted by way of the root alone."""
    answer = judge(data).answer
    if answer.integrity != "intact" or answer.certificate is None:
        return False
    root = read_certificate(der_of(authority().issuers[-1]))
    evidence = Evidence((root,), tuple(each for each in answer.certificates if is_readable(each)))
    return judge_signer(answer.certificate, evidence, NOW, time_proven=True).trust == "trusted"


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_changed_certificate_is_never_accepted(bit: int) -> None:
    """Also without the attribute that names it: its issuer is at hand and did not sign this."""
    data = make_cms()
    assert is_accepted(data)
    told = 0
    for part in (signer().der, der_of(authority().certificate)):
        for at in range(0, len(part), 5):
            changed = flipped(data, part, at=at, bit=bit)
            assert not is_accepted(changed), at
            told += judge(changed).answer.finding == "CERTIFICATE_CHANGED"
    assert told > 20


# Anything


SIGNED = make_cms(more=[signing_certificate(signer())])
STAMPED = stamped(lambda value: [make_token(value)], more=[signing_certificate(signer())])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_and_never_pass_with_a_signed_byte_changed(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([SIGNED, STAMPED, in_pieces(SIGNED, kept())]))
    position = data.draw(st.integers(0, len(original) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "swap"]))
    if kind == "flip":
        bit = 1 << data.draw(st.integers(0, 7))
        mutant = original[:position] + bytes((original[position] ^ bit,)) + original[position + 1 :]
    elif kind == "cut":
        mutant = original[:position] + original[position + data.draw(st.integers(1, 40)) :]
    elif kind == "insert":
        mutant = original[:position] + data.draw(st.binary(min_size=1, max_size=20)) + original[position:]
    else:
        end = position + data.draw(st.integers(1, 60))
        mutant = original[:position] + original[position:end][::-1] + original[end:]
    judged = judge(mutant)
    assert judged.answer.integrity in ("intact", "broken", "undetermined")
    assert integrity(mutant, CONTENT + b" ") != "intact"
    if judged.answer.integrity == "intact":
        assert judged.answer.certificate is not None
        assert judged.answer.certificate.public_key == read_certificate(signer().der).public_key
        assert judged.answer.signed == judge(original).answer.signed
        for token in judged.tokens:
            assert not token.intact or token.time == NOW


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["", "adbe.pkcs7.detached", "adbe.x509.rsa_sha1", "ETSI.RFC3161"]),
)
def test_noise_is_no_signature(noise: bytes, name: str) -> None:
    assert judge(noise, sub_filter=name, certificate_entry=[noise]).answer.integrity != "intact"


def test_depth_and_length_beyond_reason_are_refused() -> None:
    deep = b"\x30\x80" * 100_000
    for data in (deep, b"\x30\x84\xff\xff\xff\xff", b"\x30\x89" + b"\xff" * 9, b"\x1f" * 100, b"", b"\x30"):
        assert judge(data).answer.integrity == "broken"
    wide = b"\x30\x80" + b"\x05\x00" * 2_000_000
    assert judge(wide).answer.integrity == "broken"
