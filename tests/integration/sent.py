"""Which statements are sent to the database, through SQLAlchemy or straight to the driver."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncSession

from service import db
from service.db import Driver, Row


@dataclass
class _Heard:
    """The driver, and what goes through it."""

    driver: Driver
    sent: list[str]

    async def fetch(self, query: str, /, *args: object, record_class: type[Row]) -> list[Row]:
        self.sent.append(query)
        return await self.driver.fetch(query, *args, record_class=record_class)

    async def executemany(self, command: str, args: Sequence[Sequence[object]], /) -> None:
        self.sent.append(command)
        await self.driver.executemany(command, args)


@contextmanager
def statements() -> Generator[list[str]]:
    """The statements sent inside the block, by any connection."""
    sent: list[str] = []
    driver_of = db.driver_of

    async def heard(session: AsyncSession) -> Driver:
        return _Heard(await driver_of(session), sent)

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    db.driver_of = heard
    try:
        yield sent
    finally:
        db.driver_of = driver_of
        event.remove(Engine, "before_cursor_execute", note)
