"""The archive on any S3 server: conditional writes, object lock, read back by hash."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.retention import Retention
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from storage.archive import (
    PIECE,
    ArchiveFull,
    ArchiveUnavailable,
    Content,
    ObjectDiffers,
    ObjectMissing,
    Staged,
    hash_of,
    require_staging,
    staging_folder,
)

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_FULL = {"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity"}


@dataclass(frozen=True)
class S3Settings:
    """Where the bucket is. ``secret_key`` never goes to a log: the class has no printable form of it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str
    secure: bool

    def __repr__(self) -> str:
        return f"S3Settings({self.endpoint}/{self.bucket})"


class S3Archive:
    """Objects in one bucket with object lock."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            # The cycle retries from the register; a retry in here would only hide an outage.
            retries=False,
            maxsize=8,
        )
        self._client = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            region=settings.region,
            secure=settings.secure,
            http_client=self._http,
        )

    def create_bucket(self) -> None:
        """Make the bucket, with object lock, where it is missing."""
        try:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket, object_lock=True)
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error

    def put_once(self, key: str, data: Content, *, retain_until: date | None = None) -> None:
        """See `storage.archive.Archive`; ``retain_until`` becomes a governance lock."""
        try:
            # The client's put_object takes no condition, so the condition goes with a presigned PUT.
            url = self._client.presigned_put_object(self._bucket, key, expires=timedelta(minutes=5))
            with _opened(data) as stream:
                md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).digest()
                size = stream.seek(0, io.SEEK_END)
                stream.seek(0)
                answer = self._http.request(
                    "PUT",
                    url,
                    body=stream,
                    headers={
                        "If-None-Match": "*",
                        "Content-Type": "application/pdf",
                        # Said, or the client would send it in chunks, which no signed request may be.
                        "Content-Length": str(size),
                        "Content-MD5": base64.b64encode(md5).decode(),
                    },
                )
            if answer.status == 412 or answer.status == 409:
                self._require_same(key, data)
            elif answer.status != 200:
                raise _refused(answer.status, answer.data)
            if retain_until is not None:
                self._client.set_object_retention(
                    self._bucket, key, Retention(GOVERNANCE, _end_of(retain_until))
                )
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error

    def _require_same(self, key: str, data: Content) -> None:
        """The key is taken: by these bytes, or by an upload that has not ended yet (409)."""
        try:
            stored = hash_of(self.pieces(key))
        except ObjectMissing as error:
            raise ArchiveUnavailable("Another upload of this object is under way.") from error
        with _opened(data) as stream:
            if stored != hashlib.file_digest(stream, "sha256").hexdigest():
                raise ObjectDiffers("The archive holds another object under this key.")

    def read(self, key: str) -> bytes:
        """See `storage.archive.Archive`."""
        return b"".join(self.pieces(key))

    def pieces(self, key: str) -> Iterator[bytes]:
        """See `storage.archive.Archive`."""
        try:
            answer = self._client.get_object(self._bucket, key)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise ObjectMissing("The archive has no such object.") from error
            raise _unavailable(error) from error
        except (ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error
        return _pieces(answer)

    def remove_staging(self, key: str) -> None:
        """See `storage.archive.Archive`."""
        require_staging(key)
        try:
            self._client.remove_object(self._bucket, key)
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error

    def list_staging(self, agency_id: str) -> list[Staged]:
        """See `storage.archive.Archive`."""
        try:
            objects = list(self._client.list_objects(self._bucket, staging_folder(agency_id), recursive=True))
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error
        return [
            Staged(each.object_name, each.object_name.split("/")[-2], each.last_modified)
            for each in objects
            if each.object_name is not None and each.last_modified is not None
        ]

    def ping(self) -> None:
        """See `storage.archive.Archive`."""
        try:
            self._client.put_object(self._bucket, "readiness", io.BytesIO(b"ready"), 5)
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as error:
            raise _unavailable(error) from error


def _opened(data: Content) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def _pieces(answer: BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from answer.stream(PIECE)
    except HTTPError as error:
        raise _unavailable(error) from error
    finally:
        answer.close()
        answer.release_conn()


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC).replace(microsecond=0)


def _refused(status: int, body: bytes) -> ArchiveUnavailable | ArchiveFull:
    if status == 507 or any(code.encode() in body for code in _FULL):
        return ArchiveFull("The archive has no room left.")
    return ArchiveUnavailable(f"The archive refused the object with HTTP status {status}.")


def _unavailable(error: Exception) -> ArchiveUnavailable | ArchiveFull:
    if isinstance(error, S3Error) and error.code in _FULL:
        return ArchiveFull("The archive has no room left.")
    # The class is enough: addresses and keys stay out of messages.
    return ArchiveUnavailable(f"The archive does not answer ({type(error).__name__}).")
