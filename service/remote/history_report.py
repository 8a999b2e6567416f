"""What became of a log that was brought in, for people and as JSON."""

from rich.console import Console

from service.remote.history import Imported
from service.replay import report as reporting

FATES = {
    "added": "added",
    "known": "there already",
    "different": "left as they are there, where they say something else",
    "refused": "refused",
}


def show(imported: Imported, console: Console) -> None:
    found = imported.log
    count = imported.fates.total()
    told = ", ".join(
        f"{imported.fates[fate]:,} {words}" for fate, words in FATES.items() if imported.fates[fate]
    )
    console.print(f"{count:,} cases of the log {found.name!r}: {told}.", markup=False, highlight=False)
    show_losses(imported, console)
    console.print(
        f"It holds {found.cases:,} cases and is complete. Try a policy on it:\n"
        f"  rooted backtest --policy FILE --log {found.name}",
        markup=False,
        highlight=False,
    )


def show_losses(imported: Imported, console: Console) -> None:
    """Say which rows could not be read, and which cases were not taken."""
    reporting.show_bad_rows(imported.bad_rows, console)
    refused = imported.fates["refused"]
    if refused:
        console.print(f"{refused:,} cases were refused:", highlight=False)
        lines = (f"  line {one.line} ({one.external_id}): {one.reason}" for one in imported.refusals)
        reporting.listed(lines, refused, console)


def to_json(imported: Imported) -> dict[str, object]:
    """The names are part of the command's contract."""
    return {
        "id": imported.log.id,
        "name": imported.log.name,
        "cases": imported.log.cases,
        **{fate: imported.fates[fate] for fate in FATES},
        "refusals_first": imported.refusals,
        "bad_rows": imported.bad_rows.count,
        "bad_rows_by_kind": dict(imported.bad_rows.by_kind),
        "bad_rows_first": imported.bad_rows.first,
    }
