from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from lfr_engine.cli.machine import (
    ClockFacts,
    clock_facts,
    core_dumps_allowed,
    core_facts,
    folder_facts,
)


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is Linux's")
def test_the_kernel_tells_of_its_clock() -> None:
    facts = clock_facts()
    assert isinstance(facts, ClockFacts)
    assert facts.error_ms >= 0


@pytest.mark.parametrize(
    ("content", "quota"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("nonsense\n", None)],
)
def test_a_quota_is_read(tmp_path: Path, content: str, quota: float | None) -> None:
    (tmp_path / "cpu.max").write_text(content)
    facts = core_facts(tmp_path / "cpu.max")
    assert facts.usable >= 1
    assert facts.quota == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert core_facts(tmp_path / "absent").quota is None


def test_a_folder_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    facts = folder_facts(tmp_path / "not" / "yet")
    assert facts.writable
    assert facts.free_bytes > 0
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    facts = folder_facts(tmp_path / "file" / "data")
    assert not facts.writable
    assert facts.cause


def test_core_dumps_follow_limit_and_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = tmp_path / "core_pattern"
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    pattern.write_text("core\n")
    assert core_dumps_allowed(pattern) is False
    pattern.write_text("|/usr/lib/systemd/systemd-coredump\n")
    assert core_dumps_allowed(pattern) is True
    assert core_dumps_allowed(tmp_path / "absent") is None
    monkeypatch.setattr(resource, "getrlimit", lambda _: (-1, -1))
    assert core_dumps_allowed(pattern) is True
