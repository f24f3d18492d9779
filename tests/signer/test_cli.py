"""The command line as people use it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from keys.software import SoftwareKey
from signer.cli import _COMMANDS, main
from signer.settings import Settings
from storage.vocabulary import FieldProblem, InvalidRequest
from tests.command_line import Run, absah
from tests.keys.certificates import DAY, NOW, certificate, root, rsa_key
from tests.keys.responder import responder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first use makes it."""
    data = tmp_path_factory.mktemp("cli") / "data"
    assert "First use" in absah(data, "set-up").stderr
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def sample(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sample") / "data.json"
    file.write_text(absah(made, "types", "sip-dokter", "--sample").stdout)
    return file


def printed(run: Run) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in run.stdout.splitlines())


def test_types(made: Path) -> None:
    listed = absah(made, "types").stdout
    assert [line.split()[0] for line in listed.splitlines()] == [
        "sip-apoteker", "sip-bidan", "sip-dokter", "sip-dokter-gigi", "sip-perawat",
        "surat-keterangan-penelitian",
    ]  # fmt: skip
    assert "nomor_str" in absah(made, "types", "sip-dokter").stdout
    assert json.loads(absah(made, "types", "sip-dokter", "--json").stdout)["type"] == "object"
    assert "UNKNOWN_TYPE" in absah(made, "types", "sip-dukun", code=1).stderr


def test_issuing_twice_with_one_key_and_checking_the_result(data: Path, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "sip.pdf"
    arguments = ("issue", "sip-dokter", str(sample), "--idempotency-key", "permohonan-1")
    first = printed(absah(data, *arguments, "-o", str(out)))
    assert set(first) == {"agency", "number", "code", "url", "path"}
    assert (first["path"], first["url"].endswith("/d/" + first["code"])) == (str(out), True)
    again = printed(absah(data, *arguments))
    assert {**again, "path": ""} == {**first, "path": ""}
    assert Path(again["path"]).read_bytes() == out.read_bytes()
    checked = json.loads(absah(data, "verify", str(out), "--json").stdout)
    assert (checked["verdict"], checked["register"]["number"]) == ("valid", first["number"])
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**json.loads(sample.read_text()), "tempat_praktik": "Klinik Lain"}))
    conflict = absah(data, "issue", "sip-dokter", str(other), "--idempotency-key", "permohonan-1", code=1)
    assert "IDEMPOTENCY_KEY_REUSED" in conflict.stderr


def test_what_cannot_be_issued_is_said_in_words_and_costs_no_number(
    data: Path, sample: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    fields = json.loads(sample.read_text())

    def refused(content: str, *options: str, type_id: str = "sip-dokter", code: int = 1) -> str:
        bad.write_text(content)
        return absah(data, "issue", type_id, str(bad), *options, code=code).stderr

    assert "MALFORMED_JSON" in refused("{")
    assert "JSON object" in refused("[1]")
    assert "UNKNOWN_TYPE" in refused(sample.read_text(), type_id="sip-dukun")
    wrong = refused(json.dumps({**fields, "nik": "123", "nama": ""}))
    assert ["/fields/nik" in wrong, "/fields/nama" in wrong, "123" in wrong] == [True, True, False]
    doubtful = json.dumps({**fields, "tanggal_lahir": "1980-01-01"})
    assert "may confirm" in refused(doubtful)
    assert "reason" in refused(doubtful, "--override", "NIK_BIRTH_MISMATCH")
    assert "absah agencies list" in refused(sample.read_text(), "--agency", "no-such-agency")
    assert "does not exist" in absah(data, "issue", "sip-dokter", str(tmp_path / "none"), code=2).stderr
    assert "/valid_from" in refused(sample.read_text(), "--valid-from", "9999-01-01")
    assert "OVERRIDE_NOT_NEEDED" in refused(
        sample.read_text(), "--override", "NIK_BIRTH_MISMATCH=Sesuai akta"
    )
    assert "REASON_MISSING" in refused(doubtful, "--override", "NIK_BIRTH_MISMATCH=...")
    before = numbers(data)
    for output in (tmp_path / "no" / "x.pdf", sample / "x.pdf", tmp_path / ("x" * 300)):
        error = absah(data, "issue", "sip-dokter", str(sample), "-o", str(output), code=1).stderr
        assert error.startswith("OUTPUT: ")
        assert "nothing was issued" in error
    assert numbers(data) == before
    assert absah(data, "audit").stdout.startswith("Audit chain")


def test_a_path_that_can_be_written_is_left_alone_when_the_request_is_refused(
    data: Path, tmp_path: Path
) -> None:
    bad, kept, new = tmp_path / "bad.json", tmp_path / "kept.pdf", tmp_path / "new.pdf"
    bad.write_text("{}")
    kept.write_text("an earlier file")
    for output in (kept, new):
        absah(data, "issue", "sip-dokter", str(bad), "-o", str(output), code=1)
    assert kept.read_text() == "an earlier file"
    assert not new.exists()


NO_TEXT = ("", "\udcff", "a\nb", "x" * 601)


@pytest.mark.parametrize("text", NO_TEXT, ids=ascii)
def test_what_cannot_be_stored_is_refused_before_anything_happens(
    made: Path, sample: Path, text: str
) -> None:
    issue = ("issue", "sip-dokter", str(sample))
    for command in (
        ("types", text),
        ("issue", text, str(sample)),
        (*issue, "--agency", text),
        (*issue, "--idempotency-key", text),
        (*issue, "--override", text),
        ("api-keys", "new", text),
        ("api-keys", "new", "dpmptsp-contoh", "--officer", text),
        ("api-keys", "revoke", "dpmptsp-contoh", text),
        ("api-keys", "list", text),
        ("unblock", "dpmptsp-contoh", text),
    ):
        assert "Invalid value for" in absah(made, *command, code=2).stderr, command


def test_a_sample_needs_a_type(made: Path) -> None:
    for option in ("--sample", "--json"):
        assert "Name the TYPE" in absah(made, "types", option, code=2).stderr


def test_a_data_file_that_is_too_large(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    file.write_text("[" + " " * 5_000_000 + "]")
    assert "smaller" in absah(made, "issue", "sip-dokter", str(file), code=1).stderr


def numbers(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / "register.db")) as register:
        return [row[0] for row in register.execute("SELECT number FROM document")]


def test_a_type_that_waits_for_approval_says_so(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(absah(data, "types", "surat-keterangan-penelitian", "--sample").stdout)
    answer = printed(absah(data, "issue", "surat-keterangan-penelitian", str(file)))
    assert answer["waits"].startswith("for approval; document id ")


def test_keys_trust_prints_what_verify_takes(made: Path, tmp_path: Path) -> None:
    pem = absah(made, "keys", "trust").stdout
    assert pem.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE" not in pem
    (tmp_path / "root.pem").write_text(pem)
    run = absah(
        tmp_path / "nothing", "verify", str(made / "samples" / "asli.pdf"),
        "--offline", "--json", "--trust", str(tmp_path / "root.pem"),
    )  # fmt: skip
    assert json.loads(run.stdout)["verdict"] == "valid"


def test_settings_lists_all_and_shows_no_secret(made: Path) -> None:
    shown = absah(
        made, "settings",
        ABSAH_S3_SECRET_KEY="rahasia-s3", ABSAH_DATABASE_URL="postgresql+psycopg://u:rahasia-db@db/absah",
    ).stdout  # fmt: skip
    for name, field in Settings.model_fields.items():
        assert f"ABSAH_{name.upper()}=" in shown
        assert str(field.description) in shown
    assert "rahasia" not in shown
    unreadable = absah(made, "settings", ABSAH_DATABASE_URL="://u:rahasia@db").stdout
    assert "ABSAH_DATABASE_URL=(not a URL)" in unreadable


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"ABSAH_ENV": "production"},
            "ABSAH_KEYS_FILE, ABSAH_TSA_URL, ABSAH_PUBLIC_URL, ABSAH_MASTER_KEY_FILE",
        ),
        ({"ABSAH_ENV": "test"}, "ABSAH_ENV"),
        ({"ABSAH_TSA_TIMEOUT": "soon"}, "ABSAH_TSA_TIMEOUT"),
        ({"ABSAH_PUBLIC_URL": "cek.example.org"}, "ABSAH_PUBLIC_URL"),
        ({"ABSAH_PUBLIC_URL": "https://cek.example.org/x"}, "ABSAH_PUBLIC_URL"),
        ({"ABSAH_CONSENT_URL": "cek.example.org/consent"}, "ABSAH_CONSENT_URL"),
        ({"ABSAH_CONSENT_URL": "https://cek.example.org/consent#x"}, "ABSAH_CONSENT_URL"),
    ],
    ids=str,
)
def test_impossible_settings_stop_the_start_in_one_sentence(
    made: Path, environment: dict[str, str], said: str
) -> None:
    for command in (["worker"], ["migrate"]):
        error = absah(made, *command, code=1, **environment).stderr
        assert said in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", "DATABASE_URL"),
        ("mysql://u:rahasia@db/absah", "DATABASE_URL"),
        ("postgresql+asyncpg://u:rahasia@db/absah", "DATABASE_URL"),
        ("postgresql+psycopg://u:rahasia@db:port/absah", "DATABASE_URL"),
        ("postgresql+psycopg://u:rahasia@db", "DATABASE_URL"),
        ("sqlite://", "DATABASE_URL"),
        ("postgresql+psycopg://u:rahasia@127.0.0.1:1/absah", "DATABASE_CLOSED"),
        ("postgresql+psycopg://u:rahasia@127.0.0.1/absah?nonsense=1", "DATABASE_CLOSED"),
        ("sqlite:////dev/null/register.db", "DATABASE_CLOSED"),
    ],
)
def test_a_database_that_cannot_be_one_is_said_in_one_sentence(
    made: Path, sample: Path, url: str, code: str
) -> None:
    for command in (
        ["migrate"], ["worker"], ["serve"], ["web"], ["set-up"], ["audit"],
        ["agencies", "list"], ["api-keys", "list"], ["unblock", "a", "b"],
        ["issue", "sip-dokter", str(sample)],
    ):  # fmt: skip
        error = absah(made, *command, code=1, ABSAH_DATABASE_URL=url).stderr
        assert error.startswith(f"{code}: "), (command, error)
        assert "ABSAH_DATABASE_URL" in error
        assert len(error.splitlines()) == 1
        assert "rahasia" not in error


def test_a_problem_of_the_whole_request_has_no_empty_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise InvalidRequest("Too much.", (FieldProblem("", "TOO_LARGE", "Send less."), PLACED))

    monkeypatch.setattr("signer.cli.absah", refuse)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err.splitlines()[1:]
    assert said == ["  TOO_LARGE: Send less.", "  /fields/nik: NIK_FORM: Give 16 digits."]


PLACED = FieldProblem("/fields/nik", "NIK_FORM", "Give 16 digits.")


def test_audit_finds_what_was_tampered_with(data: Path) -> None:
    assert "agree" in absah(data, "audit").stdout
    file = next((data / "archive").glob("*/final/*/*.pdf"))
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    assert "is not the registered one" in absah(data, "audit", code=1).stdout
    file.unlink()
    with closing(sqlite3.connect(data / "register.db")) as register:
        register.execute("UPDATE audit_event SET canonical = '{}' WHERE sequence = 3")
        register.execute("UPDATE series SET next = next + 1 WHERE rowid = 1")
        register.execute("DELETE FROM signature_intent")
        register.commit()
    found = absah(data, "audit", code=1).stdout
    for sentence in (
        "missing from the archive",
        "Audit row 3",
        "numbers, the register",
        "without a recorded",
    ):
        assert sentence in found


def test_agencies_and_api_keys(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "regency.toml"
    unit = 'id = "{id}"\nlevel = "agency"\nname = "Dinas"\nabbreviation = "D"\nzone = "{zone}"\n'
    file.write_text("[[unit]]\n" + unit.format(id="dinas-baru", zone="Asia/Jakarta"))
    assert "Added" in absah(data, "agencies", "load", str(file)).stdout
    assert "dinas-baru\tDinas" in absah(data, "agencies", "list").stdout
    assert "exists already" in absah(data, "agencies", "load", str(file), code=1).stderr
    for content in (
        "[[unit]]\n" + unit.format(id="lain", zone="Asia/Nowhere"),
        "[[unit]]\n" + unit.format(id="lain", zone="Asia/Jakarta") + 'parent_id = "nobody"\n',
        "unit = 5",
        "unit = [1]",
        "[[unit]]\nnonsense = 1",
        "",
        "[[unit",
        "\x00",
    ):
        file.write_text(content)
        error = absah(data, "agencies", "load", str(file), code=1).stderr
        assert "MISCONFIGURED" in error, content
    assert "lain" not in absah(data, "agencies", "list").stdout

    key = absah(data, "api-keys", "new", "dinas-baru", "--scope", "read").stdout.strip()
    assert key.startswith("absah_")
    assert "UNKNOWN_AGENCY" in absah(data, "api-keys", "new", "nobody", code=1).stderr
    assert "UNKNOWN_OFFICER" in absah(data, "api-keys", "new", "dinas-baru", "--officer", "x", code=1).stderr
    _, key_id, secret = key.split("_", 2)
    listed = absah(data, "api-keys", "list", "dinas-baru").stdout
    assert listed.split("\t")[:4] == [key_id, "dinas-baru", "read", "(a system's)"]
    assert listed.strip().endswith("in use")
    everything = absah(data, "api-keys", "list").stdout
    assert len(everything.splitlines()) == 4
    assert secret not in everything
    assert "kepala-dpmptsp-contoh" in everything
    assert "UNKNOWN_AGENCY" in absah(data, "api-keys", "list", "nobody", code=1).stderr
    assert "Revoked" in absah(data, "api-keys", "revoke", "dinas-baru", key_id).stdout
    assert "\trevoked 20" in absah(data, "api-keys", "list", "dinas-baru").stdout
    assert "no such API key" in absah(data, "api-keys", "revoke", "dinas-baru", key_id, code=1).stderr


def test_unblock(data: Path, sample: Path) -> None:
    issued = printed(absah(data, "issue", "sip-dokter", str(sample)))
    with closing(sqlite3.connect(data / "register.db")) as register:
        [(agency, document)] = register.execute(
            "SELECT agency_id, id FROM document WHERE number = ?", (issued["number"],)
        )
    assert "NOT_BLOCKED" in absah(data, "unblock", agency, document, code=1).stderr
    with closing(sqlite3.connect(data / "register.db")) as register:
        register.execute(
            "UPDATE document SET state='BLOCKED', state_reason='X@STORED' WHERE id=?", (document,)
        )
        register.commit()
    assert "takes it up again" in absah(data, "unblock", agency, document).stdout


def test_databases_of_other_versions(data: Path) -> None:
    with closing(sqlite3.connect(data / "register.db")) as register:
        register.execute("UPDATE alembic_version SET version_num = '9999'")
        register.commit()
    for command in (["migrate"], ["worker"], ["audit"], ["agencies", "list"]):
        error = absah(data, *command, code=1).stderr
        assert "newer than this program" in error
        assert len(error.splitlines()) == 1


def test_a_data_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (["migrate"], ["audit"], ["keys", "trust"], ["worker"]):
        error = absah(tmp_path / "file", *command, code=1).stderr
        assert len(error.splitlines()) == 1, error


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root("Akar Produksi")


@pytest.fixture(scope="module")
def key_list(tmp_path_factory: pytest.TempPathFactory, authority: SoftwareKey) -> Path:
    """A production worker's keys: one RSA key in a PKCS#12 file, and the root that vouches for it."""
    folder = tmp_path_factory.mktemp("keys")
    private = rsa_key(2048)
    officer = certificate(private, issuer=authority, name="Kepala Dinas", ends=NOW + 100 * DAY)
    assert officer.not_valid_after_utc - NOW > timedelta(days=50)
    (folder / "kepala.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"kepala", private, officer, [authority.certificate], BestAvailableEncryption(b"kata sandi")
        )
    )
    (folder / "kepala.passphrase").write_text("kata sandi\n")
    (folder / "root.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (folder / "keys.toml").write_text(
        '[[key]]\nid = "kepala-dpmptsp-contoh"\n'
        'pkcs12 = "kepala.p12"\npassphrase_file = "kepala.passphrase"\n'
    )
    return folder


def test_issuing_with_a_key_from_a_file(
    data: Path, sample: Path, key_list: Path, authority: SoftwareKey, tmp_path: Path
) -> None:
    shutil.copy(key_list / "root.pem", data / "trust" / "production.pem")
    out, keys = tmp_path / "sip.pdf", str(key_list / "keys.toml")
    with responder(authority) as asked:
        settings = {"ABSAH_KEYS_FILE": keys, "ABSAH_OCSP_URL": asked.url}
        absah(data, "issue", "sip-dokter", str(sample), "-o", str(out), **settings)
    checked = json.loads(absah(data, "verify", str(out), "--json").stdout)
    [signature] = checked["signatures"]
    assert (checked["verdict"], signature["signer"], signature["level"]) == (
        "valid", "CN=Kepala Dinas", "PAdES-B-LT",
    )  # fmt: skip


def test_a_wrong_passphrase_stops_the_start(data: Path, key_list: Path, tmp_path: Path) -> None:
    shutil.copytree(key_list, tmp_path / "keys")
    (tmp_path / "keys" / "kepala.passphrase").write_text("bukan kata sandi")
    listing = str(tmp_path / "keys" / "keys.toml")
    error = absah(data, "worker", code=1, ABSAH_KEYS_FILE=listing).stderr
    assert error.startswith("KEY_PASSPHRASE: ")
    assert "bukan kata sandi" not in error
    (tmp_path / "keys" / "kepala.p12").write_bytes(b"nonsense")
    assert absah(data, "worker", code=1, ABSAH_KEYS_FILE=listing).stderr.startswith("KEY_FILE: ")
    assert absah(data, "worker", code=1, ABSAH_KEYS_FILE="/nowhere").stderr.startswith("KEYS_FILE: ")


def test_a_key_that_no_root_vouches_for_stops_the_start(data: Path, key_list: Path) -> None:
    error = absah(data, "worker", code=1, ABSAH_KEYS_FILE=str(key_list / "keys.toml")).stderr
    assert error.startswith("KEY_UNTRUSTED: ")
    assert "kepala-dpmptsp-contoh" in error
    assert len(error.splitlines()) == 1


def test_a_first_start_beside_own_keys_still_makes_specimens(key_list: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    run = absah(fresh, "keys", "trust", ABSAH_KEYS_FILE=str(key_list / "keys.toml"))
    lines = [line for line in run.stdout.splitlines() if not line.startswith("#")]
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    assert len(x509.load_pem_x509_certificates(run.stdout.encode())) == 1
    assert json.loads((fresh / "specimens.json").read_text())
    assert not (fresh / "first-run").exists()


@pytest.mark.parametrize("command", ["types", "issue", "serve", "keys trust", "verify"])
def test_help_shows_its_examples_as_lines_of_their_own(made: Path, command: str) -> None:
    said = absah(made, *command.split(), "--help").stdout
    assert "\\b" not in said
    examples = [line for line in said.splitlines() if line.strip().startswith("absah ")]
    assert len(examples) >= 2
    assert all(line.count("absah ") == 1 for line in examples)


def test_the_installed_command(made: Path) -> None:
    program = Path(sys.executable).with_name("absah")
    run = subprocess.run([program, "types"], env={"ABSAH_DATA": str(made)}, capture_output=True, check=True)
    assert b"sip-dokter" in run.stdout
    assert run.stderr == b""


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_help_teaches(tmp_path: Path, command: str) -> None:
    shown = absah(tmp_path, *command.split(), "--help").stdout
    assert shown.startswith("Usage: ")
    assert len(shown.splitlines()) > 4
    assert not any(tmp_path.iterdir()), "asking for help left something behind"
