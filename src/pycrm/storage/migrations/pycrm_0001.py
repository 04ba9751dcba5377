"""The first schema: one table per noun, and those that all share."""

from pathlib import Path

from alembic import op

from pycrm.storage.sql.migrate import note_revision

revision = "pycrm_0001"
down_revision = None
branch_labels: tuple[str, ...] = ("pycrm",)
depends_on = None


def upgrade() -> None:
    """Make the tables, as the frozen text beside this file says for the database."""
    dialect = op.get_bind().dialect
    name = dialect.name
    if name in {"mysql", "mariadb"}:
        name = "mariadb" if getattr(dialect, "is_mariadb", False) else "mysql"
    text = (Path(__file__).parent / f"pycrm_0001.{name}.sql").read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            op.execute(statement)
    note_revision(op.get_context(), revision)


def downgrade() -> None:
    """Refuse: what a first schema holds would be lost; restore a backup instead."""
    raise NotImplementedError("there is no schema before the first; restore a backup instead")
