"""Reads a YAML file key by key, and collects every fault with its place."""

import difflib
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import cast

import yaml

from service.errors import Fault

NAME_LENGTH_MAX = 100
NAMES_SHOWN = 12


def load(text: str) -> tuple[object, list[Fault]]:
    """The content of a YAML text, in which every scalar is text; or why it is none."""
    try:
        return yaml.load(text, _Loader), []  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        return None, [_fault_of_yaml(error)]
    except yaml.YAMLError as error:
        return None, [Fault("", f"it is not YAML: {error}")]


def suggestion(name: str, known: Collection[str]) -> str:
    """The end of a sentence that says a name is not known: the nearest one, or the first that are."""
    names = [str(each) for each in known]
    close = difflib.get_close_matches(name[:NAME_LENGTH_MAX], names, n=1)
    if close:
        return f"; did you mean {close[0]!r}"
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"; known are {', '.join(names[:NAMES_SHOWN])}{more}"


@dataclass(slots=True)
class Form:
    """A YAML object read key by key; what is wrong is collected, so that all of it is told at once."""

    content: dict[str, object]
    pointer: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])
    asked: list[str] = field(default_factory=list[str])
    sections: list["Form"] = field(default_factory=list["Form"])

    def fault(self, key: str, detail: str) -> None:
        self.faults.append(Fault(f"{self.pointer}/{key}", detail))

    def has(self, key: str) -> bool:
        return key in self.content

    def optional(self, key: str) -> str | None:
        self.asked.append(key)
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "one text is expected here.")
            return None
        return value

    def text(self, key: str) -> str:
        if not self.has(key):
            self.asked.append(key)
            self.fault(key, "is missing.")
            return ""
        return self.optional(key) or ""

    def choice(self, key: str, choices: Collection[str], *, default: str) -> str:
        value = self.optional(key) or default
        if value in choices:
            return value
        self.fault(key, f"{value!r} is not known{suggestion(value, choices)}.")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        self.asked.append(key)
        value = self.content.get(key, [])
        listed = cast("list[object]", value) if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in listed):
            return tuple(str(item) for item in listed)
        self.fault(key, "a list of texts is expected here.")
        return ()

    def section(self, key: str) -> "Form":
        self.asked.append(key)
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, "an object is expected here.")
            value = {}
        inner = Form(cast("dict[str, object]", value), f"{self.pointer}/{key}", self.faults)
        self.sections.append(inner)
        return inner

    def refuse_unknown(self) -> None:
        for section in self.sections:
            section.refuse_unknown()
        for key in self.content:
            if key not in self.asked:
                self.fault(str(key), f"is not known here{suggestion(str(key), self.asked)}.")


class _Loader(yaml.SafeLoader):
    """Every scalar is text (`true`, `no` and `1` are values of a log), and no key counts twice."""

    yaml_implicit_resolvers: dict[str, list[object]] = {}  # noqa: RUF012 - as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[object] = set()
        for key_node, _ in node.value:
            key: object = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} stands here for the second time", problem_mark=key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return cast("dict[Hashable, object]", super().construct_mapping(node, deep))


def _fault_of_yaml(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark
    if mark is None:
        return Fault("", f"it is not YAML: {error.problem}.")
    line, column = mark.line + 1, mark.column + 1
    return Fault("", f"line {line}, column {column}: {error.problem}.", line, column)
