"""Sorts more than fits in memory: sorted runs in temporary files, merged when read."""

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Generic, Self, TypeVar

import msgspec

Item = TypeVar("Item")

RUN_LENGTH = 50_000
"""Items held in memory at most, per sorter."""

LENGTH_BYTES = 4


class Sorter(Generic[Item]):
    """Takes items in any order and gives them back sorted, any number of times.

    Items that compare equal come back in the order in which they were added.
    """

    def __init__(self, kind: type[Item], *, key: Callable[[Item], Any], run_length: int = RUN_LENGTH) -> None:
        self._key = key
        self._run_length = run_length
        self._pending: list[Item] = []
        self._runs: list[IO[bytes]] = []
        self._files = ExitStack()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(kind)
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._files.close()

    def add(self, items: Iterable[Item]) -> None:
        for item in items:
            self._pending.append(item)
            self.count += 1
            if len(self._pending) >= self._run_length:
                self._spill()

    def __iter__(self) -> Iterator[Item]:
        self._pending.sort(key=self._key)
        runs = [self._read(run) for run in self._runs]
        return heapq.merge(*runs, iter(self._pending), key=self._key)

    def _spill(self) -> None:
        self._pending.sort(key=self._key)
        run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - _files closes it
        for item in self._pending:
            content = self._encoder.encode(item)
            run.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
        self._runs.append(run)
        self._pending.clear()

    def _read(self, run: IO[bytes]) -> Iterator[Item]:
        position = 0
        while True:
            # Several readers may be under way on one file, so each keeps its own place.
            run.seek(position)
            chunk = run.read(1 << 16)
            if not chunk:
                return
            items, used = self._decoded(chunk)
            if not used:
                items, used = self._decoded(chunk + run.read(int.from_bytes(chunk[:LENGTH_BYTES], "big")))
            position += used
            yield from items

    def _decoded(self, chunk: bytes) -> tuple[list[Item], int]:
        """The whole items in the chunk, and how many bytes they take."""
        items: list[Item] = []
        position = 0
        while position + LENGTH_BYTES <= len(chunk):
            start = position + LENGTH_BYTES
            end = start + int.from_bytes(chunk[position:start], "big")
            if end > len(chunk):
                break
            items.append(self._decoder.decode(chunk[start:end]))
            position = end
        return items, position
