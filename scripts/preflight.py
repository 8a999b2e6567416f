"""Say what this machine lacks for `make setup`, by trying each thing that will be needed.

Runs with any Python since 3.6 and its standard library: an old one must be able to say that it is too old.
Exits 1 when something is missing, naming the Debian packages.
"""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

OLDEST = (3, 11)
PLAIN = '#include <stdio.h>\nint probe(void) { return puts(""); }\n'
EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "probe", 0, -1, 0};
PyMODINIT_FUNC PyInit_probe(void) { return PyModule_Create(&module); }
"""


def debian_python():
    """`python3`, or `python3.12` and the like when that is not the system's default."""
    name = "python{}.{}".format(*sys.version_info[:2])
    return "python3" if Path("/usr/bin/python3").resolve().name == name else name


def compiles(source):
    """Whether the compiler that Python uses for its extensions makes a library of this."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    if shutil.which(compiler[0]) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.c"
        probe.write_text(source)
        headers = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
        flags = ["-shared", "-fPIC", *("-I" + each for each in sorted(headers))]
        command = [*compiler, *flags, str(probe), "-o", str(probe.with_suffix(".so"))]
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def missing():
    """Pairs of what is missing and the Debian package that brings it."""
    python = debian_python()
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        yield "Python's venv and ensurepip, which make the virtual environment", python + "-venv"
    compiler_works = compiles(PLAIN)
    if not compiler_works:
        yield "a C compiler that works, which builds the rules engine", "build-essential"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists() or (compiler_works and not compiles(EXTENSION)):
        yield "Python's C headers, against which the rules engine is built", python + "-dev"


def main():
    """Print what is missing and how to get it."""
    if sys.version_info[:2] < OLDEST:
        version = "{}.{}".format(*sys.version_info[:2])
        print(
            f"{sys.executable} is Python {version}; Rooted needs 3.11 or newer. Install one, for example with"
        )
        print("    sudo apt-get install python3.11 python3.11-venv python3.11-dev")
        print("and name it:  make setup PYTHON=python3.11")
        return 1
    lacks = list(missing())
    for what, package in lacks:
        print(f"Missing: {what} (Debian package {package}).")
    if lacks:
        print("Install what is missing, then run the same command again:")
        print("    sudo apt-get install " + " ".join(package for _, package in lacks))
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main())
