"""Authorities for tests: one that is good in every respect, and facts that it covers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from lfr_engine.deployment.authority import (
    Authority,
    Document,
    Officer,
    TrustedKey,
    parse,
    render,
    sign,
)
from lfr_engine.deployment.permission import AuthoritySettings, Requirements
from lfr_engine.journal.signing import Signer

START = dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)
END = START + dt.timedelta(hours=6)
NOON = START + dt.timedelta(hours=2)
OFFICER = Signer.generate()

GOOD = Authority(
    id="A-1",
    mode="deployment",
    use_case="Targeted operation",
    purpose="Find people wanted by the courts",
    place="High Street, north gate",
    zones=("gate",),
    cameras=("cam1", "cam2"),
    start=START,
    end=END,
    watchlist="WL-1",
    retention="met",
    false_alert_ceiling=0.001,
    officer=Officer("P. Example", "Superintendent", "AO-7"),
)

FACTS = Requirements(
    settings=AuthoritySettings(trusted=(TrustedKey("AO-7", OFFICER.public_key),)),
    watchlist="WL-1",
    watchlist_built=START - dt.timedelta(hours=20),
    builders=frozenset({"analyst-3"}),
    cameras=frozenset({"cam1"}),
    zones=frozenset({"gate"}),
    last_recorded=START - dt.timedelta(hours=2),
)


def authority(**changes: Any) -> Authority:
    return msgspec.structs.replace(GOOD, **changes)


def unsigned(**changes: Any) -> Document:
    return parse(render(authority(**changes)), "authority.toml")


def signed(signer: Signer = OFFICER, **changes: Any) -> Document:
    return parse(sign(unsigned(**changes), signer), "authority.toml")
