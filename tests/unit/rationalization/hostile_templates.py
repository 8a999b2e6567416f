"""Templates made to take over, or to cost much. Run as a program it tries each, with little memory."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from service.rationalization.wording import checking
from service.rationalization.wording.domain import MessageKind, Written
from service.rationalization.wording.domain.spoken import Manner

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SPARE_BYTES = 128 << 20
KIND = MessageKind.ACCEPT_HELD_UP
"""The message that has a list to go through."""


def _nested(opening: str, closing: str, times: int, inner: str = "x") -> str:
    return opening * times + inner + closing * times


ATTACKS: Mapping[str, str] = {
    "the class of a value": "{{ request.__class__ }}",
    "the class, in brackets": "{{ request['__class__'] }}",
    "the globals of a method": "{{ request.upper.__globals__ }}",
    "a step that is computed": "{{ request[reason] }}",
    "a name that is computed": "{{ [reason] }}",
    "the manner of an instant": "{{ request.manner.locale }}",
    "the wall clock": "{{ now }}",
    "a filter that calls": "{{ awaited | map: '__class__' }}",
    "a filter with a lambda": "{{ awaited | where: x => x.__class__ }}",
    "a default for what is missing": "{{ reason | default: 'none' }}",
    "another template": "{% include 'settings' %}",
    "another template, rendered": "{% render 'settings' %}",
    "an endless range": "{% for n in (1..1000000000) %}x{% endfor %}",
    "a range that is joined": "{{ (1..1000000000) | join: ', ' }}",
    "a range that is reversed": "{{ (1..1000000000) | reverse | first }}",
    "a range in a condition": "{% if (1..1000000000) contains 5 %}x{% endif %}",
    "a range as an argument": "{{ awaited | join: (1..1000000000) }}",
    "replaced again and again": "{{ reason" + " | replace: 'ß', 'ßßßßßßßß'" * 10 + " }}",
    "appended to itself": "{{ reason | append: reason | append: reason }}",
    "times and times": "{{ 9999999999 | times: 9999999999 | times: 9999999999 }}",
    "assigned to itself": "{% assign a = reason %}{% assign a = a | append: a %}" * 40,
    "captured in itself": "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 40,
    "counted up": "{% increment n %}" * 1_000,
    "loops in loops": _nested("{% for e in awaited %}", "{% endfor %}", 2),
    "loops in loops of other names": "".join(f"{{% for e{n} in awaited %}}" for n in range(8))
    + "x"
    + "{% endfor %}" * 8,
    "a `when` that fits a hundred times": "{% case source %}{% when "
    + ", ".join(["'a'"] * 40)
    + " %}x{% endcase %}",
    "nested deeper than anybody reads": _nested("{% if reason %}", "{% endif %}", 60),
    "nested ten thousand deep": "{% if a %}" * 1_900,
    "brackets in brackets": "{{ request" + "[a" * 200 + "]" * 200 + " }}",
    "parentheses in parentheses": "{% if " + "(" * 200 + "a" + ")" * 200 + " %}x{% endif %}",
    "a million tags": "{% if reason %}{% endif %}" * 1_000_000,
    "ten million characters": "x" * 10_000_000,
    "marks that never end": "{{" * 9_999,
    "tags that never end": "{%" * 9_999,
    "tags of nothing that never end": "{% if " * 3_300,
    "raw text that never ends": "{% raw %}" * 2_200,
    "a mark of blanks": "{{" + " " * 19_000 + "}}",
    "a mark that is very long": "{{ '" + "a" * 19_000 + "' }}",
    "more filters than fit": "{{ reason" + " | upcase" * 40 + " }}",
    "as many filters as fit": "{{ reason | upcase | downcase | strip | truncate: 1999 }}" * 300,
    "loops of filters": "{% for e in awaited %}" + "{{ e | truncate: 9 }}" * 50 + "{% endfor %}",
    "more than may be told": "{{ reason }}" * 11,
    "more than may be told, in loops": "{% for e in awaited %}{{ reason }}{% endfor %}",
    "printing nothing": "{% for e in awaited %}" + "{% if e %}{% endif %}" * 300 + "{% endfor %}",
    "a lone surrogate": "a\ud800",
    "a NUL": "a\x00b",
    "text turned around": "a\u202eb",
    "an isolate that turns": "a\u2067b",
    "a number of many digits": "{{ " + "9" * 490 + " }}{{ reason | truncate: " + "9" * 400 + " }}",
    "half a tag in a comment": "{% comment %}{{ {% endcomment %}",
    "an operator that there is not": "{% if a === b %}x{% endif %}",
}
"""Each is refused, with its place where it has one."""

COSTLY: Mapping[str, str] = {
    "all steps that there are, in text": "{{ request }}" * 900,
    "all steps that there are, in filters": "x{% if reason %}"
    + "{{ reason | truncate: 5 }}" * 200
    + "{% endif %}",
    "all steps that there are, in conditions": "x"
    + ("{% if reason == request or reason == source or source == reason %}y{% endif %}" * 240),
    "all steps that there are, in a loop": "x{% if awaited %}{% for e in awaited %}"
    + "{% if e == request %}y{% endif %}" * 40
    + "{% endfor %}{% endif %}",
    "long chains of conditions": "x{% if " + " and ".join(["request"] * 45) + " %}y{% endif %}",
}
"""Close to the bounds: refused or not, none takes long."""


def tried(body: str) -> dict[str, object]:
    """What becomes of a template, and how much of the processor's time that takes."""
    begun = time.process_time()
    found = checking.faults_of(KIND, Written("x", body), Manner.named("en", None), NOON)
    seconds = time.process_time() - begun
    return {"seconds": seconds, "faults": [[each.detail, each.line] for each in found]}


def main() -> None:
    tried("warm")
    statm = Path("/proc/self/statm")
    if statm.exists():
        most = int(statm.read_text().split()[0]) * resource.getpagesize() + SPARE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    found = {name: tried(body) for name, body in {**ATTACKS, **COSTLY}.items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
