"""Whom an installation trusts: the trust folder, its terms, and ``absah trust``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from sample_files import signed_pdf
from small_pki import NOW, Identity, Pki, issue
from trusted_lists import QTST, ListMaker, Service, fingerprint

from keys.development import DevelopmentKeyRing, create
from storage.vocabulary import Misconfigured
from verifier.by_file import inspect
from verifier.trust.anchor import Anchor, read_fingerprint
from verifier.trust.certificate_files import NotACertificate, read_certificates
from verifier.trust.folder import read_files, read_trust
from verifier.trust.keeping import TrustRefused, add_anchor, check_authority, remove_anchor
from verifier.trust.terms import BOTH, Purpose, Terms, read_terms

_DAY = timedelta(days=1)
SIGNING: frozenset[Purpose] = frozenset(("signing",))
STAMPING: frozenset[Purpose] = frozenset(("time_stamping",))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def typed(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


# Files


@pytest.mark.parametrize("kind", ["pem", "der", "p7b", "p7b-pem", "text-around", "trailing-newline"])
def test_certificates_come_in_many_forms(people: Pki, kind: str) -> None:
    both = [people.root.certificate, people.ca.certificate]
    content = {
        "pem": people.root.pem + people.ca.pem,
        "der": der(both[0]),
        "p7b": pkcs7.serialize_certificates(both, Encoding.DER),
        "p7b-pem": pkcs7.serialize_certificates(both, Encoding.PEM),
        "text-around": b"# Akar\r\n" + people.root.pem.replace(b"\n", b"\r\n") + b"text\n" + people.ca.pem,
        "trailing-newline": der(both[0]) + b"\r\n",
    }[kind]
    expected = both if kind not in ("der", "trailing-newline") else both[:1]
    assert {each.der for each in read_certificates(content)} == {der(each) for each in expected}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"\x30", b"\x30\x82\xff\xff",
        b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PKCS7-----\nMAAA\n-----END PKCS7-----\n",
    ],
)  # fmt: skip
def test_what_is_no_certificate(content: bytes) -> None:
    with pytest.raises(NotACertificate):
        read_certificates(content)


def test_terms_travel_with_the_certificate(people: Pki) -> None:
    terms = Terms(STAMPING, NOW, NOW + _DAY)
    encoded = Anchor(der(people.root.certificate), terms).encode()
    [found] = read_certificates(encoded)
    assert (found.der, found.terms) == (der(people.root.certificate), terms)
    assert read_terms(b"whatever") == Terms(BOTH, None, None)
    for wrong in (b"absah-purpose: everything\n", b"absah-trusted-until: tomorrow\n"):
        with pytest.raises(NotACertificate):
            read_certificates(wrong + people.root.pem)


# What an anchor counts for


def trusted(pdf: bytes, *anchors: Anchor, at: datetime = NOW) -> list[tuple[str, str]]:
    answer = inspect(pdf, anchors=[each.encode() for each in anchors], moment=at)
    return [(each.trust, each.level) for each in answer.signatures]


def test_a_purpose_limits_what_an_anchor_vouches_for(people: Pki) -> None:
    root = der(people.root.certificate)
    pdf = signed_pdf(stamped=NOW)
    source = {purposes: Anchor(root, Terms(purposes)) for purposes in (BOTH, SIGNING, STAMPING)}
    proven = {
        purposes: inspect(pdf, anchors=[anchor.encode()], moment=NOW).signatures[0]
        for purposes, anchor in source.items()
    }
    assert [(each.trust, each.signed_at_source) for each in proven.values()] == [
        ("trusted", "timestamp"), ("trusted", "claimed"), ("untrusted", "timestamp"),
    ]  # fmt: skip
    # Two anchors of one certificate add up.
    [both] = inspect(
        pdf, anchors=[source[SIGNING].encode(), source[STAMPING].encode()], moment=NOW
    ).signatures
    assert (both.trust, both.signed_at_source) == ("trusted", "timestamp")


@pytest.mark.parametrize(
    ("start", "end", "answer"),
    [
        (None, NOW + _DAY, "trusted"),
        (NOW - _DAY, None, "trusted"),
        (NOW + _DAY, None, "untrusted"),
        (None, NOW - _DAY, "untrusted"),
    ],
)
def test_an_anchor_counts_between_its_dates_only(
    people: Pki, start: datetime | None, end: datetime | None, answer: str
) -> None:
    anchor = Anchor(der(people.root.certificate), Terms(BOTH, start, end))
    assert trusted(signed_pdf(), anchor)[0][0] == answer


def test_a_signature_that_is_proven_from_before_the_end_stays_trusted(people: Pki) -> None:
    root = der(people.root.certificate)
    later = NOW + 400 * _DAY
    ended = Anchor(root, Terms(SIGNING, None, NOW + _DAY))
    stamps = Anchor(root, Terms(STAMPING))
    assert trusted(signed_pdf(stamped=NOW), ended, stamps, at=later) == [("trusted", "PAdES-B-T")]
    assert trusted(signed_pdf(), ended, stamps, at=later)[0][0] == "untrusted"


# The folder


def test_an_anchor_is_kept_with_its_record(people: Pki, tmp_path: Path) -> None:
    added = Anchor(
        der(people.root.certificate),
        Terms(SIGNING, None, NOW + _DAY),
        "operator",
        note='by "telephone"\n[x] = 1 \\ é',
        added_by="siti",
        added_at=NOW,
    )
    file = add_anchor(tmp_path / "trust", added)
    [kept] = read_trust(tmp_path / "trust").anchors
    assert kept == Anchor(**{**vars(added), "source": str(file), "note": 'by "telephone" [x] = 1 \\ é'})
    record = tomllib.loads(file.with_suffix(".toml").read_text())
    assert record["sha256"] == typed(people.root.certificate)
    with pytest.raises(TrustRefused) as caught:
        add_anchor(tmp_path / "trust", added)
    assert caught.value.code == "TRUST_TWICE"
    removed = remove_anchor(tmp_path / "trust", fingerprint(people.root.certificate), NOW)
    assert removed.note == kept.note
    assert read_trust(tmp_path / "trust").anchors == ()
    assert len(list((tmp_path / "trust" / "removed").iterdir())) == 2
    with pytest.raises(TrustRefused):
        remove_anchor(tmp_path / "trust", fingerprint(people.root.certificate), NOW)


def test_a_shared_file_is_not_removed_with_one_of_its_certificates(people: Pki, tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(people.root.pem + people.ca.pem)
    with pytest.raises(TrustRefused) as caught:
        remove_anchor(tmp_path, fingerprint(people.root.certificate), NOW)
    assert caught.value.code == "TRUST_SHARED_FILE"
    assert len(read_trust(tmp_path).anchors) == 2


@pytest.mark.parametrize(
    "record", ["sha256 = 'AB'", "x", 'sha256 = "{other}"', 'sha256 = "{own}"\npurpose = "all"']
)
def test_a_record_that_makes_no_sense_stops_everything(people: Pki, tmp_path: Path, record: str) -> None:
    (tmp_path / "a.pem").write_bytes(people.root.pem)
    own, other = typed(people.root.certificate), typed(people.ca.certificate)
    (tmp_path / "a.toml").write_text(record.format(own=own, other=other))
    with pytest.raises(Misconfigured) as caught:
        read_trust(tmp_path)
    assert caught.value.code == "TRUST_RECORD"


def test_a_damaged_file_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_bytes(b"hello")
    with pytest.raises(Misconfigured, match=r"a\.crt"):
        read_trust(tmp_path)
    (tmp_path / "a.crt").unlink()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "XX.json").write_text("{}")
    with pytest.raises(Misconfigured) as caught:
        read_trust(tmp_path)
    assert caught.value.code == "TRUST_LIST"
    with pytest.raises(Misconfigured):
        read_files((tmp_path / "none.pem",))


def refused_as(certificate: bytes) -> str:
    with pytest.raises(TrustRefused) as caught:
        check_authority(certificate)
    return caught.value.code


def test_only_an_authority_may_be_an_anchor(people: Pki) -> None:
    check_authority(der(people.root.certificate))
    check_authority(der(people.ca.certificate))
    assert refused_as(der(people.officer.certificate)) == "TRUST_NOT_AUTHORITY"
    assert refused_as(b"\x30\x03\x02\x01\x01") == "TRUST_UNREADABLE"
    broken = bytearray(der(people.root.certificate))
    broken[-1] ^= 1
    assert refused_as(bytes(broken)) == "TRUST_BROKEN"


@pytest.fixture(scope="module")
def development_root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("keys")
    create(folder, [])
    return next(iter(DevelopmentKeyRing.open(folder).anchors())).public_bytes(Encoding.PEM)


def test_the_development_root_is_marked_and_production_refuses_it(
    development_root: bytes, people: Pki, tmp_path: Path
) -> None:
    (tmp_path / "development-root.pem").write_bytes(development_root)
    (tmp_path / "root.pem").write_bytes(people.root.pem)
    assert [each.is_development for each in read_trust(tmp_path).anchors] == [True, False]
    with pytest.raises(Misconfigured) as caught:
        read_trust(tmp_path, production=True)
    assert caught.value.code == "TRUST_DEVELOPMENT_ROOT"
    marked = Anchor(read_certificates(development_root)[0].der)
    with pytest.raises(TrustRefused):
        add_anchor(tmp_path / "other", marked, production=True)


@pytest.mark.parametrize("text", ["", "AB", "G" * 64, "A" * 63, "A" * 65])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(ValueError, match="64"):
        read_fingerprint(text)


def test_fingerprints_are_read_as_people_write_them(people: Pki) -> None:
    digits = typed(people.root.certificate)
    for written in (digits, digits.lower(), digits.replace(":", ""), digits.replace(":", " ")):
        assert read_fingerprint(written) == fingerprint(people.root.certificate)


# The command


def trust(
    data: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signer", "trust", *arguments],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ABSAH_DATA": str(data), **environment},
        cwd=data, input=given, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "root.pem").write_bytes(people.root.pem)
    (tmp_path / "officer.pem").write_bytes(people.officer.pem)
    (tmp_path / "good.pdf").write_bytes(signed_pdf(stamped=NOW))
    return tmp_path


def verdict(data: Path, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "verifier.cli", "good.pdf", "--json"],
        env={"PATH": os.environ["PATH"], "ABSAH_DATA": str(data), **environment},
        cwd=data, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return str(json.loads(run.stdout)["verdict"]) if run.stdout else run.stderr


def test_adding_listing_and_removing_a_root(data: Path, people: Pki) -> None:
    assert "Nobody is trusted" in trust(data, "list").stdout
    assert verdict(data) == "untrusted_signer"
    mark = typed(people.root.certificate)
    wrong = mark[:-1] + ("0" if mark[-1] != "0" else "1")
    for given, said in (
        (f"{mark}\n{wrong}\n", "differ"),
        (f"{wrong}\n{wrong}\n", "fingerprint"),
        ("AB\nAB\n", "64"),
    ):
        refused = trust(data, "add", "root.pem", given=given)
        assert refused.returncode == 1
        assert "TRUST_FINGERPRINT: " in refused.stderr.splitlines()[-1]
        assert said in refused.stderr
        # Whoever shows the fingerprint has it copied instead of compared.
        assert mark not in refused.stderr + refused.stdout
    assert not (data / "trust").exists()
    added = trust(
        data, "add", "root.pem", "--purpose", "signing", "--until", "2099-12-31", "--by", "Siti",
        "--note", "Berita Negara", given=f"{mark}\n{mark.lower()}\n",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert verdict(data) == "valid"
    [shown] = map(json.loads, trust(data, "list", "--json").stdout.splitlines())
    assert (shown["sha256"], shown["purpose"], shown["added_by"], shown["note"]) == (
        mark, "signing", "Siti", "Berita Negara",
    )  # fmt: skip
    assert shown["trusted_until"] == "2099-12-31T23:59:59+00:00"
    assert (shown["counts_now"], shown["recorded"], shown["development"]) == (True, True, False)
    table = trust(data, "list").stdout
    assert mark in table
    assert "Akar Uji" in table
    assert trust(data, "remove", mark, given=f"{wrong}\n").returncode == 1
    assert verdict(data) == "valid"
    assert trust(data, "remove", mark, "--fingerprint", mark).returncode == 0
    assert verdict(data) == "untrusted_signer"


def test_scripts_give_the_fingerprint_twice(data: Path, people: Pki) -> None:
    mark = typed(people.root.certificate)
    once = trust(data, "add", "root.pem", "--fingerprint", mark)
    assert "twice" in once.stderr
    assert trust(data, "add", "root.pem", "--fingerprint", mark, "--fingerprint", mark).returncode == 0


def test_a_person_is_no_root(data: Path, people: Pki) -> None:
    mark = typed(people.officer.certificate)
    refused = trust(data, "add", "officer.pem", "--fingerprint", mark, "--fingerprint", mark)
    assert refused.stderr.startswith("TRUST_NOT_AUTHORITY: ")
    assert trust(data, "add", "good.pdf").stderr.startswith("NOT_A_CERTIFICATE: ")
    assert not (data / "trust").exists()


def test_production_refuses_a_development_root(data: Path, development_root: bytes) -> None:
    (data / "trust").mkdir()
    (data / "trust" / "development-root.pem").write_bytes(development_root)
    assert "DEVELOPMENT" in trust(data, "list").stdout
    said = verdict(data, ABSAH_ENV="production")
    assert "development" in said
    assert len(said.splitlines()) == 1
    assert verdict(data) == "untrusted_signer"


def test_a_trusted_list_from_the_command_line(data: Path, people: Pki) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    signer: Identity = issue("Penerbit Daftar", None)
    maker = ListMaker(
        [
            Service(people.ca.certificate, since=NOW - 9 * _DAY),
            Service(people.tsa.certificate, QTST, since=NOW - 9 * _DAY),
        ],
        issued=now - _DAY,
        next_update=now + 30 * _DAY,
    )
    (data / "list.xml").write_bytes(maker.signed(signer))
    mark = typed(signer.certificate)
    twice = ("--fingerprint", mark, "--fingerprint", mark)
    added = trust(data, "list-add", "list.xml", *twice)
    assert added.returncode == 0, added.stderr
    assert verdict(data) == "valid"
    [shown] = map(json.loads, trust(data, "list", "--json").stdout.splitlines())
    assert (shown["territory"], shown["anchors"], shown["stale"]) == ("XX", 2, False)
    assert trust(data, "list-add", "http://127.0.0.1/x", *twice).stderr.startswith("FETCH_REFUSED: ")
    assert trust(data, "list-add", "https://127.0.0.1/x", *twice).stderr.startswith("FETCH_REFUSED: ")
    assert trust(data, "list-add", "none.xml", *twice).stderr.startswith("TRUST_FILE: ")
    # Past its next update the list is told as stale; what was signed before stays as it was proven then.
    kept = data / "trust" / "lists" / "XX.json"
    values = json.loads(kept.read_text())
    values["next_update"] = (now - _DAY).isoformat()
    kept.write_text(json.dumps(values))
    assert "STALE" in trust(data, "list").stdout
    assert trust(data, "list-remove", "XX").returncode == 0
    assert verdict(data) == "untrusted_signer"


def test_trust_files_of_every_kind_on_the_command_line(data: Path, people: Pki) -> None:
    folder = data / "roots"
    folder.mkdir()
    (folder / "bundle.p7b").write_bytes(pkcs7.serialize_certificates([people.root.certificate], Encoding.DER))
    (folder / "note.txt").write_text("x")
    (data / "root.der").write_bytes(people.root.certificate.public_bytes(serialization.Encoding.DER))
    for place in ("roots", "roots/bundle.p7b", "root.der", "root.pem"):
        run = subprocess.run(
            [sys.executable, "-m", "verifier.cli", "good.pdf", "--trust", place],
            env={"PATH": os.environ["PATH"]}, cwd=data, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert run.returncode == 0, place
