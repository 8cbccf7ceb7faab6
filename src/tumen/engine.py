"""Where work runs: a process pool by default, in this process for one worker, a Dask cluster by address.

Takes plain functions and small task descriptions (file names, byte ranges, settings); gives back
results in the order of the tasks. Rows never travel through an executor: tasks read and write files.
A worker that is killed takes nothing with it: its tasks are given out again, and because a task only
writes finished files into place, the result is the same bits as without the loss.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# A task that has broken three pools is itself the likely cause (out of memory, a crash in a library).
ATTEMPTS = 3


class EngineError(RuntimeError):
    """Work could not be run: a worker died again and again, or the cluster cannot be reached."""


def cores() -> int:
    """Processor cores that this process may use.

    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """A context in which linear algebra keeps to one thread, so that sums are taken in one order on any machine.

    Split over as many threads as there are cores, a product rounds otherwise by its last digit; where draws are
    resampled by such weights the whole set of draws is another one, and a figure cannot be recomputed elsewhere.
    It holds for the whole process and may be entered by several threads at once: the last to leave lifts it.
    """
    _one.enter()
    try:
        yield
    finally:
        _one.leave()


class _One:
    """The libraries of linear algebra that are held to one thread, with the number that each had before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: dict[str, tuple[Any, int]] = {}

    def enter(self) -> None:
        from threadpoolctl import ThreadpoolController

        with self._lock:
            self._inside += 1
            for library in ThreadpoolController().lib_controllers:
                if library.user_api == "blas" and library.num_threads != 1:
                    self._before.setdefault(library.filepath, (library, library.num_threads))
                    _set_threads(library, 1)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for library, number in self._before.values():
                    _set_threads(library, number)
                self._before.clear()


def _set_threads(library: Any, number: int) -> None:
    # threadpoolctl 3.8 lets no thread but the first that asked change the number; here each asks for the same one.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


_one = _One()


def give_back() -> None:
    """Hand freed memory back to the system, where the C library keeps it (glibc): the next step needs it in other pieces."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@functools.cache
def _c_library() -> Any:
    import ctypes

    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # no such thing on this system
        return None


class Serial(Executor):
    """Runs each task at once in the calling process."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Run `fn` and return its finished future."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Pool(Executor):
    """A process pool that outlives its workers: tasks lost with a killed worker are given out again.

    Workers are forked from a server process that has no threads (where the system has one, else spawned), so
    that no lock of a library's thread is copied in the held state. `preload` names modules that the server
    imports once for all workers.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self.workers = workers
        how = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = multiprocessing.get_context(how)
        if how == "forkserver" and preload:
            self._context.set_forkserver_preload(list(preload))
        self._lock = threading.RLock()
        self._generation = 0
        self._closed = False
        self._pool = self._fresh()

    def _fresh(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, mp_context=self._context, initializer=_settle_worker)

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Give out one task; its future survives the death of the worker that holds it."""
        outer: Future[R] = Future()
        self._give(outer, fn, args, kwargs, 1)
        return outer

    def _give(self, outer: Future[Any], fn: Callable[..., Any], args: Any, kwargs: Any, attempt: int) -> None:
        with self._lock:
            generation = self._generation
            try:
                inner = self._pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                self._renew(generation)
                generation = self._generation
                inner = self._pool.submit(fn, *args, **kwargs)

        def done(finished: Future[Any]) -> None:
            if finished.cancelled():
                outer.cancel()
                return
            error = finished.exception()
            if isinstance(error, BrokenProcessPool) and not self._closed:
                if attempt >= ATTEMPTS:
                    outer.set_exception(EngineError(f"a worker died {attempt} times over one task: {error}"))
                    return
                with self._lock:
                    self._renew(generation)
                self._give(outer, fn, args, kwargs, attempt + 1)
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(finished.result())

        inner.add_done_callback(done)

    def _renew(self, generation: int) -> None:
        if generation == self._generation and not self._closed:
            self._generation += 1
            broken, self._pool = self._pool, self._fresh()
            broken.shutdown(wait=False, cancel_futures=False)

    def processes(self) -> list[int]:
        """Process ids of the living workers."""
        with self._lock:
            return list(self._pool._processes or {})

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the workers go."""
        with self._lock:
            self._closed = True
            pool = self._pool
        pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def _settle_worker() -> None:
    """One thread a worker: the pool is the parallelism, and results must not depend on thread counts."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(2)
    _one.enter()
    _keep_memory()


def _keep_memory() -> None:
    """Let the C library keep freed memory instead of giving it back after every array: arrays of one task are the
    size of the next one's, and fresh pages cost as much as the work on them (glibc only)."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(-1, 512 << 20)  # M_TRIM_THRESHOLD
        libc.mallopt(-3, 256 << 20)  # M_MMAP_THRESHOLD


@contextlib.contextmanager
def executor(workers: int | None = None, dask: str | None = None, preload: Sequence[str] = ()) -> Iterator[Executor]:
    """An executor for the length of a `with` block.

    `workers` None takes every core, 1 runs in this process; `dask` is the address of a Dask
    scheduler ('tcp://host:8786') and overrides `workers`; `preload` names modules that all workers of a
    pool will need. Raises `EngineError` where the
    `dask` extra is missing or the scheduler does not answer.

    >>> with executor(1) as ex:
    ...     ex.submit(sum, [1, 2]).result()
    3
    """
    if dask is not None:
        with _cluster(dask) as cluster:
            yield cluster
        return
    count = workers if workers is not None else cores()
    if count < 1:
        raise EngineError(f"{count} workers asked for; expected at least 1")
    made: Executor = Serial() if count == 1 else Pool(count, preload)
    try:
        yield made
    finally:
        made.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise EngineError("Dask is not installed; install it with: pip install 'tumen[dask]'") from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(f"no Dask scheduler answers at {address}: {error}") from error
    with _quiet("distributed", "distributed.client", "tornado.application"):
        try:
            # pure=False: a task is run for its files, never answered from an older one of the same arguments.
            yield client.get_executor(pure=False, retries=ATTEMPTS)
        except KilledWorker as error:
            raise EngineError(f"every worker that took one task died over it, at {address}: {error}") from error
        except (CommClosedError, CancelledError) as error:
            raise EngineError(f"the Dask scheduler at {address} went away; what was done is kept") from error
        finally:
            client.close(timeout=5)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """What a cluster's threads log about a lost scheduler: the error that is raised says it."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def run(
    runner: Executor,
    function: Callable[[T], R],
    tasks: Iterable[T],
    progress: Callable[[int, int], None] | None = None,
) -> list[R]:
    """Run `function` over `tasks`; results in the order of the tasks, whatever order they finish in.

    `progress(done, total)` is called as tasks finish. The first error of a task is raised after the
    rest have been cancelled.

    >>> run(Serial(), len, ["a", "bb"])
    [1, 2]
    """
    return begin(runner, function, tasks)(progress)


def begin(
    runner: Executor, function: Callable[[T], R], tasks: Iterable[T]
) -> Callable[[Callable[[int, int], None] | None], list[R]]:
    """Give tasks out and return at once; call what is returned (see `run`) to wait for their results.

    >>> begin(Serial(), len, ["a", "bb"])(None)
    [1, 2]
    """
    # distributed.Executor hands back concurrent futures too, so one loop serves all three.
    futures = [runner.submit(function, task) for task in tasks]

    def results(progress: Callable[[int, int], None] | None) -> list[R]:
        finished = 0
        try:
            if progress:
                for future in as_completed(futures):
                    future.result()
                    finished += 1
                    progress(finished, len(futures))
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    return results
