"""Work on the GUI thread in short pieces, so that the application answers the user in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import qt


class Pieces:
    """A queue of generators; each `yield` gives the event loop a turn. One that raises must catch it itself."""

    def __init__(self) -> None:
        self._queue: deque[Iterator[None]] = deque()
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._step)

    def add(self, work: Iterator[None]) -> None:
        """Do this after all that was added before."""
        self._queue.append(work)
        self._timer.start()

    def drain(self) -> None:
        """Do all that is queued at once, without the event loop."""
        while self._queue:
            self._step()

    def clear(self) -> None:
        """Forget what is queued; generators are closed where they stand."""
        self._timer.stop()
        queued, self._queue = self._queue, deque()
        for work in queued:
            # The one that calls this cannot be closed; it ends by itself.
            if not getattr(work, "gi_running", False):
                work.close()

    def _step(self) -> None:
        if not self._queue:
            self._timer.stop()
            return
        work = self._queue[0]
        try:
            next(work)
        except StopIteration:
            # It may have cleared the queue.
            if self._queue and self._queue[0] is work:
                self._queue.popleft()
