"""The documentation's example loads, and the pure part of the relay is pure."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lfr_engine.config import load
from lfr_engine.relay.cue import cue_text
from lfr_engine.relay.routing import plans_for
from lfr_engine.relay.settings import read_settings
from tests.relay.samples import START, make_cue

PAGE = Path(__file__).parents[2] / "docs" / "relay.md"


def test_the_configuration_in_the_documentation_is_one() -> None:
    example = PAGE.read_text().split("```toml\n")[1].split("```")[0]
    settings = read_settings(tomllib.loads(example)["relay"])
    (plan,) = plans_for(settings, make_cue(), 5, START)
    assert (plan.recipient.id, plan.bearers) == ("E21", ("radio", "tak"))


def test_the_text_in_the_documentation_is_one() -> None:
    shown = PAGE.read_text().split("```\n")[1].splitlines()[0]
    assert shown.startswith(cue_text(make_cue(score=None), START).removesuffix("0s"))


def test_the_whole_file_in_the_documentation_is_sound(tmp_path: Path) -> None:
    example = PAGE.read_text().split("```toml\n")[1].split("```")[0]
    (tmp_path / "lfr.toml").write_text(example)
    config = load(tmp_path / "lfr.toml")
    assert config.mode == "deployment"
    assert config.relay is not None
    assert [bearer.name for bearer in config.relay.bearers] == ["radio", "tak", "room", "rehearsal"]
    assert set(config.relay.files()) == {
        "ca.pem", "lfr.pem", "lfr.key", "van.pem", "van.key", "pictures.secret", "rehearsal.secret",
    }  # fmt: skip


@pytest.mark.slow
def test_the_encoders_load_no_sockets_and_no_loop() -> None:
    code = (
        "import sys, pkgutil, importlib, lfr_engine.relay as r\n"
        "for m in pkgutil.walk_packages(r.__path__, 'lfr_engine.relay.'):\n"
        "    importlib.import_module(m.name)\n"
        "print([m for m in ('trio', 'httpx', 'paho', 'sqlite3', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
