"""Runs the revisions as the owner role, with timeouts, on the connection that the caller opened."""

import importlib
import pkgutil

from alembic import context
from sqlalchemy import Connection, text

import service
from service.db import Base

OUTSIDE_ALEMBIC = ("pgqueuer",)
"""Tables that a library creates by its own statements."""


def import_models() -> None:
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)


def _ours(_object: object, name: str | None, kind: str, _reflected: object, _compared: object) -> bool:
    return kind != "table" or not (name or "").startswith(OUTSIDE_ALEMBIC)


def run(connection: Connection) -> None:
    import_models()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_ours,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        connection.execute(text("set local lock_timeout = '5s'"))
        connection.execute(text("set local statement_timeout = '15min'"))
        context.run_migrations()


run(context.config.attributes["connection"])
