"""What the kernel says of our threads adds up, and is told by what they do."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from lfr_engine.evaluation.bench.process import MISSED, ThreadTimes, kind_of, resident_mb

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's account is Linux's")


def test_threads_are_named_by_what_they_do() -> None:
    assert kind_of("camera stream-1") == "decoding"
    assert kind_of("detector 2") == "shrinking pictures, reading faces"
    assert kind_of("lane matcher") == "matching"
    assert kind_of("MainThread").startswith("loop")
    assert kind_of("Thread-7") == MISSED


@linux
def test_a_thread_that_works_is_told_and_all_add_up() -> None:
    began = time.process_time()
    times = ThreadTimes()
    stop = threading.Event()
    done = threading.Event()

    def work() -> None:
        while time.thread_time() < 0.05:
            pass
        done.set()
        stop.wait()

    thread = threading.Thread(target=work, name="camera test")
    thread.start()
    done.wait()
    times.look()
    stop.set()
    thread.join()
    told = times.told()
    total = time.process_time() - began
    assert 0.045 < told["decoding"] <= total
    assert sum(told.values()) == pytest.approx(total, abs=0.02)


@linux
def test_resident_memory_is_told() -> None:
    assert 5 < resident_mb() < 100_000
