"""A server that really runs, for tests that stand outside of it as its users do."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service import embedded, ids
from service.db import Sessions, create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.vault import new_key_line

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Live:
    """A server, and the database that it stands on."""

    url: str
    env: dict[str, str]
    sessions: Sessions


@asynccontextmanager
async def served(template: EmbeddedDatabase, folder: Path) -> AsyncGenerator[Live]:
    """`rooted serve` on a database of its own.

    Args:
        template: what the database is copied from.
        folder: of the server, which is made for it.
    """
    cloned = await embedded.clone(template, name=f"live_{ids.new_id().hex}")
    await asyncio.to_thread(folder.mkdir, mode=0o711)
    env = {
        "ROOTED_DATABASE_URL": cloned.app_url,
        "ROOTED_DATA_DIR": str(folder),
        "ROOTED_MASTER_KEYS": new_key_line(bytes(range(32)), key_id="live"),
    }
    command = (sys.executable, "-m", "service", "serve", "--port", "0", "--tied")
    with (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **env},  # noqa: TID251 - the server finds its libraries as we do
        )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode()
    assert line, (folder / "server.log").read_text()
    engine = create_engine(cloned.app_url, pool_size=2)
    try:
        yield Live(line.split()[-1], env, create_sessions(engine))
    finally:
        await engine.dispose()
        process.terminate()
        await process.wait()
