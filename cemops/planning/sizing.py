"""How large httpd must be for a gateway's declared capacity (IG-04): threads, processes, host limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cemops.errors import CemopsError

HEADROOM_PERCENT = 10
"""Spare workers. httpd hands a connection to a process, not to a free thread: with none to spare some are
stranded."""

MOST_THREADS_PER_CHILD = 1000
"""The largest process that was measured to hold its tunnels; few large processes strand fewer workers than
many small."""

GENERATIONS = 3
"""Sets of processes that the scoreboard has room for; see ``gateway_sizing``."""

COMPILED_SERVER_LIMIT = 20_000
"""MAX_SERVER_LIMIT of httpd's event MPM: more is lowered with a warning (AH00497)."""

COMPILED_THREAD_LIMIT_WINDOWS = 15_000
"""MAX_THREAD_LIMIT of httpd's MPM for Windows (its only child holds every tunnel)."""

LARGEST_PID_MAX = 4_194_304
"""PID_MAX_LIMIT of a 64-bit Linux kernel."""

THREADS_BESIDE_WORKERS = 3
"""In each process: the main thread, the listener, and while it starts the thread that starts the others."""

DESCRIPTORS_PER_WORKER = 4
"""A tunnel has two sockets; a closing connection may linger on another, and one more may have been
accepted."""

DESCRIPTORS_BESIDE_WORKERS = 128
"""Logs, listeners, pipes, the event queue, name resolution."""

DEFAULT_NOFILE = 1024
"""What Linux gives by default: a limit below it gains nothing."""

PIDS_OF_THE_SYSTEM = 4096
"""Room for the rest of the machine, and for the rehearsal's second httpd."""

DEFAULT_PID_MAX = 32_768
"""The kernel's own default: never asked to be lower."""


@dataclass(frozen=True)
class Sizing:
    """httpd's MPM directives, and the limits that the host must grant. All are counts.

    On Windows there is one process and no such limits: ``nofile``, ``tasks_max`` and ``pid_max`` are 0 there.
    """

    threads_per_child: int
    thread_limit: int
    processes: int
    """Processes of one generation."""
    server_limit: int
    max_request_workers: int
    start_servers: int
    min_spare_threads: int
    max_spare_threads: int
    async_request_worker_factor: int
    nofile: int
    """Open files of one process (LimitNOFILE)."""
    tasks_max: int
    """Threads and processes of the whole service (TasksMax)."""
    pid_max: int
    """The least kernel.pid_max: every thread takes a number."""


def gateway_sizing(concurrent_connections: int, platform: Literal["linux", "windows"] = "linux") -> Sizing:
    """Size httpd for ``concurrent_connections`` tunnels held at once (``gateways[].capacity``, IG-04).

    A tunnel holds one worker thread for as long as it lives, also while it is silent. On Linux, with C
    connections::

        workers              = ceil(C x 1.1)                         15,000 -> 16,500
        processes            = ceil(workers / 1000)                  17
        ThreadsPerChild      = ceil(workers / processes)             971, also ThreadLimit
        MaxRequestWorkers    = processes x ThreadsPerChild           16,507
        ServerLimit          = processes x 3                         51
        StartServers         = processes
        MinSpareThreads      = ThreadsPerChild
        MaxSpareThreads      = MaxRequestWorkers + ThreadsPerChild
        LimitNOFILE          = ThreadsPerChild x 4 + 128             4,012
        TasksMax             = ServerLimit x (ThreadsPerChild + 3) + 1
        kernel.pid_max      >= TasksMax + 4096

    Why three generations: a graceful reload starts a new set of processes, and each old process keeps its
    place on the scoreboard until its last tunnel ends, which with persistent connection (C-05) takes long.
    Room for one set means no new tunnel during a reload (AH03490); for two, that one reload serves. An
    apply that is not confirmed reloads twice, to the new release and back: the old tunnels, those made in
    between, and the restored release are three. A place costs no thread until its process runs.

    Why all processes start at once and none is ever stopped for being idle (MaxSpareThreads above all there
    are): a process that is told to stop keeps its tunnels and its place as an old generation does, and what
    the host cannot carry shows at the start, not at the busiest hour. AsyncRequestWorkerFactor is httpd's
    default: a tunnel is never asynchronous, so it only bounds connections that are closing.

    On Windows one child holds everything: ThreadsPerChild is the capacity, at most 15,000 (the headroom
    shrinks towards that), and no reload keeps tunnels.

    Raises CemopsError where the platform cannot hold that many connections.
    """
    if concurrent_connections < 1:
        raise CemopsError(f"capacity.concurrent_connections is {concurrent_connections}: give at least 1 (IG-04).")
    if platform == "windows":
        return _windows_sizing(concurrent_connections)
    return _linux_sizing(concurrent_connections)


def _workers(concurrent_connections: int) -> int:
    return _ceil_divide(concurrent_connections * (100 + HEADROOM_PERCENT), 100)


def _linux_sizing(concurrent_connections: int) -> Sizing:
    workers = _workers(concurrent_connections)
    processes = _ceil_divide(workers, MOST_THREADS_PER_CHILD)
    threads_per_child = _ceil_divide(workers, processes)
    server_limit = processes * GENERATIONS
    max_request_workers = processes * threads_per_child
    tasks_max = server_limit * (threads_per_child + THREADS_BESIDE_WORKERS) + 1
    pid_max = max(DEFAULT_PID_MAX, tasks_max + PIDS_OF_THE_SYSTEM)
    if server_limit > COMPILED_SERVER_LIMIT or pid_max > LARGEST_PID_MAX:
        raise CemopsError(
            f"capacity.concurrent_connections is {concurrent_connections}: one Linux machine has no"
            f" thread numbers for it ({pid_max} of {LARGEST_PID_MAX});"
            " declare more gateways with less each (IG-04)."
        )
    return Sizing(
        threads_per_child=threads_per_child,
        thread_limit=threads_per_child,
        processes=processes,
        server_limit=server_limit,
        max_request_workers=max_request_workers,
        start_servers=processes,
        min_spare_threads=threads_per_child,
        max_spare_threads=max_request_workers + threads_per_child,
        async_request_worker_factor=2,
        nofile=max(DEFAULT_NOFILE, threads_per_child * DESCRIPTORS_PER_WORKER + DESCRIPTORS_BESIDE_WORKERS),
        tasks_max=tasks_max,
        pid_max=pid_max,
    )


def _windows_sizing(concurrent_connections: int) -> Sizing:
    if concurrent_connections > COMPILED_THREAD_LIMIT_WINDOWS:
        raise CemopsError(
            f"capacity.concurrent_connections is {concurrent_connections}: httpd on Windows holds at most"
            f" {COMPILED_THREAD_LIMIT_WINDOWS};"
            " declare more gateways with less each (IG-04)."
        )
    threads = min(_workers(concurrent_connections), COMPILED_THREAD_LIMIT_WINDOWS)
    return Sizing(
        threads_per_child=threads,
        thread_limit=threads,
        processes=1,
        server_limit=1,
        max_request_workers=threads,
        start_servers=1,
        min_spare_threads=threads,
        max_spare_threads=threads,
        async_request_worker_factor=2,
        nofile=0,
        tasks_max=0,
        pid_max=0,
    )


def _ceil_divide(number: int, by: int) -> int:
    return -(-number // by)
