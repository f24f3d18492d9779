"""Fixtures that several packages' tests share: databases, archives and a small register."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import create_engine, text

from storage.confidential import Vault
from storage.database import migrate, open_database, sqlite_url
from storage.local import LocalArchive
from storage.register import Register
from storage.s3 import S3Archive, S3Settings
from tests.keys.attended import published_authority
from tests.keys.bsre_server import Authority, Bsre
from tests.office import Office, make_office, open_office
from tests.services import postgresql, s3_server

# A busy machine is no reason to fail, and what failed once is tried first the next time.
hypothesis.settings.register_profile("absah", deadline=None)
hypothesis.settings.load_profile("absah")


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(scope="session")
def bsre_authority() -> Iterator[Authority]:
    with published_authority() as made:
        yield made


@pytest.fixture
def bsre(bsre_authority: Authority) -> Iterator[Bsre]:
    """BSrE's service, which answers as its mode says."""
    service = Bsre(bsre_authority)
    yield service
    service.lost.set()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "register.db")
        migrated = open_database(url)
        migrate(migrated)
        migrated.dispose()
        yield url
        return
    with new_database(request.getfixturevalue("postgresql_url")) as url:
        migrated = open_database(url)
        migrate(migrated)
        migrated.dispose()
        yield url


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """An empty database on a PostgreSQL server."""
    name = f"test_{os.urandom(6).hex()}"
    administrator = create_engine(server, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.rpartition("/")[0] + f"/{name}"
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture
def register(database_url: str) -> Iterator[Register]:
    engine = open_database(database_url)
    yield Register(engine, Vault(b"m" * 32))
    engine.dispose()


@pytest.fixture(params=["local", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> LocalArchive | S3Archive:
    if request.param == "local":
        return LocalArchive(tmp_path / "archive")
    return s3_archive(request.getfixturevalue("s3_endpoint"))


def s3_archive(endpoint: str) -> S3Archive:
    settings = S3Settings(
        endpoint, f"absah-{os.urandom(4).hex()}", "absah", "absah-secret", "us-east-1", False
    )
    made = S3Archive(settings)
    made.create_bucket()
    return made


@pytest.fixture(scope="session")
def empty_office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Made once: keys take longer than everything else."""
    return make_office(tmp_path_factory.mktemp("office") / "data")


@pytest.fixture
def office(empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    """A copy of the empty office, for one test."""
    empty_office.desk.register.engine.dispose()
    data = tmp_path / "data"
    shutil.copytree(empty_office.settings.data, data)
    yield open_office(empty_office.settings.model_copy(update={"data": data}), empty_office.keys)


@pytest.fixture
def large_office(postgresql_url: str, s3_endpoint: str, tmp_path: Path) -> Iterator[Office]:
    """The same on PostgreSQL and S3, as in a cluster."""
    with new_database(postgresql_url) as url:
        made = make_office(
            tmp_path / "data",
            database_url=url,
            s3_endpoint=s3_endpoint,
            s3_bucket=f"absah-{os.urandom(4).hex()}",
            s3_access_key="absah",
            s3_secret_key="absah-secret",
            s3_secure=False,
        )
        yield made
        made.desk.register.engine.dispose()
        made.workshop.register.engine.dispose()
