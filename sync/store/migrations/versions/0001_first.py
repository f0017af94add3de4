"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leads",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, primary_key=True),
        sa.Column("lead", sa.Text, nullable=False),
        sa.Column("ours", sa.Text, nullable=False),
        sa.Column("modified_at", sa.BigInteger, nullable=False),
        sa.Column("dirty", sa.Integer, nullable=False),
        sa.Column("valid_until", sa.BigInteger),
        sa.Column("verdict", sa.Text),
        sa.Column("judged_by", sa.String),
    )
    op.create_index("leads_due", "leads", ["connection", "dirty", "valid_until"])
    op.create_table(
        "facts",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("fact_id", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "tasks",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("task_id", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("tasks_of_lead", "tasks", ["connection", "lead_id"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("lead_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("owner_id", sa.String),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("message", sa.Text, nullable=False, default=""),
        sa.Column("record_id", sa.String, nullable=False, default=""),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("outbox_open", "outbox", ["connection", "status"])
    op.create_index("outbox_of_lead", "outbox", ["connection", "lead_id"])
    op.create_table(
        "cursors",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("account", sa.String, nullable=False),
    )
    op.create_table(
        "quarantine",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("lead_id", sa.String, primary_key=True),
        sa.Column("field", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "agreements",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("first_used", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("connection", sa.String, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
