"""Owners, so that a changed time zone is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("owner_id", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
