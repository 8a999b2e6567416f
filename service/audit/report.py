"""How a verdict on a chain is told to people, and to programs. Pure."""

from typing import Any

from service.audit.chain import Break, Flaw
from service.audit.verification import Verdict

PROGRESS_EVERY = 50_000
"""After how many links and records to say how far it has come."""

MEANING = {
    Flaw.LINK_MISSING: "a link was removed there",
    Flaw.RECORD_MISSING: "the link's record was removed",
    Flaw.DIGEST_DIFFERS: "the record or its link was changed, inserted or moved",
    Flaw.NEVER_LISTED: "the record has no link and waits for none: it was inserted, or its link was removed",
    Flaw.NOT_LINKED: "the record has waited too long for its link: no worker runs, or its log says why",
}


def line(name: str, verdict: Verdict) -> str:
    """One line on one trail."""
    head = verdict.head
    found = f"{verdict.records:,} records, {head.sequence:,} links, head {head.digest.hex()}"
    faults: list[str] = []
    if verdict.broken is not None:
        faults.append(_place(verdict.broken))
    if verdict.proven is False:
        faults.append("the given head is not in the chain")
    if faults:
        return f"BAD  {name}: {'; '.join(faults)} ({found})"
    return f"ok   {name}: {found}" + (", the given head is in the chain" if verdict.proven else "")


def described(verdict: Verdict) -> dict[str, Any]:
    """The same as data."""
    broken = verdict.broken
    return {
        "sound": verdict.sound,
        "records": verdict.records,
        "links": verdict.head.sequence,
        "head": verdict.head.digest.hex(),
        "head_proven": verdict.proven,
        "broken": None
        if broken is None
        else {"flaw": broken.flaw.value, "sequence": broken.sequence, "record_id": str(broken.record_id)},
    }


def _place(broken: Break) -> str:
    where = "" if broken.sequence is None else f"link {broken.sequence:,}, "
    return f"{where}record {broken.record_id}: {MEANING[broken.flaw]}"
