from __future__ import annotations

import asyncio
import threading

import pytest

from edgefer.errors import SourceLost
from edgefer.mailbox import Mailbox


def test_items_of_many_threads_arrive_once_each_and_in_their_thread_order() -> None:
    async def scenario() -> list[tuple[int, int]]:
        box: Mailbox[tuple[int, int]] = Mailbox(4, lossless=True)

        def fill(thread: int) -> None:
            for n in range(200):
                box.put((thread, n))

        threads = [threading.Thread(target=fill, args=(thread,)) for thread in range(3)]
        for thread in threads:
            thread.start()
        taken = []
        async for item in box:
            taken.append(item)
            if len(taken) == 600:
                break
        for thread in threads:
            thread.join()
        return taken

    taken = asyncio.run(scenario())
    for t in range(3):
        assert [n for thread, n in taken if thread == t] == list(range(200))


def test_a_full_box_drops_the_oldest_and_counts_it() -> None:
    async def scenario() -> tuple[list[int], int]:
        box: Mailbox[int] = Mailbox(3, lossless=False)
        for n in range(10):
            box.put(n)
        box.close()
        return [item async for item in box], box.dropped

    assert asyncio.run(scenario()) == ([7, 8, 9], 7)


def test_a_lossless_box_makes_the_putter_wait() -> None:
    async def scenario() -> None:
        box: Mailbox[int] = Mailbox(1, lossless=True)
        box.put(0)
        second = threading.Thread(target=box.put, args=(1,))
        second.start()
        second.join(0.05)
        assert second.is_alive()
        assert await anext(box) == 0
        await asyncio.to_thread(second.join, 5)
        assert not second.is_alive()
        assert box.dropped == 0

    asyncio.run(scenario())


def test_closing_frees_a_putter_that_waits_for_room() -> None:
    async def scenario() -> bool:
        box: Mailbox[int] = Mailbox(1, lossless=True)
        box.put(0)
        putter = threading.Thread(target=box.put, args=(1,))
        putter.start()
        box.close()
        await asyncio.to_thread(putter.join, 5)
        return putter.is_alive()

    assert asyncio.run(scenario()) is False


def test_the_error_comes_after_the_items_and_the_first_one_counts() -> None:
    async def scenario() -> list[int]:
        box: Mailbox[int] = Mailbox(2, lossless=True)
        box.put(1)
        box.close(SourceLost("first"))
        box.close(SourceLost("second"))
        taken = [await anext(box)]
        with pytest.raises(SourceLost, match="first"):
            await anext(box)
        return taken

    assert asyncio.run(scenario()) == [1]


def test_a_sleeping_taker_is_woken_by_another_thread() -> None:
    async def scenario() -> int:
        box: Mailbox[int] = Mailbox(1, lossless=False)
        taker = asyncio.ensure_future(anext(box))
        await asyncio.sleep(0)  # it sleeps now
        threading.Thread(target=box.put, args=(7,)).start()
        return await asyncio.wait_for(taker, 5)

    assert asyncio.run(scenario()) == 7
