"""Long computations asked for by a person: one at a time, told step by step, kept for a while.

A job is a function that is given a callback for its steps; it runs in one thread, so that several
people cannot start more work than the machine has. A job that nobody asks after is stopped at its
next step.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

# At most this many wait or run at once; the rest are asked to come back.
MOST = 4
KEPT = 40
# A page asks after its job every second; when it has not for this long, it is gone.
FORSAKEN_SECONDS = 60.0


class Busy(Exception):
    """Too many computations wait already."""


class Stopped(Exception):
    """Nobody asks after this job any more."""


@dataclass
class Job:
    """One computation: what it is doing, and in the end its result or its failure."""

    id: str
    owner: str
    step: str = "waiting for its turn"
    result: dict[str, Any] | None = None
    failed: str = ""
    asked: float = field(default_factory=time.monotonic)
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> bool:
        """Whether there is a result or a failure."""
        return self.result is not None or bool(self.failed)


class Jobs:
    """The computations of one workbench. `told` are errors whose message may be shown as it is."""

    def __init__(self, told: tuple[type[Exception], ...] = ()) -> None:
        self._told = told
        self._pool = ThreadPoolExecutor(1, "tumen-job")
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, owner: str, work: Callable[[Callable[[str], None]], dict[str, Any]]) -> Job:
        """Queue a computation. Raises `Busy`."""
        with self._lock:
            if sum(not job.done for job in self._jobs.values()) >= MOST:
                raise Busy("several computations wait already; try again when they are done")
            while len(self._jobs) >= KEPT:
                self._jobs.pop(next(iter(self._jobs)))
            job = Job(secrets.token_urlsafe(12), owner)
            self._jobs[job.id] = job
        self._pool.submit(self._run, job, work)
        return job

    def get(self, number: str, owner: str) -> Job | None:
        """A job of this person, or None; asking keeps it alive."""
        job = self._jobs.get(number)
        if job is None or job.owner != owner:
            return None
        job.asked = time.monotonic()
        return job

    def _run(self, job: Job, work: Callable[[Callable[[str], None]], dict[str, Any]]) -> None:
        def step(words: str) -> None:
            if time.monotonic() - job.asked > FORSAKEN_SECONDS:
                raise Stopped
            job.step = words

        try:
            step("reading the case")
            job.result = work(step)
        except Stopped:
            job.failed = "stopped, because nobody waited for it"
        except self._told as error:
            job.failed = str(error)
        except Exception as error:  # a mistake of ours, or a step that cannot be done with the changed case
            told = type(error).__module__.startswith("tumen.")
            job.failed = str(error) if told else f"the computation failed ({type(error).__name__})"
