"""A case that is open while its text changes: recomputed in the background, the last good answer always at hand.

The folder is looked at four times a second. A change makes a new study in a worker thread; pages
keep showing the last whole answer until the new one is ready, and show the faults where the
text cannot be read. Every finished or failed computation raises `version`, which pages
listen for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tumen.study import Study, open_study

POLL_SECONDS = 0.25  # a look at the marks of some twenty files takes a tenth of a millisecond
TEXT_SUFFIXES = {".toml", ".csv", ".yaml", ".geojson"}


@dataclass(frozen=True)
class State:
    """What the pages show: the last whole study, and what is wrong with the text now, if anything."""

    version: int = 0
    study: Study | None = None
    headline: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    busy: str = ""
    seconds: float = 0.0


class Live:
    """Watches a case folder; `state` is replaced whole, so a reader never sees half of a change."""

    def __init__(self, folder: Path, *, as_of: str | None = None, store: Path | None = None, workers: int = 1) -> None:
        self.folder = folder
        self._as_of, self._store, self._workers = as_of, store, workers
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._listeners: set[Callable[[State], None]] = set()
        self._seen: dict[str, tuple[int, int]] = {}
        self.state = State()
        # Called with each new answer, in the thread that computed it.
        self.after: Callable[[State], None] = lambda state: None

    def start(self) -> None:
        """Compute once in the background, then watch."""
        threading.Thread(target=self._watch, name="tumen-live", daemon=True).start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._wake.set()

    def compute(self) -> State:
        """Read the case and compute what changed, now. Never raises for a fault in the case."""
        with self._lock:
            self._seen = self._marks()
            start = time.perf_counter()
            try:
                study = open_study(self.folder, self._as_of, store=self._store, workers=self._workers)
                study.progress = lambda step, state: self._tell(study, step) if state == "start" else None
                headline = study.headline()
            except Exception as error:
                self._put(version=self.state.version + 1, faults=_lines(error), busy="")
            else:
                took = time.perf_counter() - start
                self._put(
                    version=self.state.version + 1, study=study, headline=headline, faults=(), busy="", seconds=took
                )
            return self.state

    def _tell(self, study: Study, step: str) -> None:
        """Say what is being computed and what stands already: a reader need not wait for the last step to see a count."""
        stands = study.so_far()
        self._put(busy=f"{step}; so far {stands}" if stands else step)

    def nudge(self) -> None:
        """Look at the folder at once, after a write by the workbench itself."""
        self._wake.set()

    async def changed(self, seen: State, timeout: float) -> State:
        """Wait until the state is another than the one seen, or the time is over."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(state: State) -> None:
            loop.call_soon_threadsafe(done.set)

        self._listeners.add(tell)
        try:
            if self.state is seen:
                await asyncio.wait_for(done.wait(), timeout)
        except TimeoutError:
            pass
        finally:
            self._listeners.discard(tell)
        return self.state

    def _watch(self) -> None:
        self.after(self.compute())
        while not self._stop.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if not self._stop.is_set() and self._marks() != self._seen:
                self.after(self.compute())

    def _marks(self) -> dict[str, tuple[int, int]]:
        marks = {}
        for path in self.folder.iterdir():
            if path.suffix in TEXT_SUFFIXES:
                try:
                    stat = path.stat()
                except OSError:
                    continue
                marks[path.name] = (stat.st_mtime_ns, stat.st_size)
        return marks

    def _put(self, **changes: Any) -> None:
        fields = {f: getattr(self.state, f) for f in State.__dataclass_fields__}
        self.state = State(**(fields | changes))
        for tell in list(self._listeners):
            tell(self.state)


def _lines(error: Exception) -> tuple[str, ...]:
    """What to show for a failure: faults of the case by line, or the one-line message of anything else."""
    from tumen.case import CaseError

    if isinstance(error, CaseError):
        return tuple(str(f) for f in error.faults)
    return (f"{type(error).__name__}: {error}",)
