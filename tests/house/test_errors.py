"""Every error that may reach a caller has a code of its own, a status and a meaning."""

import importlib
import pkgutil
import re

import service
from service.api import problems
from service.errors import ServiceError

CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def _kinds(kind: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [each for narrower in kind.__subclasses__() for each in [narrower, *_kinds(narrower)]]


def _ours() -> list[type[ServiceError]]:
    return sorted({each for each in _kinds() if each.__module__.startswith("service.")}, key=str)


def test_every_concrete_error_has_a_code_of_its_own() -> None:
    concrete = [each for each in _ours() if not each.__subclasses__() and each not in problems.STATUS]
    codes = [each.code for each in concrete]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not CODE.fullmatch(code)] == []


def test_every_error_has_exactly_one_status() -> None:
    for each in _ours():
        kinds = [kind for kind in problems.STATUS if issubclass(each, kind)]
        assert len(kinds) == 1, each


def test_every_error_says_what_it_means_in_words_of_its_own() -> None:
    assert [each for each in _ours() if not each.__doc__] == []
