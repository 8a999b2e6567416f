"""Whether what policies and types of request name is there: in registers that different slices keep."""

from collections.abc import Awaitable, Callable, Collection, Mapping

from service.db import TenantSession
from service.escalations.ladders import service as ladders
from service.people import directory
from service.rationalization.risks import service as risks
from service.rationalization.wording import service as wording
from service.rules.domain import Entry, Register

Find = Callable[[TenantSession, Collection[str]], Awaitable[Collection[str]]]


async def there(session: TenantSession, entries: Collection[Entry]) -> Collection[Entry]:
    """Those of these entries that their register has."""
    found = {entry for entry in await _ranks(session, entries) if entry in entries}
    for register, names_in in _BY_NAME.items():
        names = {entry.name for entry in entries if entry.register is register}
        found |= {Entry(register, name) for name in await names_in(session, names)} if names else set()
    return found


async def _ranks(session: TenantSession, entries: Collection[Entry]) -> set[Entry]:
    """The ranks of the questionnaires of which some are looked for."""
    asked = {entry.of for entry in entries if entry.register is Register.RANK and entry.of is not None}
    ranks = await risks.ranks(session, asked) if asked else {}
    return {Entry(Register.RANK, rank, of=name) for name, known in ranks.items() for rank in known}


async def _groups(session: TenantSession, names: Collection[str]) -> Collection[str]:
    return await directory.team_names(session) & set(names)


_BY_NAME: Mapping[Register, Find] = {
    Register.GROUP: _groups,
    Register.LADDER: ladders.effective,
    Register.QUESTIONNAIRE: risks.known,
    Register.WORDING: wording.wordings,
}
