"""``absah sign`` with a key at BSrE: whole files, unseen, after a passphrase; what comes back is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from click.testing import CliRunner, Result
from sqlalchemy import select

from keys.provider import HumanSecret, KeyRefused, ReplyLost
from signer import key_audit
from signer.cli import absah
from signer.foreign_signature import ProviderRefused
from signer.upload import StampPlace, UploadOrder, UploadTools, sign_upload
from signer.upload_words import UploadRefused
from storage.database import transaction
from storage.lookup import Lookup
from storage.reconcile import discrepancies
from storage.tables import audit_event
from storage.vocabulary import Status
from templates.stamp import Stamp
from tests.interop.conftest import SAMPLE
from tests.keys.attended import AGENCY, KEY, office_at
from tests.keys.bsre_server import PASSPHRASE, Bsre
from tests.office import Office
from tests.signer.large_upload import Witness
from tests.signer.test_sign_command import WITH_QR, drawn
from tests.signer.test_signature import judge_verapdf, rendered
from tests.signer.uploads import AT
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with office_at(bsre, empty_office, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


class Person:
    """Types the same at every question, and counts them."""

    def __init__(self, value: str = PASSPHRASE) -> None:
        self.value, self.asked = value, 0

    def __call__(self) -> HumanSecret:
        self.asked += 1
        return HumanSecret("passphrase", self.value)


def signed(
    office: Office,
    sandbox: Sandbox,
    file: Path,
    *,
    level: str = "PAdES-B-T",
    stamp: Stamp | None = None,
    person: Person | None = None,
    witness: Witness | None = None,
) -> str:
    """What the library makes of the file, in place: the level that the new signature has."""
    anchors = read_trust(office.settings.trust_folder, production=False).encoded()
    tools = UploadTools(sandbox, anchors, office.workshop.timestamps, office.workshop.revocation)
    order = UploadOrder(
        office.workshop.keys.key(KEY), level, "Ratna", "Mengetahui", "Contoh", AT, stamp, StampPlace(),
        person or Person(),
    )  # fmt: skip
    made = sign_upload(tools, file, order, witness or Witness())
    assert made.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    return made.signature.level


@pytest.mark.parametrize("stamped", ["b-b", "b-t"])
@pytest.mark.parametrize("level", ["PAdES-B-B", "PAdES-B-T", "PAdES-B-LT", "PAdES-B-LTA"])
def test_each_level_is_reached(
    office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path, level: str, stamped: str
) -> None:
    """With a time-stamp of the service, or a document time-stamp of ours where it gives none."""
    bsre.level = stamped
    file, before = tmp_path / "surat.pdf", rendered()
    file.write_bytes(before)
    person, witness = Person(), Witness()
    reached = signed(office, sandbox, file, level=level, person=person, witness=witness)
    # A document time-stamp is more than was asked for, and so is the service's own.
    more = {("PAdES-B-B", "b-t"): "PAdES-B-T", ("PAdES-B-LT", "b-b"): "PAdES-B-LTA"}
    assert reached == more.get((level, stamped), level)
    after = file.read_bytes()
    assert after.startswith(before)
    assert witness.intended == [hashlib.sha256(before).digest()]
    [reply] = witness.replies
    assert after.startswith(reply)
    assert person.asked == bsre.signed == 1


def test_a_stamp_is_put_onto_the_page_before_the_service_signs(
    office: Office, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    signed(office, sandbox, file, stamp=WITH_QR)
    (found,) = zxingcpp.read_barcodes(drawn(file.read_bytes(), 1))
    assert found.text == WITH_QR.url


def test_pdf_a_and_pdf_ua_are_kept(office: Office, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "judged").mkdir()
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    signed(office, sandbox, file, stamp=WITH_QR)
    judge_verapdf({"stempel": file.read_bytes()}, tmp_path / "judged")


def test_a_second_signature_leaves_the_first_as_it_was_and_takes_no_stamp(
    office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path
) -> None:
    file = tmp_path / "surat.pdf"
    before = (SAMPLE / "genuine" / "openpdf-028-save-sign-letter.pdf").read_bytes()
    file.write_bytes(before)
    (office.settings.trust_folder / "sample.pem").write_bytes((SAMPLE / "root.pem").read_bytes())
    person = Person()
    with pytest.raises(UploadRefused, check=lambda problem: problem.code == "STAMP_ON_SIGNED"):
        signed(office, sandbox, file, stamp=WITH_QR, person=person)
    assert person.asked == bsre.signed == 0
    file.write_bytes(before)
    assert signed(office, sandbox, file, person=person) == "PAdES-B-T"
    anchors = read_trust(office.settings.trust_folder, production=False).encoded()
    answer = sandbox.inspect_now(file.read_bytes(), anchors=anchors, moment=AT)
    assert [each.integrity for each in answer.signatures] == ["intact", "intact"]
    assert {each.changes for each in answer.signatures} <= {"none", "permitted"}


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("another document", "PROVIDER_ALTERED"), ("rewritten", "PROVIDER_ALTERED"),
        ("flipped byte", "PROVIDER_ALTERED"), ("page behind", "PROVIDER_ALTERED"),
        ("bytes behind", "PROVIDER_ALTERED"), ("twice", "PROVIDER_ALTERED"),
        ("visible", "PROVIDER_VISIBLE"), ("unsigned", "PROVIDER_UNSIGNED"),
        ("other key", "PROVIDER_SIGNER"), ("broken", "PROVIDER_BROKEN"),
    ],
)  # fmt: skip
def test_another_answer_is_refused_and_kept(
    office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path, mode: str, code: str
) -> None:
    bsre.mode = mode
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    witness = Witness()
    with pytest.raises(ProviderRefused) as refused:
        signed(office, sandbox, file, witness=witness)
    assert refused.value.code == code
    assert len(witness.replies) == bsre.signed == 1


def test_a_wrong_passphrase_is_sent_once(
    office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path
) -> None:
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    witness = Witness()
    with pytest.raises(KeyRefused, check=lambda problem: problem.code == "KEY_PASSPHRASE"):
        signed(office, sandbox, file, person=Person("salah"), witness=witness)
    assert bsre.wrong == 1
    assert witness.replies == []


def test_a_lost_answer_is_told_as_such(office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path) -> None:
    bsre.mode = "cuts"
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    with pytest.raises(ReplyLost):
        signed(office, sandbox, file)


def test_a_file_that_is_too_large_is_not_sent(
    office: Office, sandbox: Sandbox, bsre: Bsre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signer.upload._MOST_BYTES_FOR_A_SERVICE", 1000)
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    person = Person()
    with pytest.raises(UploadRefused, check=lambda problem: problem.code == "UPLOAD_TOO_LARGE"):
        signed(office, sandbox, file, person=person)
    assert person.asked == bsre.signed == 0


# -- the command


def called(office: Office, file: Path, *arguments: str, typed: str = f"{PASSPHRASE}\n") -> Result:
    environment = {
        "ABSAH_DATA": str(office.settings.data),
        "ABSAH_KEYS_FILE": str(office.settings.keys_file),
    }
    out = str(file.with_suffix(".signed.pdf"))
    arguments = ("sign", str(file), "-o", out, "--agency", AGENCY, *arguments)
    return CliRunner().invoke(absah, arguments, input=typed, env=environment)


def test_the_command_asks_for_the_passphrase_and_registers(
    office: Office, bsre: Bsre, tmp_path: Path
) -> None:
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    run = called(
        office,
        file,
        "--level",
        "B-LT",
        "--stamp",
        "auto",
        "--number",
        "400/12/2026",
        "--title",
        "Surat Tugas",
    )
    assert run.exit_code == 0, run.output + str(run.exception)
    assert "Passphrase" in run.output
    assert PASSPHRASE not in run.output
    assert "kept" not in run.stderr
    told = dict(pair for line in run.stdout.splitlines() if len(pair := line.split(maxsplit=1)) == 2)
    assert told["level"] == "PAdES-B-LT"
    assert not list(tmp_path.glob("*.reply-*")), "what the service answered is in the output"
    engine = office.workshop.register.engine
    found = Lookup(engine).by_code(told["code"])
    assert found is not None
    assert found.status(AT) == Status.IN_FORCE
    with transaction(engine) as connection:
        canonical = " ".join(connection.scalars(select(audit_event.c.canonical)))
        assert list(key_audit.discrepancies(connection)) == []
        assert list(discrepancies(connection, office.workshop.archive)) == []
    assert PASSPHRASE not in canonical


def test_what_the_service_answered_stays_where_it_was_refused(
    office: Office, bsre: Bsre, tmp_path: Path
) -> None:
    bsre.mode = "visible"
    file = tmp_path / "surat.pdf"
    file.write_bytes(rendered())
    run = called(office, file)
    assert run.exit_code != 0
    assert not file.with_suffix(".signed.pdf").exists()
    [kept] = tmp_path.glob("*.reply-*")
    assert kept.read_bytes().startswith(rendered()[:100])
    assert f"What the service answered is kept: {kept}" in run.stderr
