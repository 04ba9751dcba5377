"""One line on a terminal that is written over until the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self, TextIO

__all__ = ["Progress"]

_WIDTH = 20


class Progress:
    r"""Shows how far a piece of work is, once it has taken a second; call it with each step that begins.

    Parameters
    ----------
    stream : TextIO
        Where; standard error.
    steps : int
        How many there are.
    clock : callable
        Seconds.
    patience : float
        Seconds before anything is shown.

    Examples
    --------
    >>> import io
    >>> shown = io.StringIO()
    >>> with Progress(shown, steps=2, patience=0.0) as say:
    ...     say("reading")
    ...     say("writing")
    >>> shown.getvalue().split("\r")[1].strip()
    '[..........          ] 1/2 reading'
    """

    def __init__(
        self, stream: TextIO, *, steps: int, clock: Callable[[], float] = time.monotonic, patience: float = 1.0
    ) -> None:
        self._stream = stream
        self._steps = steps
        self._clock = clock
        self._patience = patience
        self._started = clock()
        self._done = 0
        self._longest = 0

    def __call__(self, step: str) -> None:
        """Say that `step` begins."""
        self._done = min(self._done + 1, self._steps)
        if self._clock() - self._started < self._patience:
            return
        filled = round(_WIDTH * self._done / self._steps)
        self._write(f"[{'.' * filled}{' ' * (_WIDTH - filled)}] {self._done}/{self._steps} {step}")

    def clear(self) -> None:
        """Leave the line empty, for other output to stand there."""
        if self._longest:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()
            self._longest = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def _write(self, line: str) -> None:
        self._longest = max(self._longest, len(line))
        self._stream.write("\r" + line.ljust(self._longest))
        self._stream.flush()
