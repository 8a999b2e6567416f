"""What `make setup` says when something is missing. The real parts are tried: a compiler, or none."""

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "preflight.py"


def test_a_machine_on_which_this_suite_was_set_up_lacks_nothing() -> None:
    assert _run(path=os.defpath) == (0, "")


def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path) -> None:
    status, said = _run(path=str(tmp_path))

    assert status == 1
    assert "sudo apt-get install build-essential\n" in said


def test_a_compiler_that_does_not_work_counts_as_missing(tmp_path: Path) -> None:
    for name in ("cc", "gcc", "clang", "x86_64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"):
        broken = tmp_path / name
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)

    status, said = _run(path=f"{tmp_path}{os.pathsep}{os.defpath}")

    assert status == 1
    assert "build-essential" in said


def test_missing_headers_are_named_with_their_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preflight = _loaded()
    monkeypatch.setattr(preflight.sysconfig, "get_path", _elsewhere)

    assert preflight.main() == 1
    assert f"apt-get install {preflight.debian_python()}-dev\n" in capsys.readouterr().out


def test_a_missing_ensurepip_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preflight = _loaded()
    monkeypatch.setattr(preflight.importlib.util, "find_spec", _without_ensurepip)

    assert preflight.main() == 1
    assert f"apt-get install {preflight.debian_python()}-venv\n" in capsys.readouterr().out


def test_a_python_that_is_too_old_is_told_which_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preflight = _loaded()
    monkeypatch.setattr(preflight, "OLDEST", (99, 0))

    assert preflight.main() == 1
    assert "make setup PYTHON=" in capsys.readouterr().out


def _run(*, path: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 -- our own script
        [sys.executable, SCRIPT], check=False, capture_output=True, text=True, env={"PATH": path}
    )
    return done.returncode, done.stdout


def _elsewhere(_name: str) -> str:
    return "/nonexistent"


def _without_ensurepip(name: str) -> ModuleSpec | None:
    return None if name == "ensurepip" else ModuleSpec(name, None)


def _loaded() -> Any:
    """The script as a module of its own: it is no part of the program."""
    spec = importlib.util.spec_from_file_location("preflight", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
