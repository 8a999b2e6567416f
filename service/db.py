"""Engine, sessions and the declarative base. The only module that opens or commits a transaction."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import DateTime, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.ids import TenantId

Sessions = async_sessionmaker[AsyncSession]

SET_TENANT = text("select rooted.set_tenant(:tenant_id)")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain class attribute
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


class TenantRow(Base):
    """What every table of a tenant begins with: its key is led by the tenant."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


@dataclass(frozen=True, slots=True)
class TenantSession:
    """A transaction together with the only tenant it may see."""

    db: AsyncSession
    tenant_id: TenantId


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def create_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine whose pool holds `pool_size` connections and never more."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        connect_args={"server_settings": {"application_name": "rooted", "timezone": "UTC"}},
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def tenant_transaction(sessions: Sessions, tenant_id: TenantId) -> AsyncGenerator[TenantSession]:
    """One transaction of one tenant. The tenant is set by an ordinary first statement, and for it alone."""
    async with sessions.begin() as db:
        await db.execute(SET_TENANT, {"tenant_id": tenant_id})
        yield TenantSession(db, tenant_id)
