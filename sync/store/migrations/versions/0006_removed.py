"""Leads that are gone from the CRM, what a reader marked, and when something was last looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("mark", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "removed",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("merged_into", sa.String, nullable=False),
    )
    op.create_index("removed_into", "removed", ["connection", "merged_into"])
    op.create_table(
        "visits",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("under", sa.String, nullable=False),
    )
