"""Passwords as they are kept: argon2id, computed in threads, a bounded number at once.

One hash takes 64 MiB and tens of milliseconds on purpose, so a flood of log-ins must wait here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.people.domain.passwords import normal_password
from service.people.errors import PasswordsBusy

T = TypeVar("T")

ITERATIONS = 3
MEMORY_KIB = 65_536
LANES = 4
HASH_BYTES = 32
SALT_BYTES = 16
"""The second recommended option of RFC 9106, §4."""

AT_ONCE = 2
WAITING_MAX = 24
"""A few seconds of waiting; who comes after is told to come again."""

NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$pCpO9sHmGy5RQ/jJ1GrCDQ$2bl+LL10flr6QjeLRF+eyCo5TGH2Vo44Ui0bq0IDtis"
"""What is compared with when there is no account, so that the answer takes as long."""

_hasher = PasswordHasher(
    time_cost=ITERATIONS,
    memory_cost=MEMORY_KIB,
    parallelism=LANES,
    hash_len=HASH_BYTES,
    salt_len=SALT_BYTES,
)
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
_slots = asyncio.Semaphore(AT_ONCE)
_waiting = 0


class Turn:
    """The right to have passwords computed now."""

    async def hash(self, password: str) -> str:
        return await _computed(_hasher.hash, _typed(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Is this the password? It takes as long to say no where there is none."""
        return await _computed(_matches, kept or NOBODYS, _typed(password)) and kept is not None


@asynccontextmanager
async def turn() -> AsyncGenerator[Turn]:
    """Wait for one's turn. To be taken before anything is locked or asked of the database.

    Raises:
        PasswordsBusy: WAITING_MAX others wait already.
    """
    global _waiting  # noqa: PLW0603 - one count for all who wait in this process
    if _waiting >= WAITING_MAX:
        raise PasswordsBusy
    _waiting += 1
    try:
        await _slots.acquire()
    finally:
        _waiting -= 1
    try:
        yield Turn()
    finally:
        _slots.release()


def is_outdated(kept: str) -> bool:
    """Was it computed with other parameters than we use now?"""
    return _hasher.check_needs_rehash(kept)


async def _computed(compute: Callable[..., T], *arguments: str | bytes) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, compute, *arguments)


def _typed(password: str) -> bytes:
    """The bytes that are hashed; what is no text at all is merely a wrong password."""
    return normal_password(password).encode(errors="surrogatepass")


def _matches(kept: str, password: bytes) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
