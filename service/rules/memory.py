"""How much memory a process uses."""

import resource
from pathlib import Path

PROC = Path("/proc")


def resident_bytes(process: int | str = "self") -> int:
    """Memory in use, what is shared with others included; 0 where nobody tells, or no process is left."""
    try:
        pages = (PROC / str(process) / "statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * resource.getpagesize()
