"""Append-only tables: the database itself refuses to change or remove a row."""

from __future__ import annotations

from sqlalchemy import Connection, text

FUNCTION = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'append-only: rows of % are never changed', TG_TABLE_NAME; END $$
"""
POSTGRESQL = (
    "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION append_only()",
)
SQLITE = tuple(
    f"CREATE TRIGGER {{table}}_no_{verb.lower()} BEFORE {verb} ON {{table}} "
    "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    for verb in ("UPDATE", "DELETE")
)


def protect(connection: Connection, *tables: str) -> None:
    """Refuse UPDATE and DELETE on these tables."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text(FUNCTION))
    for table in tables:
        for statement in POSTGRESQL if postgresql else SQLITE:
            connection.execute(text(statement.format(table=table)))
