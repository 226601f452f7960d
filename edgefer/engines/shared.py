"""One engine for several cameras: requests that wait while it is busy are run as one batch.

A device has a price for each call and a smaller one for each face, so faces that wait together
are run together. There is no thread of its own and no waiting for company: the first thread to
find the device free leads. It runs one batch, its own rows and those of others that wait, hands
out the answers, and names the next leader. A detector, which takes one picture at a time, is
entered in turns.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Image
from edgefer.errors import EngineLost, InferenceError
from edgefer.pace import Batches, Device
from edgefer.protocols import Detector, Engine

Rows = NDArray[np.float32]

MAX_BATCH = 16
"""Faces in one batch, where the engine itself does not end earlier: whoever arrives while it
runs waits that long, and the price of a call is mostly saved by then."""
ENDING = 0.5
"""Seconds that a call under way gets when the engine is closed."""


class SharedEngine:
    """Any number of threads may call `infer`; the engine inside sees one at a time.

    Half of a full batch goes to the smallest requests, so that one face does not wait behind a
    crowd; the rest in order of arrival. A request that does not fit is cut, and what is left
    comes next, or behind all others once it has had the rows of a whole batch. A thread has one
    request at a time, so a camera with four workers gets four turns while another waits for one.
    """

    exclusive = False

    def __init__(self, engine: Engine, max_batch: int = MAX_BATCH) -> None:
        """Calls of more than `max_batch` rows, or than the engine's own limit, are run in parts."""
        self.engine = engine
        self.spec = engine.spec
        self.runtime = engine.runtime
        limit: int | None = getattr(engine, "max_batch", None)  # of a plan's profile
        self.max_batch = min(max_batch, limit or max_batch)
        self._lock = threading.Lock()  # of what follows; never held while the engine runs
        self._line: list[_Request] = []
        self._leader: _Request | None = None  # the first in line, until it takes its batch
        self._left = threading.Condition(self._lock)
        self.classifying = Batches()  # for those who wait with a frame until it is free
        self._closed = False

    def infer(self, batch: Rows) -> Rows:
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller.

        Raises InferenceError for this batch alone: where a joint one fails, each of its requests
        is run again by itself. EngineLost goes to all who were in it.
        """
        if not len(batch):
            raise InferenceError(f"a batch of {batch.shape} holds no face; one or more are needed")
        own = _Request(batch)
        with self._lock:
            if self._closed:
                raise self._gone()
            self._line.append(own)
            if self._leader is None:
                self._appoint()
        while not own.over or self._leader is own:  # a leader that is over has to let others lead
            own.wake.acquire()
            if self._leader is own:
                self._lead(own)
        return own.result()

    def _lead(self, own: _Request) -> None:
        with self._lock:
            parts = self._joined()
        try:
            if parts:  # none where closed meanwhile
                self._run(parts)
        except BaseException:
            own.over = True
            raise
        finally:
            with self._lock:
                self._settle(own, [request for request, _ in parts])

    def _joined(self) -> list[_Part]:
        """Take the next batch off the line."""
        if not self._line:
            return []
        joining = [request for request in self._line if not request.alone]
        if self._line[0].alone:
            joining = self._line[:1]
        room, taken = self.max_batch, dict.fromkeys(joining, 0)
        for request in sorted(joining, key=lambda request: request.left):
            if room - request.left < self.max_batch / 2:
                break
            taken[request] = request.left
            room -= request.left
        for request in joining:
            more = min(request.left - taken[request], room)
            taken[request] += more
            room -= more
        parts = [_Part(request, request.next(rows)) for request, rows in taken.items() if rows]
        self._line = [request for request in self._line if not taken.get(request)]
        return parts

    def _run(self, parts: list[_Part]) -> None:
        own = parts[0].request  # the leader is the oldest
        self.classifying.begin([part.request.thread for part in parts])
        try:
            if len(parts) == 1:
                own.answer(self._answers(parts[0].rows))
                return
            answers = self._answers(np.concatenate([part.rows for part in parts]))
            first = 0
            for request, rows in parts:
                request.answer(answers[first : first + len(rows)].copy())
                first += len(rows)
        except EngineLost as exc:
            for request, _ in parts:
                # An error of its own for each: threads that raise one would share its traceback.
                request.fail(exc if request is own else EngineLost(*exc.args))
        except Exception as exc:  # noqa: BLE001 - raised again to its caller
            if len(parts) == 1:
                own.fail(exc)
            for request, _ in parts:
                request.alone = True

    def _answers(self, batch: Rows) -> Rows:
        answers = self.engine.infer(batch)
        self.classifying.end()
        if len(answers) != len(batch):  # or a camera would get another's
            raise InferenceError(
                f"{self.spec.name} answered {len(answers)} rows to a batch of {len(batch)}"
            )
        return answers

    def _settle(self, own: _Request, ran: list[_Request]) -> None:
        """Name the next leader, wake those who have their answers."""
        unfinished = [request for request in ran if not request.over]
        if self._closed:
            for request in unfinished:
                request.fail(self._gone())
        elif own in unfinished and own.turn >= self.max_batch:
            own.turn = 0
            unfinished.remove(own)
            self._line = [*unfinished, *self._line, own]
        else:
            self._line = [*unfinished, *self._line]
        self._appoint()
        for request in ran:
            if request.over and request is not own:
                request.wake.release()

    def _appoint(self) -> None:
        self._leader = self._line[0] if self._line else None
        self.classifying.begin([request.thread for request in self._line])
        if self._leader is not None:
            self._leader.wake.release()
        elif self._closed:
            self._left.notify_all()

    def close(self) -> None:
        """Close the engine inside. Calls that wait get InferenceError, the one under way may end
        within ENDING seconds. Safe to call twice."""
        with self._lock:
            self._closed = True
            for request in self._line:
                request.fail(self._gone())
                if request is not self._leader:
                    request.wake.release()
            self._line = []
            self._left.wait_for(lambda: self._leader is None, ENDING)
        self.engine.close()

    def _gone(self) -> InferenceError:
        return InferenceError(f"the engine of {self.spec.name} is closed")


class _Request:
    """One caller's batch, and how far it is. `wake` is let go of for each thing its thread is
    waiting for: to lead, or to find the request over."""

    def __init__(self, batch: Rows) -> None:
        self.thread = threading.get_ident()
        self._batch = batch
        self._answers: list[Rows] = []
        self._error: BaseException | None = None
        self.left = len(batch)
        self.turn = 0  # rows run since it came to the end of the line
        self.over = False
        self.alone = False  # a batch with others failed
        self.wake = threading.Lock()
        self.wake.acquire()

    def next(self, rows: int) -> Rows:
        """The rows to run now."""
        return self._batch[len(self._batch) - self.left :][:rows]

    def answer(self, answers: Rows) -> None:
        self._answers.append(answers)
        self.left -= len(answers)
        self.turn += len(answers)
        self.alone = False
        self.over = not self.left

    def fail(self, error: BaseException) -> None:
        self._error, self.over = error, True

    def result(self) -> Rows:
        if self._error is not None:
            raise self._error
        return self._answers[0] if len(self._answers) == 1 else np.concatenate(self._answers)


class _Part(NamedTuple):
    request: _Request
    rows: Rows


def share(engine: Engine, max_batch: int = MAX_BATCH) -> Engine:
    """`engine` for the pipelines of several cameras: itself where threads may call it together.

    The caller owns what is returned instead of `engine`: closing it closes both.
    """
    return SharedEngine(engine, max_batch) if engine.exclusive else engine


class TakingTurns:
    """Lets one thread at a time into a detector that owns a device, in order of arrival."""

    exclusive = False

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.name = detector.name
        self.detecting = Device()

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        """As the detector inside does; its errors are this caller's own."""
        with self.detecting:
            return self.detector.detect(image_bgr)

    def close(self) -> None:
        """Close the detector inside."""
        self.detector.close()
