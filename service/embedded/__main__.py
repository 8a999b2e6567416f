"""`python -m service.embedded`: prepare the database and its roles on a PostgreSQL of the operator's own.

The addresses come from the environment, so that no password appears in the list of processes.
"""

import asyncio
import sys

import asyncpg
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.exc import DBAPIError

from service.embedded import prepare_roles
from service.errors import ServiceError


class Addresses(BaseSettings):
    """ROOTED_SUPERUSER_DATABASE_URL, ROOTED_OWNER_DATABASE_URL and ROOTED_DATABASE_URL."""

    model_config = SettingsConfigDict(env_prefix="ROOTED_", frozen=True)

    superuser_database_url: SecretStr
    owner_database_url: SecretStr
    database_url: SecretStr


def main() -> int:
    """Prepare them, safe to repeat. Returns the exit status."""
    try:
        addresses = Addresses()  # pyright: ignore[reportCallIssue] -- its fields come from the environment
    except ValidationError as error:
        lacking = ", ".join(f"ROOTED_{fault['loc'][0]}".upper() for fault in error.errors())
        sys.stderr.write(f"Set {lacking}.\n")
        return 2
    try:
        asyncio.run(
            prepare_roles(
                addresses.superuser_database_url.get_secret_value(),
                owner_url=addresses.owner_database_url.get_secret_value(),
                app_url=addresses.database_url.get_secret_value(),
            )
        )
    except (ServiceError, OSError, DBAPIError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
