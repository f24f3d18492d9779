"""The register's tables, for SQLite and PostgreSQL alike.

Moments are whole milliseconds since 1970-01-01 UTC, read from the database's own clock
(`now_ms`), so that leases mean the same to every worker. Days are calendar days in the agency's
zone. Every table that belongs to an agency carries ``agency_id``, and references to a document
are composite: a row can never point at another agency's document.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, in milliseconds since 1970-01-01 UTC."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_on_sqlite(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_on_postgresql(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    # clock_timestamp, not now(): a lease starts when it is taken, not when its transaction began.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


def _agency() -> Column[str]:
    return Column("agency_id", String(40), ForeignKey("unit.id"), nullable=False)


def _of_document(*columns: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        columns or ("agency_id", "document_id"), ("document.agency_id", "document.id")
    )


unit = Table(
    "unit",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("parent_id", String(40), ForeignKey("unit.id")),
    Column("level", String(40), nullable=False),  # province, regency, agency, …: names are data
    Column("name", Text, nullable=False),
    Column("abbreviation", String(40), nullable=False),
    Column("zone", String(40), nullable=False),  # IANA, such as Asia/Jakarta
    Column("address", Text, nullable=False, server_default=""),
    Column("phone", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("website", Text, nullable=False, server_default=""),
    Column("logo_svg", LargeBinary),
    Column("types", Text, nullable=False, server_default="[]"),  # JSON: document types it issues
)

officer = Table(
    "officer",
    metadata,
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("office", Text, nullable=False),
    Column("nip", String(18), nullable=False, server_default=""),
    Column("rank", Text, nullable=False, server_default=""),
    Column("capacity", String(10), nullable=False, server_default=""),  # "", a.n., Plt., Plh.
    Column("role", String(40), nullable=False),
    Column("key_id", String(80)),
    Column("active", Boolean, nullable=False, server_default="1"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(20), primary_key=True),
    _agency(),
    Column("officer_id", String(40)),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    ForeignKeyConstraint(("agency_id", "officer_id"), ("officer.agency_id", "officer.id")),
)

data_key = Table(
    "data_key",
    metadata,
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),  # AES-GCM under the master key
)

series = Table(
    "series",
    metadata,
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("name", String(80), primary_key=True),
    # A row, never a database sequence: a rollback must leave no gap.
    Column("next", Integer, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("type", String(80), nullable=False),
    Column("family", String(80), nullable=False),
    Column("template_hash", String(64), nullable=False),
    Column("series", String(80), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("number", Text, nullable=False),
    Column("code", String(14), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("zone", String(40), nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("specimen", Boolean, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("retain_until", Date, nullable=False),
    Column("mode", String(8), nullable=False, server_default="own"),  # own, custody, upload
    Column("state", String(12), nullable=False),
    Column("state_reason", Text),
    Column("slot", Integer, nullable=False),  # the signature slot that the state speaks of
    Column("slots", Integer, nullable=False),
    Column("prepared_sha256", String(64)),  # what a human approves; immutable once set
    Column("final_sha256", String(64)),
    Column("final_size", Integer),
    Column("final_level", String(12)),
    Column("level", String(12), nullable=False, server_default="PAdES-B-T"),  # what the type promised
    Column("outage", String(8), nullable=False, server_default="wait"),  # wait, or issue at what is reached
    Column("extend_at", BigInteger),  # when the file's level has to be raised or renewed; null: never
    Column("fence", Integer, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("last_error", String(40)),
    Column("created_at", BigInteger, nullable=False),
    Column("issued_at", BigInteger),
    # Its key asks for a human's secret: no worker takes it but in a signing session.
    Column("awaits_session", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("agency_id", "series", "sequence"),
    Index("ix_document_work", "state", "next_attempt_at"),
    Index("ix_document_extension", "extend_at"),
)

request = Table(
    "request",
    metadata,
    # The idempotency row: one (client, key) is one document, for good.
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("client", String(40), primary_key=True),
    Column("idempotency_key", String(200), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("document_id", String(36), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    _of_document(),
)

document_content = Table(
    "document_content",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("fields", LargeBinary, nullable=False),  # AES-GCM under the agency's data key
    Column("overrides", LargeBinary),  # warnings that an officer accepted, and why; encrypted as well
    Column("holder_digest", String(64), nullable=False, index=True),  # keyed hash of the NIK
    Column("place_digest", String(64), nullable=False),  # keyed hash of holder and place
    _of_document(),
)

signature = Table(
    "signature",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("role", String(40), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("officer_id", String(40), nullable=False),
    Column("key_id", String(80), nullable=False),
    # Written once by the freeze; what is signed can never change after.
    Column("frozen_sha256", String(64)),
    Column("digest", String(64)),
    Column("byte_range", Text),
    Column("cms", LargeBinary),
    Column("token", LargeBinary),
    Column("token_time", BigInteger),
    Column("fence", Integer),
    # Of a key that signs whole PDFs (its CMS is empty): since when a question to it is without an answer, the
    # SHA-256 of the first answer, and what the signature in it covers, once it was checked.
    Column("asked_at", BigInteger),
    Column("reply_sha256", String(64)),
    Column("covered_digest", String(64)),
    _of_document(),
    ForeignKeyConstraint(("agency_id", "officer_id"), ("officer.agency_id", "officer.id")),
)

preservation = Table(
    "preservation",
    metadata,
    # What keeps a file provable beyond its certificates, a row for each time that it was added to: at issue
    # (0), then at each raising or renewal. Written once each, so that a retry makes the same bytes.
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("base_sha256", String(64), nullable=False),  # of the file that is added to
    Column("evidence", LargeBinary, nullable=False),  # certificates, OCSP responses, CRLs (storage.evidence)
    Column("digest", String(64)),  # what the document time-stamp covers; null: none is added
    Column("token", LargeBinary),
    Column("token_time", BigInteger),
    Column("token_until", BigInteger),  # when the certificate of its authority ends
    _of_document(),
)

signature_intent = Table(
    "signature_intent",
    metadata,
    # Committed before each use of a key, never changed: no signature without a row here.
    Column("agency_id", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("document_id", String(36), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("key_id", String(80), nullable=False),
    Column("approval_id", String(36)),
    Column("at", BigInteger, nullable=False),
    _of_document(),
)

approval = Table(
    "approval",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("document_id", String(36), nullable=False),
    Column("prepared_sha256", String(64), nullable=False),
    Column("officer_id", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
    _of_document(),
    ForeignKeyConstraint(("agency_id", "officer_id"), ("officer.agency_id", "officer.id")),
    UniqueConstraint("agency_id", "document_id"),
)

worker_key = Table(
    "worker_key",
    metadata,
    # The public half of a key that lives in one worker's memory; of no agency.
    Column("id", String(36), primary_key=True),
    Column("public_key", LargeBinary, nullable=False),  # X25519 (RFC 7748)
    Column("signing_keys", Text, nullable=False),  # JSON: ids of the keys that it can unlock
    Column("newest", Boolean, nullable=False),  # whether new sessions may still take it
    Column("heartbeat", BigInteger, nullable=False),
)

signing_session = Table(
    "signing_session",
    metadata,
    # One secret, typed once for one batch. It is here only encrypted, and only until a worker took it.
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("officer_id", String(40), nullable=False),
    Column("key_id", String(80), nullable=False),
    Column("opened_by", String(40), nullable=False),  # the API key, or the command line
    Column("batch_digest", String(64), nullable=False),
    Column("worker_key_id", String(36), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("code", String(40)),  # why it ended early
    Column("sealed", LargeBinary),  # the secret, for the worker's eyes; wiped when taken, lost or expired
    Column("asks_for", String(8)),  # secret, consent; NULL until the worker has looked
    Column("consent_address", Text),  # where the owner's browser has to go; wiped with the secret
    Column("consent_state", String(64)),  # SHA-256 of what the browser has to bring back (RFC 6749, 10.12)
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    ForeignKeyConstraint(("agency_id", "officer_id"), ("officer.agency_id", "officer.id")),
    Index("ix_signing_session_work", "state", "worker_key_id"),
    Index("ix_signing_session_consent", "consent_state", unique=True),
)

signing_session_document = Table(
    "signing_session_document",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("session_id", String(36), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("frozen_sha256", String(64), nullable=False),  # what the batch's digest names
    Column("outcome", String(40)),  # SIGNED, or why not
    _of_document(),
    ForeignKeyConstraint(("agency_id", "session_id"), ("signing_session.agency_id", "signing_session.id")),
)

document_file = Table(
    "document_file",
    metadata,
    # Append-only: renewing an archive time-stamp adds a row, and old hashes keep verifying.
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("code", String(14), nullable=False),
    Column("byte_range_digest", String(64), nullable=False, index=True),
    Column("level", String(12), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("size", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    _of_document(),
    Index("ix_document_file_sha256", "sha256"),
)

status_event = Table(
    "status_event",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("document_id", String(36), nullable=False),
    Column("kind", String(12), nullable=False),  # issued, suspended, reinstated, revoked, …
    Column("effective_on", Date, nullable=False),
    Column("reason_class", String(40)),
    Column("note", LargeBinary),  # internal, encrypted like the fields
    Column("officer_id", String(40)),
    Column("at", BigInteger, nullable=False),
    _of_document(),
    ForeignKeyConstraint(("agency_id", "officer_id"), ("officer.agency_id", "officer.id")),
    Index("ix_status_event_document", "agency_id", "document_id"),
)

document_relation = Table(
    "document_relation",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("kind", String(12), primary_key=True),  # supersedes, source_of
    Column("other_id", String(36), primary_key=True),
    Column("reason_class", String(40)),
    Column("note", LargeBinary),
    Column("officer_id", String(40)),
    _of_document(),
    _of_document("agency_id", "other_id"),
)

recipient = Table(
    "recipient",
    metadata,
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("address", LargeBinary, nullable=False),  # encrypted like the fields
    _of_document(),
)

outbox = Table(
    "outbox",
    metadata,
    # The row's own UUID makes a notification idempotent for whoever receives it twice.
    Column("id", String(36), primary_key=True),
    _agency(),
    Column("document_id", String(36), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    _of_document(),
    Index("ix_outbox_unsent", "sent_at"),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", String(36), primary_key=True),
    _agency(),
    Column("at", BigInteger, nullable=False),
    Column("canonical", Text, nullable=False),  # what happened, in a fixed form: ids and hashes only
    # Filled afterwards by one sequencer, so that no transaction waits for another's audit row.
    Column("sequence", Integer, unique=True),
    Column("chain_sha256", String(64)),
)

signing_key = Table(
    "signing_key",
    metadata,
    # Every key that a worker has opened, or that somebody has registered; never key material.
    Column("id", String(80), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),  # seen, active, retired
    Column("human_cost", String(20), nullable=False, server_default="nothing"),
    Column("development", Boolean, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

key_permission = Table(
    "key_permission",
    metadata,
    # Which key may sign which type for which agency, from when until when. A key of production signs only
    # what stands here.
    Column("agency_id", String(40), ForeignKey("unit.id"), primary_key=True),
    Column("key_id", String(80), primary_key=True),
    Column("type", String(80), primary_key=True),  # * for all types of the agency
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
)

custody = Table(
    "custody",
    metadata,
    # What a document of another issuer was when it was handed in; it is delivered as it came.
    Column("agency_id", String(40), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("findings", Text, nullable=False),  # JSON: codes
    Column("signatures", LargeBinary, nullable=False),  # who signed and how; encrypted like the fields
    Column("reason", LargeBinary),  # why it was taken although nobody vouches for it; encrypted
    _of_document(),
    UniqueConstraint("agency_id", "sha256"),
)

revocation_answer = Table(
    "revocation_answer",
    metadata,
    # What an authority said of a certificate that our signatures or time-stamps need; of no agency.
    Column("certificate_sha256", String(64), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("issuer", LargeBinary, nullable=False),
    Column("kind", String(4), nullable=False),  # OCSP or CRL
    Column("der", LargeBinary, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger, nullable=False),
    Index("ix_revocation_answer_until", "until"),
)

tsa_use = Table(
    "tsa_use",
    metadata,
    # How many tokens each authority with a quota gave on a day (UTC), by all workers together.
    Column("name", String(100), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("used", Integer, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    # What stops issuing until a human has looked at it; readiness and `absah keys list` tell of it.
    Column("kind", String(40), primary_key=True),
    Column("subject", String(100), primary_key=True),  # a key's id or an authority's name
    Column("code", String(40), nullable=False),
    Column("since", BigInteger, nullable=False),
)

public_record = Table(
    "public_record",
    metadata,
    Column("code", String(14), primary_key=True),
    Column("agency_id", String(40), nullable=False),
    Column("document_id", String(36), nullable=False),
    Column("type", String(80), nullable=False),
    Column("type_label_id", Text, nullable=False),
    Column("type_label_en", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("masked_name", Text, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("zone", String(40), nullable=False),
    Column("agency_name", Text, nullable=False),
    Column("regency_name", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("website", Text, nullable=False),
    Column("signatory", Text, nullable=False),
    Column("issued", Boolean, nullable=False),
    Column("annulled_on", Date),
    Column("revoked_from", Date),
    Column("suspended_since", Date),
    Column("superseded_on", Date),
    Column("successor_number", Text),
    Column("reason_class", String(40)),
    Column("name_salt", LargeBinary, nullable=False),
    Column("name_digest", LargeBinary, nullable=False),
    Column("specimen", Boolean, nullable=False),
    # Of a document in custody: who issued it, since when it is kept, and what it was found to be then.
    Column("origin", Text),
    Column("kept_since", Date),
    Column("kept_as", String(20)),
    _of_document(),
)

# The verifier's database role may read these two and nothing else.
PUBLIC_TABLES = (public_record, document_file)
