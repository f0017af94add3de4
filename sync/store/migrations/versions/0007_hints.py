"""Hints: records that the CRM says changed, to be read sooner than the next poll would."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hints",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
