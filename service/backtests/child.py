"""A process that judges: `python -m service.backtests.child LIMITS`, frames on stdin, frames on stdout.

The first frame is the setup, answered with an empty one; each further one is a chunk, answered with what came
of it. It holds the C module of durable-rules, and may die of it at any time.
"""

import asyncio
import sys
from typing import BinaryIO

import msgspec

from service.backtests import chunks, setup
from service.backtests.chunks import Chunk
from service.backtests.setup import Setup
from service.rules.child import confine
from service.rules.frames import LENGTH_BYTES, Limits

FRAME_BYTES_MAX = 256 * 1024 * 1024

SETUPS = msgspec.json.Decoder(Setup)
CHUNKS = msgspec.json.Decoder(Chunk)


def read(stream: BinaryIO) -> bytes | None:
    """The next frame; None at the end.

    Raises:
        ValueError: it is longer than a frame may be.
    """
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "big")
    if size > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {size} bytes")
    return stream.read(size)


def write(stream: BinaryIO, body: bytes) -> None:
    stream.write(framed(body))
    stream.flush()


def framed(body: bytes) -> bytes:
    """The body with its length in front."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the requests end. Nothing else waits for this event loop."""
    first = read(requests)
    if first is None:
        return
    comparison = setup.comparison(SETUPS.decode(first))
    write(replies, b"")
    while (body := read(requests)) is not None:
        judged = await chunks.judged(comparison, CHUNKS.decode(body))
        write(replies, msgspec.json.encode(judged, order="sorted"))


def main() -> None:
    confine(msgspec.json.decode(sys.argv[1], type=Limits))
    asyncio.run(serve(sys.stdin.buffer, sys.stdout.buffer))


if __name__ == "__main__":
    main()
