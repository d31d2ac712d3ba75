"""Bulk work stands back, thread by thread, and what it begins stands back too."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from lfr_engine.priority import (
    BULK_NICENESS,
    READING_NICENESS,
    processors,
    stand_back,
    standing_back,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads is Linux's")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@linux
def test_what_stands_back_and_what_it_begins_yield_and_nobody_else() -> None:
    before = niceness()
    found: list[int] = []

    def begin() -> None:
        child = threading.Thread(target=lambda: found.append(niceness()))
        child.start()
        child.join()

    standing_back(begin)
    assert found == [min(19, before + BULK_NICENESS)]
    assert niceness() == before


@linux
def test_standing_back_at_the_bottom_stays_there() -> None:
    found: list[int] = []

    def body() -> None:
        for _ in range(4):
            stand_back()
        found.append(niceness())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [19]


@linux
def test_a_reader_of_recordings_stands_back_less_than_the_networks() -> None:
    before = niceness()
    found: list[int] = []

    def body() -> None:
        stand_back(READING_NICENESS)
        found.append(niceness())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [min(19, before + READING_NICENESS)]
    assert 0 < READING_NICENESS < BULK_NICENESS


def test_processors_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1


def test_the_result_and_the_error_come_back() -> None:
    assert standing_back(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        standing_back(lambda: 1 // 0)
