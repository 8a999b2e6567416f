"""Looks at ladders where they are: among the members, groups, rotas and calendars that there are now."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from service.db import TenantSession
from service.escalations.ladders import lint, resolving, service
from service.escalations.ladders.domain import Definition, Situation, ToRota
from service.escalations.ladders.lint import Staff
from service.escalations.rotas import service as rotas
from service.rules.checks.ladders import Ladder
from service.rules.findings import Finding


async def known(session: TenantSession, names: Collection[str], *, now: datetime) -> dict[str, Ladder]:
    """The ladders of these names that may be climbed, each with what is found wrong with it."""
    found = await service.effective(session, names)
    return {
        name: Ladder(await examined(session, version.definition, now=now), lint.leads(version.definition))
        for name, version in found.items()
    }


async def examined(session: TenantSession, definition: Definition, *, now: datetime) -> list[Finding]:
    """What is found wrong with a ladder, with its place in the definition."""
    targets = [target for step in definition.steps for target in step.targets]
    named = {target.who.rota for target in targets if isinstance(target.who, ToRota)}
    staff = Staff(
        directory=await resolving.load_directory(session, targets, Situation(), besides=()),
        rotas=await rotas.rotas_named(session, named, since=now),
        hours=await resolving.load_hours(session, targets),
    )
    return await asyncio.to_thread(lint.find, definition, staff, now)
