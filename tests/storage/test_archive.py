from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import (
    PIECE,
    Archive,
    ArchiveCorrupt,
    ArchiveUnavailable,
    ObjectDiffers,
    ObjectMissing,
    final_key,
    staging_key,
    store_final,
)
from storage.local import LocalArchive
from storage.s3 import S3Archive, S3Settings
from storage.vocabulary import AbsahError
from tests.services import free_port

KEY = final_key("agency", "ab" * 32)


def test_reads_what_was_put(archive: Archive) -> None:
    archive.put_once(KEY, b"%PDF-1.7 content", retain_until=date(2040, 1, 1))
    assert archive.read(KEY) == b"%PDF-1.7 content"


def test_putting_the_same_bytes_again_is_no_error(archive: Archive) -> None:
    archive.put_once(KEY, b"same")
    archive.put_once(KEY, b"same", retain_until=date(2040, 1, 1))
    assert archive.read(KEY) == b"same"


def test_an_object_is_never_replaced(archive: Archive) -> None:
    archive.put_once(KEY, b"first")
    with pytest.raises(ObjectDiffers):
        archive.put_once(KEY, b"second")
    assert archive.read(KEY) == b"first"


def test_a_file_is_put_as_it_lies_and_read_in_pieces(archive: Archive, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(3 * PIECE + 17)
    (tmp_path / "large.pdf").write_bytes(content)
    key = final_key("agency", hashlib.sha256(content).hexdigest())
    for _ in range(2):
        archive.put_once(key, tmp_path / "large.pdf")
    assert archive.read(key) == content
    found = list(archive.pieces(key))
    assert b"".join(found) == content
    assert max(map(len, found)) <= PIECE
    (tmp_path / "large.pdf").write_bytes(content[:-1] + b"?")
    with pytest.raises(ObjectDiffers):
        archive.put_once(key, tmp_path / "large.pdf")
    assert archive.read(key) == content


def test_what_comes_back_otherwise_is_not_relied_on(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive")
    (tmp_path / "whole.pdf").write_bytes(b"whole")
    for content in (b"whole", tmp_path / "whole.pdf"):
        with pytest.raises(ArchiveCorrupt):
            store_final(archive, "agency", "ab" * 32, content, date(2040, 1, 1))


def test_a_missing_object_is_not_an_outage(archive: Archive) -> None:
    for look in (archive.read, archive.pieces):
        with pytest.raises(ObjectMissing):
            look(KEY)


def test_only_staging_objects_can_be_removed(archive: Archive) -> None:
    staged = staging_key("agency", "document", "cd" * 32)
    archive.put_once(staged, b"frozen")
    archive.remove_staging(staged)
    archive.remove_staging(staged)
    with pytest.raises(ObjectMissing):
        archive.read(staged)
    archive.put_once(KEY, b"final")
    with pytest.raises(AbsahError):
        archive.remove_staging(KEY)
    assert archive.read(KEY) == b"final"


def test_staging_objects_are_listed_by_agency_until_they_are_removed(archive: Archive) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    mine = [staging_key("agency", document, "cd" * 32) for document in ("one", "two")]
    for key in (*mine, staging_key("other", "three", "ef" * 32), KEY):
        archive.put_once(key, b"frozen")
    listed = {staged.key: staged for staged in archive.list_staging("agency")}
    assert set(listed) == set(mine)
    assert {staged.document_id for staged in listed.values()} == {"one", "two"}
    assert all(before <= staged.since <= datetime.now(UTC) for staged in listed.values())
    archive.remove_staging(mine[0])
    assert [staged.key for staged in archive.list_staging("agency")] == mine[1:]
    assert archive.list_staging("nobody") == []


def test_no_folder_stays_behind_for_every_document(tmp_path) -> None:
    archive = LocalArchive(tmp_path)
    keys = [staging_key("agency", "one", sha256 * 32) for sha256 in ("ab", "cd")]
    [archive.put_once(key, b"frozen") for key in keys]
    folder = (tmp_path / keys[0]).parent
    archive.remove_staging(keys[0])
    assert archive.read(keys[1]) == b"frozen"
    archive.remove_staging(keys[1])
    assert not folder.exists()


def test_ping(archive: Archive) -> None:
    archive.ping()


def test_an_s3_server_that_is_down_is_an_outage() -> None:
    settings = S3Settings(f"127.0.0.1:{free_port()}", "absah", "key", "secret-of-ours", "us-east-1", False)
    archive = S3Archive(settings)
    with pytest.raises(ArchiveUnavailable) as caught:
        archive.put_once(KEY, b"data")
    assert "secret-of-ours" not in repr(caught.value) + repr(settings)


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path) -> None:
    (tmp_path / "archive").write_text("a file stands where the folder should be")
    with pytest.raises(ArchiveUnavailable):
        LocalArchive(tmp_path / "archive")


def test_nothing_half_written_is_left_behind(tmp_path) -> None:
    archive = LocalArchive(tmp_path)
    archive.put_once(KEY, b"whole")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [KEY.rpartition("/")[2]]
    assert (tmp_path / KEY).stat().st_mode & 0o222 == 0
