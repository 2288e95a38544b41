"""The first schema: a table for each kind of row, and the audit chain. Nothing runs here: a new record begins with the
newest tables (`schema.create`), and an old one has these already."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    raise NotImplementedError("A new record begins with the newest tables.")
