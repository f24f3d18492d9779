"""Levels above B-T, revocation answers, quotas of time-stamp authorities, alarms"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("document") as document:
        document.add_column(
            sa.Column("level", sa.String(length=12), server_default="PAdES-B-T", nullable=False)
        )
        document.add_column(sa.Column("outage", sa.String(length=8), server_default="wait", nullable=False))
        document.add_column(sa.Column("extend_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_document_extension", "document", ["extend_at"])
    op.create_table(
        "preservation",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("base_sha256", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("token_time", sa.BigInteger(), nullable=True),
        sa.Column("token_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_preservation_agency_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", "ordinal", name=op.f("pk_preservation")),
    )
    op.create_table(
        "revocation_answer",
        sa.Column("certificate_sha256", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("certificate_sha256", name=op.f("pk_revocation_answer")),
    )
    op.create_index("ix_revocation_answer_until", "revocation_answer", ["until"])
    op.create_table(
        "tsa_use",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "day", name=op.f("pk_tsa_use")),
    )
    op.create_table(
        "alarm",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_alarm")),
    )
