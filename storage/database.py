"""Opening the register's database: SQLite or PostgreSQL, to write or only to read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.pool import QueuePool

from storage.tables import now_ms
from storage.vocabulary import Misconfigured, Unavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT_FOR_WRITER_MS = 15_000
_WAIT_FOR_CONNECTION_SECONDS = 10
_READERS = 40  # as many as the web server has threads
_NOW = select(now_ms())
_ONLY_READS = "absah_only_reads"
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")


def sqlite_url(file: Path) -> str:
    """The URL of a register in one file."""
    return f"sqlite:///{file}"


def open_database(url: str) -> Engine:
    """The database of the issuing side, which may write.

    Raises:
        Misconfigured: the URL names no database of ours. Whether it answers is seen later.
    """
    place = _read_url(url)
    if place.get_backend_name() != "sqlite":
        return create_engine(
            place,
            pool_pre_ping=True,
            pool_size=10,
            pool_timeout=_WAIT_FOR_CONNECTION_SECONDS,
            # An error's text goes to logs, and the values of a statement are somebody's data.
            hide_parameters=True,
        )
    engine = create_engine(
        place,
        connect_args={"timeout": _WAIT_FOR_WRITER_MS / 1000},
        pool_timeout=_WAIT_FOR_CONNECTION_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        # The driver would begin its own deferred transactions; ours begin below.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit that was answered survives a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: no transaction fails half way because of another.
        only_reads = connection.get_execution_options().get(_ONLY_READS)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


def open_database_to_read(url: str) -> Engine:
    """The database of the public side. SQLite is opened read-only; on PostgreSQL the role decides.

    Raises:
        Misconfigured: the URL names no database of ours.
    """
    place = _read_url(url)
    if place.get_backend_name() != "sqlite":
        return create_engine(place, pool_pre_ping=True, isolation_level="AUTOCOMMIT", hide_parameters=True)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{place.database}?mode=ro", uri=True, check_same_thread=False)
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=ON")
        return connection

    return create_engine(
        "sqlite://",
        creator=connect,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        # For a URL without a file the driver's default pool would close connections that other threads
        # are reading with.
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=0,
        pool_timeout=_WAIT_FOR_CONNECTION_SECONDS,
    )


def _read_url(url: str) -> URL:
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        place = None
    if place is None or place.drivername not in _DRIVERS or not place.database:
        # The URL is not repeated: it may hold a password.
        raise Misconfigured(
            "The database's URL (ABSAH_DATABASE_URL, for checking ABSAH_VERIFIER_DATABASE_URL) has to be like"
            " postgresql+psycopg://USER:PASSWORD@HOST/DATABASE or sqlite:////folder/register.db.",
            code="DATABASE_URL",
        )
    return place


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; whatever happens inside happens whole or not at all.

    Raises:
        Unavailable: the database does not answer, or all connections to it are in use.
    """
    with _answering(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: one view of the register, and on SQLite no waiting for who writes.

    Raises:
        Unavailable: as `transaction`.
    """
    with _answering(), engine.connect().execution_options(**{_ONLY_READS: True}) as connection:
        yield connection


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, NoFreeConnection) as error:
        raise Unavailable("The register's database does not answer.", code="DATABASE_UNAVAILABLE") from error


def database_time(connection: Connection) -> int:
    """The database's own clock, in milliseconds since 1970-01-01 UTC."""
    return connection.execute(_NOW).scalar_one()


def inserting(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what to do on a conflict; SQLAlchemy has one for each database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def milliseconds(moment: datetime) -> int:
    """An aware time as the register keeps it: milliseconds since 1970-01-01 UTC."""
    return int(moment.timestamp() * 1000)


def migrate(engine: Engine) -> None:
    """Bring the schema to this program's version; refuse a database of a newer one."""
    if check_not_newer(engine) == _revisions()[-1]:
        return
    # A start that finds everything up to date, which is nearly every start, does not wait for these.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def check_version(engine: Engine) -> None:
    """Refuse a database that this program would misread.

    Raises:
        Misconfigured: the schema is newer than the program, or still to be migrated.
    """
    if check_not_newer(engine) != _revisions()[-1]:
        raise Misconfigured(
            "The register's database is older than this program. Run: absah migrate", code="DATABASE_OLD"
        )


def check_not_newer(engine: Engine) -> str | None:
    """The schema's revision, None when empty.

    Raises:
        Misconfigured: this program does not know the revision.
    """
    try:
        with engine.connect() as connection:
            empty = not inspect(connection).has_table("alembic_version")
            revision = None if empty else connection.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError as error:
        # Whatever it is called: no server, no such option, a file that is no database.
        raise Misconfigured(
            "The register's database cannot be opened; check ABSAH_DATABASE_URL, and that the data folder is"
            " writable.",
            code="DATABASE_CLOSED",
        ) from error
    if revision is not None and revision not in _revisions():
        raise Misconfigured(
            f"The register's database has version {revision}, which is newer than this program. Use the newer"
            " program, or restore the backup made before the upgrade.",
            code="DATABASE_NEWER",
        )
    return revision


def _revisions() -> list[str]:
    """Every revision that this program knows, oldest first; each migration's file begins with its own."""
    return sorted(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
