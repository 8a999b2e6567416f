"""Alembic revisions. One change each; `tenancy.py` holds what every tenant table needs."""
