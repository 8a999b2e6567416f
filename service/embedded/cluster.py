"""Making a database cluster, once and wholly or not at all."""

import shutil
import subprocess
from pathlib import Path

from service.embedded.account import Account
from service.embedded.domain import Binaries
from service.embedded.errors import DiskFull, InitialisationFailed

SUPERUSER = "postgres"
_INITDB_SECONDS_MAX = 300


def written_by(home: Path) -> int | None:
    """The major version whose server wrote the cluster, None when there is none."""
    version = home / "cluster" / "PG_VERSION"
    return int(version.read_text().strip()) if version.exists() else None


def initialise(
    home: Path, binaries: Binaries, account: Account, *, superuser_password: str, fast: bool
) -> None:
    """Run initdb beside the final place and rename: what was cut short never looks finished.

    Raises:
        DiskFull, InitialisationFailed: initdb failed; nothing is left of it.
    """
    fresh = home / "cluster.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.own(fresh)
    password_file = home / "superuser.password"
    password_file.unlink(missing_ok=True)
    password_file.touch(mode=0o600)
    try:
        password_file.write_text(superuser_password)
        account.own(password_file)
        _initdb(fresh, binaries, account, password_file=password_file, fast=fast)
        fresh.rename(home / "cluster")
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)


def _initdb(fresh: Path, binaries: Binaries, account: Account, *, password_file: Path, fast: bool) -> None:
    command = [
        str(binaries.folder / "initdb"),
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256",
        "--data-checksums",
        "--no-instructions",
        *(["--no-sync"] if fast else []),
    ]
    try:
        done = _run(command, account)
    except subprocess.TimeoutExpired as error:
        raise InitialisationFailed(fresh.parent, f"nothing within {_INITDB_SECONDS_MAX} seconds") from error
    if "No space left on device" in done.stdout:
        raise DiskFull(fresh.parent)
    if done.returncode != 0:
        raise InitialisationFailed(fresh.parent, done.stdout.strip()[-1500:])


def _run(command: list[str], account: Account) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own command line, no shell
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_INITDB_SECONDS_MAX,
        cwd="/",
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
        **account.run_as,
    )
