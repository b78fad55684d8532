"""One onnxruntime, found or missed in words that help; sessions; cores; results in order."""

import itertools
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock, active_count

import pytest

from edge.errors import InstallationError
from edge.runtime import (
    PLACES_PER_THREAD,
    create_session,
    import_onnxruntime,
    ordered_map,
    read_cpu,
    usable_cores,
)


def test_a_missing_runtime_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InstallationError, match=r"install eyespot\[cpu\], or eyespot\[gpu\] for NVIDIA$") as caught:
        import_onnxruntime()
    assert str(caught.value).startswith("onnxruntime cannot be imported (")


HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", HERE), ("100000 100000", 1), ("50000 100000", 1), (f"{HERE}00000 100000", HERE), ("", HERE)],
)
def test_a_quota_is_honoured(tmp_path: Path, text: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path, tmp_path / "none") == cores


def test_the_quota_of_a_group_and_of_those_above_it_counts(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/outer/inner\n")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    assert usable_cores(tmp_path, own) == HERE
    (tmp_path / "outer" / "cpu.max").write_text("100000 100000")
    assert usable_cores(tmp_path, own) == 1


@pytest.mark.parametrize(("cores", "asked", "threads"), [(1, 0, 1), (HERE, 0, 0), (1, 3, 3)])
def test_a_quota_is_one_for_the_threads_of_onnxruntime(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, cores: int, asked: int, threads: int
) -> None:
    monkeypatch.setattr("edge.runtime.usable_cores", lambda: cores)
    if cores == HERE == 1:
        threads = asked
    options = create_session(tiny_model, "tiny", asked).get_session_options()
    assert options.intra_op_num_threads == threads


@pytest.mark.parametrize("value", [None, "0"])
def test_telemetry_is_off_unless_the_user_says_otherwise(value: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {} if value is None else {"ORT_DISABLE_TELEMETRY": value}
    code = "import edge, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (value or "1")


X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse4_2 fma avx f16c avx2 avx512f avx512_vnni amx_int8 hypervisor

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu
"""
RASPBERRY_PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimdrdm asimddp
CPU part\t: 0xd0b

Hardware\t: BCM2835
Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


@pytest.mark.parametrize(
    ("text", "name", "features"),
    [
        (
            X86,
            "Intel(R) Xeon(R) Platinum 8480+",
            {"fpu", "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "amx_int8", "hypervisor"},
        ),
        (
            RASPBERRY_PI,
            "Raspberry Pi 5 Model B Rev 1.0",
            {"fp", "asimd", "evtstrm", "crc32", "cpuid", "asimdrdm", "asimddp"},
        ),
        ("", platform.machine(), set()),
    ],
    ids=["x86", "raspberry-pi", "nothing"],
)
def test_the_processor_is_read(tmp_path: Path, text: str, name: str, features: set[str]) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert read_cpu(str(tmp_path / "cpuinfo")) == (name, features)


def results(mapped: Iterator[int | None]) -> list[int]:
    return [result for result in mapped if result is not None]


def test_results_come_in_order_whichever_is_first_to_finish() -> None:
    second_is_done = Event()

    def function(item: int) -> int:
        if item == 0:
            second_is_done.wait(30)
        else:
            second_is_done.set()
        return item * item

    assert results(ordered_map(function, range(500), 2)) == [i * i for i in range(500)]


def test_items_are_read_no_further_than_the_window_and_the_threads_end_with_the_caller() -> None:
    read, before = [], active_count()

    def items() -> Iterator[int]:
        for item in itertools.count():
            read.append(item)
            yield item

    mapped = ordered_map(lambda item: item, items(), 2)
    assert list(itertools.islice((r for r in mapped if r is not None), 10)) == list(range(10))
    mapped.close()  # type: ignore[attr-defined]
    assert len(read) <= 10 + 2 * PLACES_PER_THREAD + 2
    until = time.monotonic() + 30
    while active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert active_count() <= before  # a thread of another test may have ended meanwhile


def test_items_under_way_hold_a_bounded_number_of_bytes() -> None:
    lock, held, most = Lock(), [0], [0]

    def items() -> Iterator[int]:
        for size in [60, 30, 10, 60, 500, 10, 99, 1, 1] * 5:
            with lock:
                held[0] += size
                most[0] = max(most[0], held[0])
            yield size

    def function(size: int) -> int:
        with lock:
            held[0] -= size
        return size

    assert len(results(ordered_map(function, items(), 2, size_of=lambda size: size << 20))) == 45
    # What two threads may have ahead, the largest item, and the one that waits to be taken.
    assert most[0] <= 256 + 500 + 500


def test_what_raises_is_raised_in_its_place_a_timeout_too() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise RuntimeError("the list is gone")

    def function(item: int) -> int:
        if item == 2:
            raise TimeoutError("of its own")
        return item

    for work, error in ((lambda item: item, RuntimeError), (function, TimeoutError)):
        mapped = (result for result in ordered_map(work, items(), 2) if result is not None)
        assert next(mapped) == 1
        with pytest.raises(error):
            list(mapped)


def test_after_stop_what_is_under_way_is_finished_and_no_more_begun() -> None:
    stop, begun, found = Event(), [], []

    def function(item: int) -> int:
        begun.append(item)
        return item

    for result in ordered_map(function, itertools.count(), 2, stop):
        found += [] if result is None else [result]
        if len(found) == 5:
            stop.set()
    assert found == list(range(len(found)))
    assert sorted(begun) == found


def test_after_stop_what_waits_is_dropped_while_the_items_do_not_end() -> None:
    stop, stopped, never, begun, found = Event(), Event(), Event(), [], []

    def items() -> Iterator[int]:
        yield from range(PLACES_PER_THREAD)
        stop.set()  # all of them are read, and the first is in work
        never.wait(30)

    def function(item: int) -> int:
        begun.append(item)
        stopped.wait(30)
        return item

    for result in ordered_map(function, items(), 1, stop):
        found += [] if result is None else [result]
        if stop.is_set():
            stopped.set()
    never.set()
    assert found == begun
    assert len(found) < PLACES_PER_THREAD
