"""onnxruntime and the processor's cores: find the one, make sessions, and spread work over the other."""

import os
import platform
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Condition, Event, Thread
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from edge.errors import InstallationError, ModelError, reason_of

T = TypeVar("T")
R = TypeVar("R")

# Distributions that all install the import name onnxruntime.
DISTRIBUTIONS = re.compile(
    r"(onnxruntime(?:_(?:gpu|directml|openvino|training|qnn|rocm|migraphx|azure|webgpu|cann))?)-\d.*\.dist-info",
)
LOG_ERRORS_ONLY = 3

# An ONNX model of one Relu on one float (IR 8, opset 18); every execution provider has a kernel for it.
PROBE_MODEL = bytes.fromhex(
    "08083a330a0c0a0178120179220452656c751201675a0f0a0178120a0a08080112040a020801"
    "620f0a0179120a0a08080112040a02080142040a001012"
)

# Instruction sets that decide which kernels onnxruntime picks.
X86_FEATURES = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"),
)
ARM_FEATURES = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")

# Items that `ordered_map` reads ahead for each thread, so that a slow one at the front lets the others go on.
WINDOW_PER_THREAD = 32
HELD_BYTES = 256 << 20
# How long `ordered_map` waits for a result before it yields None, so that the caller may see to other things.
TICK_S = 0.5


def import_onnxruntime() -> ModuleType:
    """Return the onnxruntime module. Raises InstallationError if there is none, or more than one on top of another."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"onnxruntime cannot be imported ({error}); install eyespot[cpu], or eyespot[gpu] for NVIDIA"
        ) from None
    if onnxruntime.__file__ is None:
        raise InstallationError(
            "the folder onnxruntime holds no onnxruntime; install eyespot[cpu], or eyespot[gpu] for NVIDIA"
        )
    if len(found := installed_runtimes(onnxruntime)) > 1:
        raise InstallationError(
            f"{' and '.join(found)} are both installed and overwrite each other; "
            f"run 'pip uninstall -y {' '.join(found)}', then install one of eyespot[cpu] and eyespot[gpu]"
        )
    module: ModuleType = onnxruntime
    return module


def installed_runtimes(onnxruntime: ModuleType) -> list[str]:
    """Return the names of the distributions that share the folder of the module, sorted.

    The folder is listed, which takes less than a millisecond; importlib.metadata would add 40 to every start.
    """
    if onnxruntime.__file__ is None:
        return []
    names = (entry.name for entry in Path(onnxruntime.__file__).parent.parent.iterdir())
    return sorted(match[1].replace("_", "-") for name in names if (match := DISTRIBUTIONS.fullmatch(name)))


def create_session(
    model: Path | bytes,
    name: str,
    threads: int = 0,
    *,
    spinning: bool = True,
    sizes: Mapping[str, int] = MappingProxyType({}),
    optimise: bool = True,
) -> Any:
    """Return an onnxruntime session on the CPU for a model file or its bytes; `name` is in messages.

    `threads` work on one image: 0 lets onnxruntime choose, but no more than the container's quota; 1 is for callers
    that run many sessions at once. While they wait for each other they keep their cores busy, which is sooner, unless
    `spinning` is off. `sizes` fixes free dimensions by their names in the model. Without `optimise` the session is
    sooner made, for whoever only looks at the model.

    Raises InstallationError if there is no usable onnxruntime, ModelError if it refuses the model.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    options.intra_op_num_threads = threads or _threads_of_quota()
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for dimension, length in sizes.items():
        options.add_free_dimension_override_by_name(dimension, length)
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
    cores = _scheduled_cores()
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


def _scheduled_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads_of_quota() -> int:
    """Return the cores that a quota leaves, or 0 where there is none: onnxruntime knows only of the scheduler's."""
    cores = usable_cores()
    return cores if cores < _scheduled_cores() else 0


def read_cpu(path: str = "/proc/cpuinfo") -> tuple[str, tuple[str, ...]]:
    """Return the processor's name and those of its features that decide how fast models run."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return platform.processor() or platform.machine(), ()
    values = {name.strip().lower(): value.strip() for name, _, value in reversed(lines)}
    flags = set((values.get("flags") or values.get("features") or "").split())
    name = values.get("model name") or values.get("model") or platform.machine()
    return name, tuple(feature for feature in X86_FEATURES + ARM_FEATURES if feature in flags)


class _Window:
    """How many items, and bytes that they hold, may be under way at once; whoever brings more waits."""

    def __init__(self, items: int, held_bytes: int) -> None:
        self._free_items, self._free_bytes = self._items, self._bytes = items, held_bytes
        self._changed = Condition()
        self._closed = False

    def enter(self, size: int) -> bool:
        """Wait until there is room; return False if the window was closed meanwhile. A single item always fits."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fits(size))
            self._free_items -= 1
            self._free_bytes -= size
            return not self._closed

    def _fits(self, size: int) -> bool:
        return self._free_items == self._items or (self._free_items > 0 and self._free_bytes >= size)

    def leave(self, size: int) -> None:
        with self._changed:
            self._free_items += 1
            self._free_bytes += size
            # Not at each item: whoever waits is woken to bring several, since each waking waits for Python's lock.
            if 2 * self._free_items >= self._items or 2 * self._free_bytes >= self._bytes:
                self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    stop: Event | None = None,
    size_of: Callable[[T], int] = lambda _: 0,
) -> Iterator[R | None]:
    """Yield `function(item)` for each of `items`, in order, computed by threads.

    None stands for nothing yet, about twice a second. Items are read by a thread of their own, so that results come
    while it waits for the next item; a bounded number is read ahead, holding at most `HELD_BYTES` as `size_of` counts.
    Once `stop` is set no further item is begun, and those in work are finished. What `items` or `function` raises is
    raised in its place.
    """
    from concurrent.futures import Future, ThreadPoolExecutor, wait
    from queue import Empty, SimpleQueue

    stop = stop or Event()
    window = _Window(threads * WINDOW_PER_THREAD, HELD_BYTES)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="eyespot")
    submitted: SimpleQueue[tuple[Future[R], int] | None] = SimpleQueue()
    waiting: deque[tuple[Future[R], int]] = deque()

    def feed() -> None:
        try:
            for item in items:
                size = size_of(item)
                if not window.enter(size) or stop.is_set():
                    return
                submitted.put((pool.submit(function, item), size))
        except BaseException as error:  # noqa: BLE001 # it belongs to whoever asks for the results
            failed: Future[R] = Future()
            failed.set_exception(error)
            submitted.put((failed, 0))
        finally:
            submitted.put(None)

    def end() -> None:
        window.close()
        pool.shutdown(wait=False, cancel_futures=True)

    Thread(target=feed, name="eyespot-feeder", daemon=True).start()  # it may wait for a pipe for ever
    more = True
    try:
        while more or waiting:
            if stop.is_set():
                end()
            try:
                while more and (entry := submitted.get(not (waiting or stop.is_set()), TICK_S)):
                    waiting.append(entry)
                more = False
            except Empty:
                more = not stop.is_set()
            if waiting:  # for one further on, so that this thread is woken once for all before it
                wait((waiting[min(len(waiting), threads * WINDOW_PER_THREAD // 2) - 1][0],), TICK_S)
            if (more or waiting) and not (waiting and waiting[0][0].done()):
                yield None
            while waiting and waiting[0][0].done():
                future, size = waiting.popleft()
                if future.cancelled():
                    more = False
                    waiting.clear()
                    break
                yield future.result()
                window.leave(size)
        end()
    except GeneratorExit:
        # The garbage collector may come here in a thread of the pool itself, which holds the locks that `end` takes.
        Thread(target=end, daemon=True).start()
        raise
    except BaseException:
        end()
        raise
