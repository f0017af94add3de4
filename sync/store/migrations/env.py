"""Alembic runs this; the connection comes from ``sync.store``."""

from alembic import context

from sync.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
