"""onnxruntime and the processor: find the one, make sessions, and spread work over the cores of the other."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event, Semaphore, Thread
from types import ModuleType
from typing import Any, TypeVar, cast

from edge.errors import InstallationError, ModelError, reason_of

T = TypeVar("T")
R = TypeVar("R")

LOG_ERRORS_ONLY = 3

# An ONNX model of one Relu on one float (IR 8, opset 18); every execution provider has a kernel for it.
PROBE_MODEL = bytes.fromhex(
    "08083a330a0c0a0178120179220452656c751201675a0f0a0178120a0a08080112040a020801"
    "620f0a0179120a0a08080112040a02080142040a001012"
)

# How far `ordered_map` reads ahead, so that a slow item at the front does not keep the others waiting.
PLACES_PER_THREAD, PLACE_BYTES = 32, 4 << 20
TICK_S = 0.5
SKIPPED = object()


def import_onnxruntime() -> ModuleType:
    """Return the onnxruntime module. Raises InstallationError if it cannot be imported."""
    try:
        import onnxruntime

        if onnxruntime.__file__ is None:
            raise ImportError("its folder is empty, as an uninstall leaves it")
    except ImportError as error:
        remedy = "install eyespot[cpu], or eyespot[gpu] for NVIDIA"
        raise InstallationError(f"onnxruntime cannot be imported ({error}); {remedy}") from None
    module: ModuleType = onnxruntime
    return module


def create_session(model: Path | bytes, name: str, threads: int = 0, *, optimise: bool = True) -> Any:
    """Return an onnxruntime session on the CPU for a model file or its bytes; `name` is for messages.

    `threads` work on one image: 0 lets onnxruntime choose, within the quota of a container. Without `optimise` the
    session loads faster and runs slower. Raises InstallationError without onnxruntime, ModelError if it refuses.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    quota = usable_cores()
    options.intra_op_num_threads = threads or (quota if quota < scheduled_cores() else 0)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        source = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 # onnxruntime's own exceptions share no base class but this one
        reason = reason_of(error)
        if "INVALID_PROTOBUF" in reason or "No graph was found" in reason:
            raise ModelError(f"{name}: this is not an ONNX model, or it is cut short; copy it again") from None
        raise ModelError(f"{name}: onnxruntime {onnxruntime.__version__} cannot load this model ({reason})") from None


def usable_cores(groups: Path = Path("/sys/fs/cgroup"), own_group: Path = Path("/proc/self/cgroup")) -> int:
    """Return the cores that the scheduler and the quotas of the control groups (version 2) leave, at least one."""
    cores = scheduled_cores()
    try:
        # Inside a container its own group is the root; outside, the groups above count as well.
        inner = own_group.read_text(encoding="utf-8").partition("0::/")[2].partition("\n")[0]
    except OSError:
        inner = ""
    for group in (groups / inner, *(groups / inner).parents):
        if not group.is_relative_to(groups):
            break
        try:
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()  # microseconds, or the word max
            cores = max(1, min(cores, int(quota) // int(period)))
        except (OSError, ValueError):  # no such group, or no quota
            continue
    return cores


def scheduled_cores() -> int:
    """Return the cores that the scheduler leaves; onnxruntime knows of no other limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_cpu(path: str = "/proc/cpuinfo") -> tuple[str, set[str]]:
    """Return the processor's name and its features."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return platform.processor() or platform.machine(), set()
    values = {name.strip().lower(): value.strip() for name, _, value in reversed(lines)}
    name = values.get("model name") or values.get("model") or platform.machine()
    return name, set((values.get("flags") or values.get("features") or "").split())


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    stop: Event | None = None,
    size_of: Callable[[T], int] = lambda _: 0,
) -> Iterator[R | None]:
    """Yield `function(item)` for each of `items`, in order, computed by `threads`; None twice a second while it waits.

    Another thread reads the items, at most 32 ahead for each thread, or 128 MiB as `size_of` counts the bytes that an
    item holds. Once `stop` is set no further item is begun, and those in work are finished. An exception of `items` or
    of `function` is raised in its place.
    """
    from concurrent.futures import Future, ThreadPoolExecutor, wait  # they load logging, which one image does not need
    from queue import Empty, SimpleQueue

    places = threads * PLACES_PER_THREAD
    stop, room = stop or Event(), Semaphore(places)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="eyespot")
    ahead: SimpleQueue[tuple[Future[R | object], int] | None] = SimpleQueue()

    def work(item: T) -> R | object:
        return SKIPPED if stop.is_set() else function(item)

    def feed() -> None:
        try:
            for item in items:
                taken = min(1 + size_of(item) // PLACE_BYTES, places)
                for _ in range(taken):
                    room.acquire()
                if stop.is_set():
                    return
                ahead.put((pool.submit(work, item), taken))  # raises once the caller is gone, and nobody reads `ahead`
        except BaseException as error:  # noqa: BLE001 # the caller gets it, in its place
            failed = Future[R | object]()
            failed.set_exception(error)
            ahead.put((failed, 0))
        finally:
            ahead.put(None)

    Thread(target=feed, name="eyespot-feeder", daemon=True).start()  # it may wait for a pipe for ever
    try:
        while True:
            try:
                entry = ahead.get(timeout=TICK_S)
            except Empty:
                if stop.is_set():
                    return
                yield None
                continue
            if entry is None:
                return
            while not wait(entry[:1], TICK_S).done:
                yield None
            if (result := entry[0].result()) is SKIPPED:
                return
            yield cast(R, result)
            room.release(entry[1])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        room.release(places)  # the feeder may wait for them
