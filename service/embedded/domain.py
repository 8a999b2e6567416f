"""Decisions about the embedded PostgreSQL that need no disk, no process and no clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107  # sun_path holds 108 bytes, one of them the closing zero
OLDEST_MAJOR = 15
DURABLE_SETTINGS: Mapping[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
THROWAWAY_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
COMMON_SETTINGS: Mapping[str, str] = {
    # A table that grows fast is planned for as if it were empty until it is analysed; look often.
    "autovacuum_naptime": "5s",
    "max_connections": "200",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "jit": "off",
}
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL's programs.

    Attributes:
        folder: where `postgres` and `initdb` lie.
        major: the major version, which decides which database folders can be read.
        root: what to copy when the folder cannot be reached; None for a system installation.
    """

    folder: Path
    major: int
    root: Path | None = None


def default_data_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where data lies when nobody says otherwise (XDG Base Directory: relative values are ignored)."""
    configured = environment.get("XDG_DATA_HOME", "")
    return (Path(configured) if configured.startswith("/") else home / ".local" / "share") / "rooted"


def major_version(version_line: str) -> int | None:
    """The major version in the answer to `postgres --version`, None when that is something else."""
    found = _VERSION.search(version_line)
    return int(found.group(1)) if found else None


def binaries_for(candidates: list[Binaries], written_by: int | None) -> Binaries | None:
    """The first installation that can read the folder; any that is new enough when there is none yet."""
    usable = (each for each in candidates if each.major >= OLDEST_MAJOR)
    return next((each for each in usable if written_by in {None, each.major}), None)


def socket_path_fits(folder: Path) -> bool:
    """Whether PostgreSQL can make its socket there, whatever the port."""
    return len(str(folder / ".s.PGSQL.65535").encode()) <= SOCKET_PATH_BYTES_MAX


def server_settings(socket_folder: Path, port: int, *, fast: bool) -> dict[str, str]:
    """What is set on the server's command line, except where it listens: the keeper decides that."""
    return {
        **COMMON_SETTINGS,
        **(THROWAWAY_SETTINGS if fast else DURABLE_SETTINGS),
        "unix_socket_directories": str(socket_folder),
        "port": str(port),
    }
