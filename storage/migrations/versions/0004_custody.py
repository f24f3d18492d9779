"""Documents of other issuers in custody, and files of others that we signed and registered"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("document") as document:
        document.add_column(sa.Column("mode", sa.String(length=8), server_default="own", nullable=False))
    with op.batch_alter_table("public_record") as public_record:
        public_record.add_column(sa.Column("origin", sa.Text(), nullable=True))
        public_record.add_column(sa.Column("kept_since", sa.Date(), nullable=True))
        public_record.add_column(sa.Column("kept_as", sa.String(length=20), nullable=True))
    op.create_table(
        "custody",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("signatures", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "document_id"],
            ["document.agency_id", "document.id"],
            name=op.f("fk_custody_agency_id_document_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "document_id", name=op.f("pk_custody")),
        sa.UniqueConstraint("agency_id", "sha256", name=op.f("uq_custody_agency_id_sha256")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # What was recorded of a file stays as it is.
        op.execute("GRANT SELECT, INSERT ON custody TO absah_signer")
