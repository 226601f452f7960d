from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from edgefer.turns import FifoLock
from tests.brokers import until


def test_a_fifo_lock_goes_to_whoever_waited_longest() -> None:
    lock, order = FifoLock(), list[int]()

    def enter(n: int) -> None:
        with lock:
            order.append(n)

    with ThreadPoolExecutor(5) as pool:
        with lock:
            for n in range(5):
                pool.submit(enter, n)
                until(lambda n=n: len(lock._line) == n + 1)  # type: ignore[misc]
        # Whoever has just let go of it comes after all of them.
        enter(5)
    assert order == [0, 1, 2, 3, 4, 5]


def test_one_thread_at_a_time_is_inside_a_fifo_lock() -> None:
    lock, alone = FifoLock(), threading.Lock()

    def enter() -> int:
        entered = 0
        for _ in range(500):
            with lock:
                entered += alone.acquire(blocking=False)
                alone.release()
        return entered

    with ThreadPoolExecutor(4) as pool:
        assert [run.result(30) for run in [pool.submit(enter) for _ in range(4)]] == [500] * 4


def test_an_error_inside_a_fifo_lock_lets_go_of_it() -> None:
    lock = FifoLock()
    for _ in range(2):
        try:
            with lock:
                raise KeyError
        except KeyError:
            pass
