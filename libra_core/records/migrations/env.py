"""Alembic's entry: runs inside the connection that `database.migrate` hands over."""

from alembic import context

from libra_core.records.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
