"""Configurations and cues that several relay tests share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from lfr_engine.relay.cue import Caution, Cue, Marking
from lfr_engine.relay.settings import RelaySettings, read_settings

START = dt.datetime(2026, 11, 22, 14, 5, tzinfo=dt.UTC)
T0 = START.timestamp()


def make_cue(
    reference: str = "A1B2C3",
    place: str = "VAN1",
    category: str = "C2",
    captured: dt.datetime = START,
    reviewed: bool = True,
    score: float | None = 0.83,
    caution: Caution = Caution.NONE,
    marking: Marking = Marking.LIVE,
    blue_list: bool = False,
    withdrawn: bool = False,
) -> Cue:
    return Cue(
        reference=reference,
        place=place,
        category=category,
        captured=captured,
        reviewed=reviewed,
        score=score,
        caution=caution,
        marking=marking,
        blue_list=blue_list,
        withdrawn=withdrawn,
    )


def make_table(**changes: Any) -> dict[str, Any]:
    """A van with a radio, a TAK server and a voice net; two officers and their group."""
    table: dict[str, Any] = {
        "bearers": [
            {"kind": "tetra", "name": "radio", "port": "ttyX"},
            {"kind": "tak", "name": "tak", "host": "127.0.0.1"},
            {"kind": "voice", "name": "voice"},
            {"kind": "tak", "name": "rehearsal", "host": "127.0.0.1", "test": True},
        ],
        "recipients": [
            {
                "id": "E1",
                "addresses": {"radio": "1234567", "tak": "ECHO1/E1-UID", "rehearsal": "ECHO1"},
            },
            {"id": "E2", "addresses": {"radio": "1234568"}},
            {"id": "NET", "addresses": {"radio": "9001", "voice": "239.1.1.1:5004"}, "group": True},
        ],
        "duty": [
            {
                "team": "north",
                "recipients": ["E1", "E2"],
                "start": START - dt.timedelta(hours=1),
                "end": START + dt.timedelta(hours=5),
            }
        ],
        "routes": [{"bearers": ["radio", "tak", "rehearsal"], "teams": ["north"]}],
    }
    return table | changes


def make_settings(**changes: Any) -> RelaySettings:
    return read_settings(make_table(**changes))
