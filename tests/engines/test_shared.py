"""One engine for several callers: what waits is joined, in turns, and nobody gets another's."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefer.classifier import Classifier
from edgefer.engines import shared as module
from edgefer.engines.shared import Rows, SharedEngine, TakingTurns, share
from edgefer.engines.trt import TensorRTEngine
from edgefer.errors import EngineLost, InferenceError
from tests.brokers import until
from tests.contracts import check_detector, check_engine
from tests.drivers import FixedDetector, GatedEngine, MeanEngine

PATIENCE = 30.0
"""Seconds in which a thread must come back."""


def faces(caller: int, rows: int) -> Rows:
    """A batch whose rows begin with their caller and their own number."""
    batch = np.zeros((rows, 3, 8, 8), np.float32)
    batch[:, 0, 0, 0] = caller
    batch[:, 0, 0, 1] = np.arange(rows)
    return batch


def callers_in(batch: Rows) -> list[int]:
    return [int(caller) for caller in batch[:, 0, 0, 0]]


def is_own(answers: Rows, batch: Rows) -> bool:
    return np.array_equal(answers, batch[:, 0, 0, :7])


class Device:
    """A shared engine, its callers, and the steps between which everything stands still."""

    def __init__(self, engine: GatedEngine, max_batch: int, pool: ThreadPoolExecutor) -> None:
        self.engine, self.shared = engine, SharedEngine(engine, max_batch)
        self._pool = pool

    def ask(self, caller: int, rows: int) -> Future[Rows]:
        """A thread with a request; returns once that runs or waits in line."""
        waiting, busy = len(self.shared._line), self.engine.busy
        asked = self._pool.submit(self.shared.infer, faces(caller, rows))
        until(lambda: len(self.shared._line) > waiting if busy else self.engine.busy)
        return asked

    def finish(self) -> None:
        """End one call; returns once the next one runs, or nobody is left."""
        calls = len(self.engine.calls)
        self.engine.finish()
        until(lambda: len(self.engine.calls) > calls or self.shared._leader is None)

    def finish_all(self) -> None:
        while self.shared._leader is not None:
            self.finish()

    @property
    def batches(self) -> list[list[int]]:
        """Whose rows each call held."""
        return [callers_in(call) for call in self.engine.calls]


@contextmanager
def device(max_batch: int = 16, engine: GatedEngine | None = None) -> Iterator[Device]:
    engine = engine or GatedEngine()
    with ThreadPoolExecutor(16) as pool:
        try:
            yield Device(engine, max_batch, pool)
        finally:
            engine.finish(1000)  # a test that failed must not hang


def test_a_shared_engine_keeps_the_contract_of_an_engine() -> None:
    engine = GatedEngine()
    engine.finish(1000)
    for max_batch in (1, 3, 16):
        shared = SharedEngine(engine, max_batch)
        assert not shared.exclusive
        check_engine(shared)


def test_an_engine_that_threads_may_share_needs_no_sharing() -> None:
    free = MeanEngine()
    assert share(free) is free
    assert isinstance(share(MeanEngine(exclusive=True)), SharedEngine)


def test_a_plans_own_limit_bounds_a_joint_batch(opened: Callable[..., TensorRTEngine]) -> None:
    engine = opened("10.3.0.26")
    assert [SharedEngine(engine, most).max_batch for most in (3, 8, 64)] == [3, 8, 8]
    check_engine(share(engine))


def test_it_is_told_when_a_shared_engine_is_busy_and_with_how_many() -> None:
    with device() as on:
        entrance = on.shared.classifying
        assert entrance._call is None
        for caller in range(3):
            on.ask(caller, 1)
        for requests in (1, 2):
            assert entrance._call is not None
            assert entrance._call[1] == requests
            on.finish()
        until(lambda: entrance._call is None)
        assert entrance._took.keys() == {1, 2}
        assert Classifier(on.shared).classifying is entrance
    assert Classifier(on.engine).classifying is None


def test_a_call_that_failed_says_nothing_of_what_calls_take() -> None:
    with device(engine=poisonous(InferenceError)) as on:
        on.ask(13, 1)
        on.finish()
        until(lambda: on.shared.classifying._call is None)
        assert on.shared.classifying._took == {}


def test_what_waits_is_joined_in_the_order_of_arrival() -> None:
    with device() as on:
        asked = [on.ask(caller, caller) for caller in (1, 2, 3, 4)]
        on.finish_all()
        assert on.batches == [[1], [2] * 2 + [3] * 3 + [4] * 4]
        for caller, answer in zip((1, 2, 3, 4), asked, strict=True):
            assert is_own(answer.result(PATIENCE), faces(caller, caller))


def test_nobody_waits_for_company() -> None:
    with device() as on:
        for caller in range(3):
            asked = on.ask(caller, 1)  # comes back once it runs
            on.finish()
            assert is_own(asked.result(PATIENCE), faces(caller, 1))


def test_more_than_a_batch_goes_in_the_order_of_arrival() -> None:
    with device(max_batch=2) as on:
        for caller in range(6):
            on.ask(caller, 1)
        on.finish_all()
        assert on.batches == [[0], [1, 2], [3, 4], [5]]


def test_a_request_larger_than_a_batch_lets_others_in_between() -> None:
    with device(max_batch=4) as on:
        on.ask(0, 1)
        large, other, late = on.ask(1, 10), on.ask(2, 4), on.ask(3, 6)
        on.finish_all()
        assert on.batches == [
            [0], [1] * 4, [2] * 4, [3] * 4, [1] * 2 + [3] * 2, [1] * 4
        ]  # fmt: skip
        assert is_own(large.result(PATIENCE), faces(1, 10))
        assert is_own(other.result(PATIENCE), faces(2, 4))
        assert is_own(late.result(PATIENCE), faces(3, 6))


def test_one_face_does_not_wait_behind_crowds() -> None:
    with device(max_batch=4) as on:
        crowds = [on.ask(caller, 20) for caller in range(4)]
        one = on.ask(9, 1)
        on.finish()
        assert on.batches[1] == [1, 1, 1, 9]
        on.finish()
        assert is_own(one.result(PATIENCE), faces(9, 1))
        assert not any(crowd.done() for crowd in crowds)


def test_half_of_each_batch_stays_for_the_oldest_when_small_requests_flood() -> None:
    with device(max_batch=4) as on:
        on.ask(0, 1)
        crowd = on.ask(1, 4)
        for caller in range(2, 12):
            on.ask(caller, 1)
        for _ in range(3):
            on.finish()
        assert on.batches[1:3] == [[1, 1, 2, 3], [1, 1, 4, 5]]
        assert is_own(crowd.result(PATIENCE), faces(1, 4))


@pytest.mark.parametrize(
    ("max_batch", "rows", "longest"), [(1, 1, 5), (4, 1, 2), (4, 4, 2), (16, 20, 2)]
)
def test_a_flood_from_four_threads_leaves_another_its_turns(
    max_batch: int, rows: int, longest: int
) -> None:
    """One face is in every call but one, or, where a call takes one face, in every fifth."""
    with device(max_batch) as on:
        done = threading.Event()

        def camera(caller: int, rows: int) -> None:
            while not done.is_set():
                assert is_own(on.shared.infer(faces(caller, rows)), faces(caller, rows))

        threads = [
            threading.Thread(target=camera, args=(caller, rows if caller else 1))
            for caller in range(5)
        ]
        for thread in threads:
            thread.start()

        def all_ask() -> bool:
            running = len(set(callers_in(on.engine.calls[-1]))) if on.engine.busy else 0
            return len(on.shared._line) + running == 5

        for _ in range(60):
            until(all_ask)
            on.finish()
        calls = on.batches[:60]
        done.set()
        on.engine.finish(1000)
        for thread in threads:
            thread.join(PATIENCE)
        for n in range(60 - longest):
            assert any(0 in call for call in calls[n : n + longest])
        assert {caller for call in calls for caller in call} == set(range(5))


def poisonous(error: type[Exception]) -> GatedEngine:
    """Fails on every batch that holds a row of caller 13."""

    def fails(batch: Rows) -> None:
        if 13 in callers_in(batch):
            raise error("caller 13 is in it")

    return GatedEngine(fails)


@pytest.mark.parametrize("error", [InferenceError, RuntimeError])
def test_an_error_in_a_joint_batch_is_told_to_its_cause_only(error: type[Exception]) -> None:
    with device(engine=poisonous(error)) as on:
        on.ask(0, 1)
        asked = {caller: on.ask(caller, 2) for caller in (1, 13, 2)}
        on.finish()
        later = on.ask(3, 1)
        on.finish_all()
        assert on.batches == [[0], [1, 1, 13, 13, 2, 2], [1, 1], [13, 13], [2, 2], [3]]
        with pytest.raises(error, match="13"):
            asked.pop(13).result(PATIENCE)
        for caller, answer in asked.items():
            assert is_own(answer.result(PATIENCE), faces(caller, 2))
        assert is_own(later.result(PATIENCE), faces(3, 1))


def test_a_lost_engine_is_told_to_all_who_were_in_the_batch_and_to_no_other() -> None:
    with device(engine=poisonous(EngineLost)) as on:
        on.ask(0, 1)
        asked = [on.ask(caller, 2) for caller in (1, 13, 2)]
        on.finish()
        later = on.ask(3, 1)
        on.finish_all()
        assert on.batches == [[0], [1, 1, 13, 13, 2, 2], [3]]
        errors = [answer.exception(PATIENCE) for answer in asked]
        assert [type(error) for error in errors] == [EngineLost] * 3
        assert len(set(map(id, errors))) == 3
        assert is_own(later.result(PATIENCE), faces(3, 1))


def test_a_request_that_was_cut_fails_as_one() -> None:
    with device(max_batch=4, engine=poisonous(InferenceError)) as on:
        on.ask(0, 1)
        large, other = on.ask(13, 10), on.ask(1, 1)
        on.finish_all()
        with pytest.raises(InferenceError, match="13"):
            large.result(PATIENCE)
        assert is_own(other.result(PATIENCE), faces(1, 1))
        assert on.batches == [[0], [13, 13, 13, 1], [13] * 4, [1]]


def test_an_engine_that_answers_too_few_rows_mixes_nobody_up() -> None:
    class Short(GatedEngine):
        def infer(self, batch: Rows) -> Rows:
            return super().infer(batch)[1:]

    with device(engine=Short()) as on:
        asked = [on.ask(caller, 2) for caller in range(3)]
        on.finish_all()
        for answer in asked:
            with pytest.raises(InferenceError, match="1 rows"):
                answer.result(PATIENCE)


def test_a_batch_without_a_face_is_refused() -> None:
    with pytest.raises(InferenceError, match="no face"):
        SharedEngine(GatedEngine()).infer(faces(0, 0))


def test_closing_ends_what_waits_and_lets_the_call_under_way_end() -> None:
    with device(max_batch=4) as on, ThreadPoolExecutor(1) as closer:
        under_way, waiting = on.ask(0, 4), [on.ask(1, 1), on.ask(2, 20)]
        closing = closer.submit(on.shared.close)
        for answer in waiting:
            with pytest.raises(InferenceError, match="closed"):
                answer.result(PATIENCE)
        on.engine.finish()
        assert is_own(under_way.result(PATIENCE), faces(0, 4))
        closing.result(PATIENCE)
        assert on.engine.closed == ["idle"]
        with pytest.raises(InferenceError, match="closed"):
            on.shared.infer(faces(0, 1))


def test_closing_ends_a_request_of_which_a_part_is_under_way() -> None:
    with device(max_batch=4) as on, ThreadPoolExecutor(1) as closer:
        cut = on.ask(0, 10)
        closing = closer.submit(on.shared.close)
        until(lambda: on.shared._closed)
        on.engine.finish()
        with pytest.raises(InferenceError, match="closed"):
            cut.result(PATIENCE)
        closing.result(PATIENCE)


def test_closing_does_not_wait_for_an_engine_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDING", 0.05)
    with device() as on:
        on.ask(0, 1)
        on.shared.close()
        assert on.engine.closed == ["busy"]


def test_closing_finds_a_leader_that_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedEngine(GatedEngine())

    class Late(module._Request):
        """Is overtaken by `close` after it was named the leader."""

        _over = False

        @property
        def over(self) -> bool:
            if self in shared._line:
                shared.close()
            return self._over

        @over.setter
        def over(self, value: bool) -> None:
            self._over = value

    monkeypatch.setattr(module, "ENDING", 0.01)
    monkeypatch.setattr(module, "_Request", Late)
    with pytest.raises(InferenceError, match="closed"):
        shared.infer(faces(0, 1))
    assert shared._leader is None


def test_closing_at_any_moment_leaves_nobody_waiting() -> None:
    def camera(shared: SharedEngine, caller: int) -> int:
        for answered in range(10_000):
            try:
                shared.infer(faces(caller, 1 + caller))
            except InferenceError:
                return answered
        return 10_000

    with ThreadPoolExecutor(4) as pool:
        for n in range(1, 30):
            engine = GatedEngine()
            engine.finish(n)
            shared = SharedEngine(engine, 3)
            running = [pool.submit(camera, shared, caller) for caller in range(4)]
            until(lambda engine=engine, n=n: len(engine.calls) > n)  # type: ignore[misc]
            engine.finish(100_000)
            shared.close()
            for run in running:
                assert run.result(PATIENCE) < 10_000
            assert shared._leader is None
            assert not shared._line


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_interleaving_gives_each_caller_the_rows_of_its_own(data: st.DataObject) -> None:
    max_batch = data.draw(st.integers(1, 6), label="max_batch")
    steps = data.draw(
        st.lists(st.one_of(st.integers(1, 13), st.just("finish")), max_size=16), label="steps"
    )
    poisoned = data.draw(st.sets(st.integers(0, 15)), label="poisoned")

    def fails(batch: Rows) -> None:
        if poisoned.intersection(callers_in(batch)):
            raise InferenceError("one of them is poisoned")

    with device(max_batch, GatedEngine(fails)) as on:
        asked: dict[int, tuple[int, Future[Rows]]] = {}
        for caller, step in enumerate(steps):
            if step == "finish":
                if on.engine.busy:
                    on.finish()
            else:
                assert isinstance(step, int)
                asked[caller] = step, on.ask(caller, step)
        on.finish_all()
        assert max(map(len, on.batches), default=0) <= max_batch
        for caller, (rows, answer) in asked.items():
            if caller in poisoned:
                assert isinstance(answer.exception(PATIENCE), InferenceError)
            else:
                assert is_own(answer.result(PATIENCE), faces(caller, rows))
        ran = Counter(caller for batch in on.batches for caller in batch)
        if not poisoned & asked.keys():
            assert ran == {caller: rows for caller, (rows, _) in asked.items()}  # once each


def test_many_threads_at_full_speed_get_their_own_rows() -> None:
    engine = GatedEngine(lambda _: None)
    engine.finish(100_000)
    shared = SharedEngine(engine, 5)

    def camera(caller: int) -> bool:
        rng = np.random.default_rng(caller)
        batches = [faces(caller, int(rows)) for rows in rng.integers(1, 12, 150)]
        return all(is_own(shared.infer(batch), batch) for batch in batches)

    with ThreadPoolExecutor(8) as pool:
        assert all(run.result(PATIENCE) for run in [pool.submit(camera, n) for n in range(8)])
    assert shared._leader is None
    assert not shared._line


def test_a_detector_that_takes_turns_keeps_the_contract_of_a_detector() -> None:
    alone = threading.Lock()

    def at(_: object) -> None:
        assert alone.acquire(blocking=False), "two at once"
        alone.release()

    turns = TakingTurns(FixedDetector(exclusive=True, at=at))
    assert not turns.exclusive
    check_detector(turns, np.zeros((32, 32, 3), np.uint8))


def test_cameras_enter_a_detector_in_the_order_of_arrival() -> None:
    inside, gate, order = threading.Event(), threading.Event(), list[int]()

    def at(image: np.ndarray) -> None:
        order.append(int(image[0, 0, 0]))
        inside.set()
        assert gate.wait(PATIENCE)

    turns = TakingTurns(FixedDetector(exclusive=True, at=at))
    with ThreadPoolExecutor(5) as pool:
        for n in range(5):
            pool.submit(turns.detect, np.full((32, 32, 3), n, np.uint8))
            until(lambda n=n: len(turns.detecting._lock._line) == n and inside.is_set())  # type: ignore[misc]
        gate.set()
    assert order == [0, 1, 2, 3, 4]
