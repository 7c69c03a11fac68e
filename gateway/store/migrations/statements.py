"""How a migration is carried out: statement by statement, and never back."""

from __future__ import annotations

from alembic import op


def run(statements: str) -> None:
    """Carry out statements that are parted by `;` at a line's end."""
    for statement in statements.split(";\n"):
        if statement.strip():
            op.execute(statement)


def no_way_back() -> None:
    """Raise: what a migration made is undone by a backup alone."""
    raise NotImplementedError("restore a backup")
