"""Keys that sign whole PDFs, and signing sessions for those that ask a human for a secret"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("document") as document:
        document.add_column(sa.Column("awaits_session", sa.Boolean(), server_default="0", nullable=False))
    with op.batch_alter_table("signature") as signature:
        signature.add_column(sa.Column("asked_at", sa.BigInteger(), nullable=True))
        signature.add_column(sa.Column("reply_sha256", sa.String(length=64), nullable=True))
        signature.add_column(sa.Column("covered_digest", sa.String(length=64), nullable=True))
    op.create_table(
        "worker_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signing_keys", sa.Text(), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_key")),
    )
    op.create_table(
        "signing_session",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("officer_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("opened_by", sa.String(length=40), nullable=False),
        sa.Column("batch_digest", sa.String(length=64), nullable=False),
        sa.Column("worker_key_id", sa.String(length=36), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "officer_id"],
            ["officer.agency_id", "officer.id"],
            name=op.f("fk_signing_session_agency_id_officer_id"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_signing_session_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_signing_session")),
    )
    op.create_index("ix_signing_session_work", "signing_session", ["state", "worker_key_id"])
    op.create_table(
        "signing_session_document",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("frozen_sha256", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_signing_session_document_agency_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "session_id"],
            ["signing_session.agency_id", "signing_session.id"],
            name=op.f("fk_signing_session_document_agency_id_session_id"),
        ),
        sa.PrimaryKeyConstraint(
            "agency_id", "session_id", "document_id", name=op.f("pk_signing_session_document")
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        tables = "worker_key, signing_session, signing_session_document"
        # Those of the migration before this one had been left without.
        op.execute(
            "GRANT SELECT, INSERT, UPDATE ON preservation, revocation_answer, tsa_use, alarm,"
            f" {tables} TO absah_signer"
        )
        op.execute("GRANT DELETE ON worker_key, alarm TO absah_signer")
