"""Scorecards: what was proposed, and what both sides put in force since when."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cards",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("data", sa.String, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("proposed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "cards_in_force",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("version", sa.String),
        sa.Column("approved_at", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger),
    )
    op.create_index("cards_of_connection", "cards_in_force", ["connection", "number"])
