"""Decision tables of policy files as sheets, for spreadsheets and back."""

from dataclasses import replace
from pathlib import Path

import click
import msgspec

from service.cli import policy_files, running
from service.cli.parameters import EXISTING_FILE
from service.cli.policy_files import Opened
from service.remote.errors import PolicyFileUnusable
from service.rules import canonical
from service.rules.tables import sheet
from service.rules.tables.table import TableForm, TableInvalid

FILE = click.argument("path", metavar="FILE", type=EXISTING_FILE)


@click.group("table")
def tables() -> None:
    """Decision tables as sheets (CSV), for spreadsheets and back."""


@tables.command("export")
@FILE
def export_table(*, path: Path) -> None:
    """Print the table of the policy in FILE as CSV."""
    click.echo(running.refusing(lambda: sheet.write(_table(policy_files.opened(path)))), nl=False)


@tables.command("import")
@FILE
@click.argument("csv", metavar="CSV", type=EXISTING_FILE)
def import_table(*, path: Path, csv: Path) -> None:
    """Put the table of a sheet into the policy in FILE, and write that in its canonical form."""

    def imported() -> tuple[str, int]:
        opened = policy_files.opened(path)
        before = _table(opened)
        document = {**opened.file.document, "table": msgspec.to_builtins(_sheet(csv, before))}
        changed = replace(opened, file=replace(opened.file, document=document))
        text = policy_files.formatted(changed)
        return text, len(canonical.differences(opened.file.document, document))

    text, count = running.refusing(imported)
    path.write_text(text, encoding="utf-8")
    click.echo(
        f"{path}: {count} difference{'' if count == 1 else 's'}; look at it with `rooted policy lint {path}`"
    )


def _table(opened: Opened) -> TableForm:
    """Raises PolicyFileUnusable."""
    found = opened.file.document.get("table")
    if found is None:
        raise PolicyFileUnusable(opened.file.path, "it has its rules one by one, and no table.")
    try:
        return msgspec.convert(found, TableForm)
    except msgspec.ValidationError as error:
        raise PolicyFileUnusable(opened.file.path, f"its table is none: {error}.") from error


def _sheet(path: Path, before: TableForm) -> TableForm:
    """The table of a sheet, with what a sheet does not hold as it was. Raises PolicyFileUnusable."""
    try:
        read = sheet.read(path.read_text(encoding="utf-8"), then=before.then)
    except UnicodeDecodeError as error:
        raise PolicyFileUnusable(path, "it is not UTF-8; export it as such from the spreadsheet.") from error
    except TableInvalid as error:
        told = "\n  ".join(f"{_cell_text(fault.pointer)}{fault.detail}" for fault in error.faults)
        raise PolicyFileUnusable(path, f"it is no sheet of this table:\n  {told}") from error
    return sheet.titled(read, before)


def _cell_text(pointer: str) -> str:
    """`/2/1` in the words of a spreadsheet: `row 3, column 2: `."""
    names = ("row", "column")
    steps = [step for step in pointer.split("/")[1:] if step.isdecimal()]
    told = ", ".join(f"{name} {int(step) + 1}" for name, step in zip(names, steps, strict=False))
    return f"{told}: " if told else ""
