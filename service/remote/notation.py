"""JSON written as YAML, and where its parts stand in a file of either. Pure.

Only what JSON can say is read: no anchors, no dates, no tags. `yes` is a text, as is 2026-03-02.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from service.errors import pointer_to

SUFFIXES = frozenset({".yaml", ".yml"})
DEPTH_MAX = 64
WIDTH = 110
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class NotationInvalid(Exception):
    """The text is not what it should be; it says where and why."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where something begins in a text: 1-based."""

    line: int
    column: int


def read_yaml(text: str) -> object:
    """The value that a YAML text writes. Raises NotationInvalid."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise NotationInvalid("it repeats a part by an alias (`*name`); write it out.")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if node is None else _value(node, DEPTH_MAX)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
        raise NotationInvalid(f"it is not YAML{place}: {error.problem}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise NotationInvalid(f"it is not YAML: {error}.") from error


def _value(node: yaml.Node, depth: int) -> object:
    if depth == 0:
        raise NotationInvalid(f"it is nested deeper than {DEPTH_MAX} levels.")
    match node:
        case yaml.ScalarNode():
            return _scalar(node)
        case yaml.SequenceNode():
            return [_value(item, depth - 1) for item in node.value]
        case yaml.MappingNode():
            return _mapping(node, depth)
        case _:
            raise NotationInvalid(f"it has a {node.tag} in line {node.start_mark.line + 1}.")


def _mapping(node: yaml.MappingNode, depth: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise NotationInvalid(f"the key in line {line} is no text.")
        if key.value in found:
            raise NotationInvalid(f"the key `{key.value}` in line {line} is there already.")
        found[key.value] = _value(value, depth - 1)
    return found


def _scalar(node: yaml.ScalarNode) -> object:
    return node.value if node.style is not None else _plain(node.value)


def _plain(text: str) -> object:
    """What a text without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Dumper(yaml.SafeDumper):
    """Puts quotes around a text that would be read as something else, and writes all of it out."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 PyYAML's signature
        return True


def _represented(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _plain(text) == text else '"'
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represented)


def write_yaml(value: object) -> str:
    """The value as a YAML text, its keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


def has_comments(text: str) -> bool:
    """Whether a YAML text says something that is no part of its value."""
    tokens = yaml.scan(text, Loader=yaml.SafeLoader)
    scalars = [
        (token.start_mark.index, token.end_mark.index)
        for token in tokens
        if isinstance(token, yaml.ScalarToken)
    ]
    return any(
        not any(start <= found.start() < end for start, end in scalars)
        for found in re.finditer(r"(?m)(?:^|(?<=\s))#", text)
    )


def positions(text: str) -> dict[str, Position]:
    """Where each part of a text begins, by its JSON Pointer; nothing when it cannot be found out."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    return {} if node is None else dict(_positions(node, ""))


def _positions(node: yaml.Node, pointer: str) -> Iterator[tuple[str, Position]]:
    yield pointer, Position(node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _positions(value, pointer_to(pointer, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _positions(item, pointer_to(pointer, place))
