"""The register"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("parent_id", sa.String(length=40), nullable=True),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("abbreviation", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("website", sa.Text(), server_default="", nullable=False),
        sa.Column("logo_svg", sa.LargeBinary(), nullable=True),
        sa.Column("types", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("chain_sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_audit_event_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_event_sequence")),
    )
    op.create_table(
        "data_key",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_data_key_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", name=op.f("pk_data_key")),
    )
    op.create_table(
        "document",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("family", sa.String(length=80), nullable=False),
        sa.Column("template_hash", sa.String(length=64), nullable=False),
        sa.Column("series", sa.String(length=80), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=14), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("specimen", sa.Boolean(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("retain_until", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("prepared_sha256", sa.String(length=64), nullable=True),
        sa.Column("final_sha256", sa.String(length=64), nullable=True),
        sa.Column("final_size", sa.Integer(), nullable=True),
        sa.Column("final_level", sa.String(length=12), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_document_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "agency_id", "series", "sequence", name=op.f("uq_document_agency_id_series_sequence")
        ),
        sa.UniqueConstraint("code", name=op.f("uq_document_code")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index("ix_document_work", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "officer",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("office", sa.Text(), nullable=False),
        sa.Column("nip", sa.String(length=18), server_default="", nullable=False),
        sa.Column("rank", sa.Text(), server_default="", nullable=False),
        sa.Column("capacity", sa.String(length=10), server_default="", nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_officer_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_officer")),
    )
    op.create_table(
        "series",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_series_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "name", name=op.f("pk_series")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("officer_id", sa.String(length=40), nullable=True),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "officer_id"],
            ["officer.agency_id", "officer.id"],
            name=op.f("fk_api_key_agency_id_officer_id"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_api_key_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_table(
        "approval",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("prepared_sha256", sa.String(length=64), nullable=False),
        sa.Column("officer_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_approval_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "officer_id"],
            ["officer.agency_id", "officer.id"],
            name=op.f("fk_approval_agency_id_officer_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_approval")),
        sa.UniqueConstraint("agency_id", "document_id", name=op.f("uq_approval_agency_id_document_id")),
    )
    op.create_table(
        "document_content",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("overrides", sa.LargeBinary(), nullable=True),
        sa.Column("holder_digest", sa.String(length=64), nullable=False),
        sa.Column("place_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_document_content_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", name=op.f("pk_document_content")),
    )
    with op.batch_alter_table("document_content", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_document_content_holder_digest"), ["holder_digest"], unique=False
        )

    op.create_table(
        "document_file",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=14), nullable=False),
        sa.Column("byte_range_digest", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_document_file_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", "sha256", name=op.f("pk_document_file")),
    )
    with op.batch_alter_table("document_file", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_document_file_byte_range_digest"), ["byte_range_digest"], unique=False
        )
        batch_op.create_index("ix_document_file_sha256", ["sha256"], unique=False)

    op.create_table(
        "document_relation",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("other_id", sa.String(length=36), nullable=False),
        sa.Column("reason_class", sa.String(length=40), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("officer_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_document_relation_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "other_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_document_relation_agency_id_other_id"),
        ),
        sa.PrimaryKeyConstraint(
            "agency_id", "document_id", "kind", "other_id", name=op.f("pk_document_relation")
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_outbox_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_outbox_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_unsent", ["sent_at"], unique=False)

    op.create_table(
        "public_record",
        sa.Column("code", sa.String(length=14), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("type_label_id", sa.Text(), nullable=False),
        sa.Column("type_label_en", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("masked_name", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("agency_name", sa.Text(), nullable=False),
        sa.Column("regency_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("signatory", sa.Text(), nullable=False),
        sa.Column("issued", sa.Boolean(), nullable=False),
        sa.Column("annulled_on", sa.Date(), nullable=True),
        sa.Column("revoked_from", sa.Date(), nullable=True),
        sa.Column("suspended_since", sa.Date(), nullable=True),
        sa.Column("superseded_on", sa.Date(), nullable=True),
        sa.Column("successor_number", sa.Text(), nullable=True),
        sa.Column("reason_class", sa.String(length=40), nullable=True),
        sa.Column("name_salt", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(), nullable=False),
        sa.Column("specimen", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_public_record_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_public_record")),
    )
    op.create_table(
        "recipient",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_recipient_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", name=op.f("pk_recipient")),
    )
    op.create_table(
        "request",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("client", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_request_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_request_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "client", "idempotency_key", name=op.f("pk_request")),
    )
    op.create_table(
        "signature",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("officer_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("frozen_sha256", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("byte_range", sa.Text(), nullable=True),
        sa.Column("cms", sa.LargeBinary(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("token_time", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_signature_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "officer_id"],
            ["officer.agency_id", "officer.id"],
            name=op.f("fk_signature_agency_id_officer_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", "ordinal", name=op.f("pk_signature")),
    )
    op.create_table(
        "signature_intent",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("approval_id", sa.String(length=36), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_signature_intent_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_signature_intent")),
    )
    op.create_table(
        "status_event",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason_class", sa.String(length=40), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("officer_id", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_status_event_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "officer_id"],
            ["officer.agency_id", "officer.id"],
            name=op.f("fk_status_event_agency_id_officer_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_status_event")),
    )
    with op.batch_alter_table("status_event", schema=None) as batch_op:
        batch_op.create_index("ix_status_event_document", ["agency_id", "document_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _grant()


def _grant() -> None:
    """Two roles without login; the operator's users are made members of one of them."""
    for role in ("absah_signer", "absah_verifier"):
        op.execute(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    op.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO absah_signer")
    # What was recorded stays as it is.
    op.execute("REVOKE UPDATE ON document_file, status_event, signature_intent, approval FROM absah_signer")
    op.execute("GRANT SELECT ON public_record, document_file TO absah_verifier")
