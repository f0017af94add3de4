"""Under which mapping a connection was read: under another one it is read again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cursors", sa.Column("mapping", sa.String, nullable=False, server_default=""))
