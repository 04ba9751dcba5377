"""A fair queue before the one writer that SQLite allows."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import ClassVar
from weakref import WeakValueDictionary

from attrs import define, field

from pycrm.errors import Transient

__all__ = ["Writers", "writers_of"]


@define(eq=False)
class Writers:
    """Who may write to one SQLite file: first come, first served, within this process."""

    _holder: int | None = field(default=None, init=False)
    _waiting: deque[tuple[threading.Event, int]] = field(factory=deque, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def acquire(self, timeout: float) -> None:
        """Wait for one's turn; raise Transient after `timeout` seconds, or where this very thread is writing already."""
        me = threading.get_ident()
        with self._lock:
            if self._holder is None:
                self._holder = me
                return
            if self._holder == me:
                raise Transient("another unit of work of this thread is writing; commit or roll it back first", "busy")
            turn = threading.Event()
            self._waiting.append((turn, me))
        if not turn.wait(timeout):
            with self._lock, suppress(ValueError):  # not there any more: the turn came at the last moment
                self._waiting.remove((turn, me))
                raise Transient(f"other writers held the database for {timeout:g} s", "busy")

    def release(self) -> None:
        """Let the next one in."""
        with self._lock:
            if self._waiting:
                turn, self._holder = self._waiting.popleft()
                turn.set()
            else:
                self._holder = None


class _Registry:
    """The queues of this process, one per file; they die with the last store that uses them."""

    lock: ClassVar[threading.Lock] = threading.Lock()
    queues: ClassVar[WeakValueDictionary[str, Writers]] = WeakValueDictionary()


def writers_of(path: str) -> Writers:
    """Return the writer queue of an SQLite file."""
    with _Registry.lock:
        found = _Registry.queues.get(path)
        if found is None:
            found = _Registry.queues[path] = Writers()
        return found
