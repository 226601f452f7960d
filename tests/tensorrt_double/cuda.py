"""PyCUDA's driver, and the few functions of libcuda that we call, without a GPU.

Device memory are NumPy arrays, addressed by whole numbers. What is put into a stream happens when
the stream is waited for, in its order, and not before: who reads too early reads old numbers.
Each call demands a current context in its own thread, as CUDA does.

It is stricter than PyCUDA in one point: an asynchronous copy refuses memory that is not
page-locked, where CUDA would quietly make it synchronous.
"""

import ctypes
import itertools
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np


class Error(Exception):
    pass


class LogicError(Error):
    pass


class MemoryError(Error):  # noqa: A001 - PyCUDA's name
    pass


class Fault:
    """EDGEFER_TRT_DOUBLE_FAULT: what goes wrong, and with "@N" at which execution, from 1.

    no-device, memory (no allocation succeeds), deserialise (None, with a row in the log), context
    (no execution context); hang, crash (SIGSEGV), freeze (SIGSTOP: no beats either), exit, fail
    (enqueueing gives False), illegal (the device is broken from there on), nan (all answers are,
    from there on); capture-refused, capture-absent (an old driver), capture-wrong (the graph
    answers something else).

    With EDGEFER_TRT_DOUBLE_ONCE it goes wrong only until that file exists, and then makes it.
    """

    @staticmethod
    def name():
        return os.environ.get("EDGEFER_TRT_DOUBLE_FAULT", "").partition("@")[0]

    @classmethod
    def at(cls, execution):
        """The fault's name if it is due at this execution, else ""."""
        name, _, number = os.environ.get("EDGEFER_TRT_DOUBLE_FAULT", "").partition("@")
        once = os.environ.get("EDGEFER_TRT_DOUBLE_ONCE")
        if not number or int(number) != execution or (once and Path(once).exists()):
            return ""
        if once:
            Path(once).touch()
        return name

    @staticmethod
    def strike(name):
        """What kills or stops a process, if the fault is of that kind."""
        if name == "hang":
            while True:
                time.sleep(3600)  # never ends: somebody must kill us
        if name == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        if name == "exit":
            os.write(2, b"the double was told to end here\n")
            os._exit(3)


_current = threading.local()
_memory: Dict[int, Any] = {}
_streams: Dict[int, Any] = {}
_addresses = itertools.count(0x700000000, 1 << 32)
_handles = itertools.count(0x10)
_initialised: List[int] = []
broken: List[str] = []
"""Holds a reason once the device is broken."""


def check(function):
    """Raise what CUDA says without a current context, or of a broken device."""
    if broken:
        raise LogicError(function + " failed: an illegal memory access was encountered")
    if not getattr(_current, "stack", None):
        raise LogicError(function + " failed: invalid device context")


def init(flags=0):
    if Fault.name() == "no-device":
        raise LogicError("cuInit failed: no CUDA-capable device is detected")
    _initialised.append(flags)


def get_version():
    return (10, 2, 0)


def get_driver_version():
    return 10020


class device_attribute:  # noqa: N801 - PyCUDA's name
    MULTIPROCESSOR_COUNT = 16


class Device:
    def __init__(self, number):
        if not _initialised:
            raise LogicError("cuDeviceGet failed: initialization error")
        if number:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    def name(self):
        return "TensorRT double (no GPU)"

    def compute_capability(self):
        major, minor = os.environ.get("EDGEFER_TRT_DOUBLE_CC", "5.3").split(".")
        return int(major), int(minor)

    def get_attribute(self, attribute):
        assert attribute == device_attribute.MULTIPROCESSOR_COUNT
        return 1

    def total_memory(self):
        return 4 << 30

    def retain_primary_context(self):
        return Context()


class Context:
    def __init__(self):
        self._retained = True

    def push(self):
        _current.stack = [*getattr(_current, "stack", []), self]

    @staticmethod
    def pop():
        if not getattr(_current, "stack", None):
            raise LogicError("cuCtxPopCurrent failed: invalid device context")
        _current.stack.pop()

    def detach(self):
        if not self._retained:
            raise LogicError("context::detach failed: cannot detach from invalid context")
        self._retained = False
        left = [hex(address) for address in _memory]
        if left and not broken:
            raise LogicError("the double: memory was not freed before its context: %s" % left)


class DeviceAllocation:
    def __init__(self, address):
        self._address = address

    def __int__(self):
        return self._address

    def free(self):
        check("cuMemFree")
        del _memory[self._address]


def mem_alloc(size):
    check("cuMemAlloc")
    if Fault.name() == "memory":
        raise MemoryError("cuMemAlloc failed: out of memory")
    address = next(_addresses)
    _memory[address] = np.full(size, 0xAB, np.uint8)
    return DeviceAllocation(address)


def bytes_at(address, size, function):
    """The device's memory there, as bytes to read or write."""
    memory = _memory.get(int(address))
    if memory is None or len(memory) < size:
        raise LogicError(function + " failed: invalid argument")
    return memory[:size]


class _PageLocked(np.ndarray):
    pass


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):  # noqa: ARG001
    check("cuMemHostAlloc")
    return np.full(shape, 77, dtype).view(_PageLocked)


def memcpy_htod_async(dest, src, stream=None):
    host = _locked(src, "cuMemcpyHtoDAsync")
    device = bytes_at(dest, host.nbytes, "cuMemcpyHtoDAsync")

    def copy():
        device[:] = host.reshape(-1).view(np.ndarray).view(np.uint8)

    stream._put(copy)


def memcpy_dtoh_async(dest, src, stream=None):
    host = _locked(dest, "cuMemcpyDtoHAsync")
    device = bytes_at(src, host.nbytes, "cuMemcpyDtoHAsync")

    def copy():
        host.reshape(-1).view(np.ndarray).view(np.uint8)[:] = device

    stream._put(copy)


def _locked(array, function):
    check(function)
    if not isinstance(array, _PageLocked) or not array.flags.c_contiguous:
        raise LogicError(function + " failed: the double takes page-locked memory only")
    return array


class Stream:
    def __init__(self, flags=0):  # noqa: ARG002
        check("cuStreamCreate")
        self.handle = next(_handles)
        self._waiting = []
        self._captured = None
        _streams[self.handle] = self

    def _put(self, work):
        (self._waiting if self._captured is None else self._captured).append(work)

    def synchronize(self):
        check("cuStreamSynchronize")
        while self._waiting:
            self._waiting.pop(0)()
        check("cuStreamSynchronize")


def put(handle, work):
    """Let the stream with this handle do `work` when its turn has come."""
    if handle not in _streams:
        raise LogicError("invalid resource handle")
    _streams[handle]._put(work)


class Event:
    def __init__(self, flags=0):  # noqa: ARG002
        check("cuEventCreate")
        self._at = None

    def record(self, stream=None):
        check("cuEventRecord")
        self._at = None

        def now():
            self._at = time.time()

        stream._put(now)
        return self

    def time_till(self, event):
        check("cuEventElapsedTime")
        if self._at is None or event._at is None:
            raise LogicError("cuEventElapsedTime failed: device not ready")
        return (event._at - self._at) * 1000


class _Libcuda:
    """libcuda's graphs: each function returns 0 or CUDA's error number."""

    def __init__(self):
        self._graphs = {}
        self._numbers = itertools.count(1)
        names = ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphLaunch",
                 "cuGraphDestroy", "cuGraphExecDestroy", "cuGraphInstantiate"]  # fmt: skip
        if os.environ.get("EDGEFER_TRT_DOUBLE", "8").split(".")[0] != "8":
            names.append("cuGraphInstantiateWithFlags")  # CUDA 11.4
        for name in names:
            if Fault.name() != "capture-absent" or "Stream" not in name:
                setattr(self, name, _function(getattr(self, "_" + name)))

    def live(self):
        """How many graphs were not destroyed."""
        return len(self._graphs)

    def _cuStreamBeginCapture_v2(self, stream, mode):  # noqa: N802
        if _streams[stream]._waiting or mode != 1:
            return 1
        _streams[stream]._captured = []
        return 0

    def _cuStreamEndCapture(self, stream, graph):  # noqa: N802
        captured, _streams[stream]._captured = _streams[stream]._captured, None
        if Fault.name() == "capture-refused":
            return 901  # CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        graph._obj.value = next(self._numbers)
        self._graphs[graph._obj.value] = captured
        return 0

    def _cuGraphInstantiate(self, executable, graph, *rest):  # noqa: N802
        assert rest in ((0,), (None, None, 0)), rest
        executable._obj.value = next(self._numbers)
        self._graphs[executable._obj.value] = self._graphs[graph.value]
        return 0

    _cuGraphInstantiateWithFlags = _cuGraphInstantiate  # noqa: N815

    def _cuGraphLaunch(self, graph, stream):  # noqa: N802
        for work in self._graphs[graph]:
            _streams[stream]._put(work)
        return 0

    def _cuGraphDestroy(self, graph):  # noqa: N802
        del self._graphs[graph.value]
        return 0

    def _cuGraphExecDestroy(self, graph):  # noqa: N802
        del self._graphs[graph]
        return 0


def _function(method):
    """As ctypes has them: with attributes to set."""
    return lambda *arguments: method(*arguments)


libcuda: List[Any] = []
"""Every double of the library that was loaded."""


def load_libcuda():
    libcuda.append(_Libcuda())
    return libcuda[-1]


_load = ctypes.CDLL


def cdll(name, *arguments, **named):
    """ctypes.CDLL, which finds the double where it is asked for the driver."""
    if name == "libcuda.so.1":
        return load_libcuda()
    return _load(name, *arguments, **named)


def install_libcuda():
    ctypes.CDLL = cdll
