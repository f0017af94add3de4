"""Independent calls several at a time: the way there and back is waited for once, not once per call.

The rate limits stay where they are: every call still takes its turn at the line's limiter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

AT_ONCE = 6


def in_flight(jobs: Sequence[Callable[[], Result]], at_once: int = AT_ONCE) -> list[Result]:
    """What each job returns, in the order of the jobs, with at most ``at_once`` of them under way.

    A job that raises keeps the jobs not yet begun from beginning. Those under way are waited for, then
    its error is raised (of several, the one of the first job): no thread is left behind. Jobs whose
    results must outlive another's error keep them themselves (``delivery`` does).
    """
    if at_once < 2 or len(jobs) < 2:
        return [job() for job in jobs]
    stopped = threading.Event()

    def run(job: Callable[[], Result]) -> Result:
        if stopped.is_set():
            raise CancelledError  # never seen: jobs begin in order, so the error stands before this one
        is_done = False
        try:
            result = job()
            is_done = True
        finally:
            if not is_done:
                stopped.set()
        return result

    with ThreadPoolExecutor(min(at_once, len(jobs)), thread_name_prefix="in-flight") as pool:
        under_way = [pool.submit(run, job) for job in jobs]
        try:
            return [one.result() for one in under_way]
        finally:
            stopped.set()  # also when the waiting thread is interrupted
