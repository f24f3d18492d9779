"""Signing sessions whose owner consents in a browser"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("signing_session") as signing_session:
        signing_session.add_column(sa.Column("asks_for", sa.String(length=8), nullable=True))
        signing_session.add_column(sa.Column("consent_address", sa.Text(), nullable=True))
        signing_session.add_column(sa.Column("consent_state", sa.String(length=64), nullable=True))
    op.create_index("ix_signing_session_consent", "signing_session", ["consent_state"], unique=True)
