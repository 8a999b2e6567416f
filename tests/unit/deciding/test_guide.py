"""The guide says what policies of each kind may write, and no less."""

import json
import re
from pathlib import Path

from service.rationalization import checking, verdicts
from service.rationalization.verdicts import Gate, Proposal, Verdict
from service.requests.kinds import KINDS
from service.rules.classification import DERIVABLE, DERIVABLE_BELOW
from service.rules.domain import Doubt

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "policies.md").read_text()
SECTION = GUIDE[GUIDE.index("### The four kinds") : GUIDE.index("### Decision tables")]
NAMED = {name.rstrip(".…") for name in re.findall(r"`([a-z_.…]+)`", SECTION)}
BASICS = {"requires", "gate", "verdict", "url"}


def test_the_guide_names_every_kind_doubt_and_fact_that_may_be_derived() -> None:
    assert set(KINDS) <= NAMED
    assert {doubt.value for doubt in Doubt} <= NAMED
    assert {*DERIVABLE, *(below.rstrip(".") for below in DERIVABLE_BELOW)} <= NAMED


def test_the_guide_names_every_verdict_and_gate_with_what_each_says() -> None:
    for kind in (*Verdict.__args__, *Gate.__args__, Proposal):
        tag = kind.__struct_config__.tag
        said = set(kind.__struct_fields__) - BASICS
        assert (said if tag is None else {tag, *said}) <= NAMED, kind


def test_the_guides_verdict_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)

    written = json.loads(example)

    assert verdicts.write(checking.read(written)) == written
