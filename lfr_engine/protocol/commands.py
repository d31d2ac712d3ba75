"""The one table of commands and topics: server, client, command line and documents read it.

Owns: names, roles, and whether a command changes something. Never: behaviour. Strategy: one row a
command; arguments, result and help come from the record in ``arguments``. Adding a command means
one record, one row and one handler; tests, documents and ``lfr ctl`` follow.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s

B = TypeVar("B")


class CallerRole(enum.StrEnum):
    """What a caller may do depends on this alone."""

    ENGINEER = "engineer"
    OPERATOR = "operator"
    OFFICER = "officer"
    INTEGRATOR = "integrator"
    AO = "ao"
    AUDITOR = "auditor"


ENGINEER, OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR = CallerRole
EVERYONE = frozenset(CallerRole)


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command.

    Args:
        name: As it travels, ``group.verb``.
        arguments: The record of its arguments.
        result: The record of its result.
        roles: Who may call it; nobody else.
        changes: It changes what the engine does or knows.
        journalled: Every call is journalled, not only refused ones.
        help: One line.
        at_once: Done first and journalled after: the red stop waits for no disk (R17).
    """

    name: str
    arguments: type[a.Command[Any]]
    result: type[Any]
    roles: frozenset[CallerRole]
    changes: bool
    journalled: bool
    help: str
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class TopicSpec(Generic[B]):
    """One topic.

    Args:
        name: As it travels.
        arguments: The record of its filter.
        body: The record of an event's body.
        roles: Who may subscribe; nobody else.
        durable: Events have cursors and can be resumed; nothing is lost or doubled.
        snapshot: A subscriber first gets the present state.
        newest: Each event stands for itself, so a slow subscriber gets only the newest.
        help: One line.
    """

    name: str
    arguments: type[Any]
    body: type[B]
    roles: frozenset[CallerRole]
    durable: bool
    snapshot: bool
    newest: bool
    help: str


def _spec(
    name: str,
    record: type[a.Command[Any]],
    roles: frozenset[CallerRole],
    *,
    changes: bool,
    journalled: bool,
) -> CommandSpec:
    (base,) = record.__orig_bases__  # type: ignore[attr-defined]
    (result,) = typing.get_args(base)
    line = (record.__doc__ or "").splitlines()[0].rstrip(".")
    return CommandSpec(name, record, result, roles, changes, journalled, line)


def _reads(name: str, record: type[a.Command[Any]], *roles: CallerRole) -> CommandSpec:
    return _spec(name, record, frozenset(roles), changes=False, journalled=False)


def _looks(name: str, record: type[a.Command[Any]], *roles: CallerRole) -> CommandSpec:
    """Changes nothing, but that somebody looked belongs in the journal (R16)."""
    return _spec(name, record, frozenset(roles), changes=False, journalled=True)


def _changes(name: str, record: type[a.Command[Any]], *roles: CallerRole) -> CommandSpec:
    return _spec(name, record, frozenset(roles), changes=True, journalled=True)


_ROWS = (
    _reads("state.get", a.StateGet, *EVERYONE),
    _reads("board.get", a.BoardGet, *EVERYONE),
    _reads("metrics.get", a.MetricsGet, ENGINEER, OPERATOR, INTEGRATOR, AO, AUDITOR),
    _reads("cameras.list", a.CamerasList, *EVERYONE),
    _changes("cameras.add", a.CamerasAdd, ENGINEER),
    _changes("cameras.change", a.CamerasChange, ENGINEER),
    _changes("cameras.enable", a.CamerasEnable, ENGINEER, OPERATOR),
    _changes("cameras.disable", a.CamerasDisable, ENGINEER, OPERATOR),
    _changes("cameras.remove", a.CamerasRemove, ENGINEER),
    _looks("preview.frame", a.PreviewFrame, ENGINEER, OPERATOR),
    _reads("zone.get", a.ZoneGet, ENGINEER, OPERATOR, AO, AUDITOR),
    _changes("zone.edit", a.ZoneEdit, ENGINEER),
    _changes("deployments.load", a.DeploymentsLoad, ENGINEER, OPERATOR, AO),
    _changes("deployments.start", a.DeploymentsStart, OPERATOR, AO),
    _changes("deployments.pause", a.DeploymentsPause, ENGINEER, OPERATOR, AO),
    _changes("deployments.resume", a.DeploymentsResume, OPERATOR, AO),
    dataclasses.replace(
        _changes("deployments.stop", a.DeploymentsStop, *(EVERYONE - {AUDITOR})), at_once=True
    ),
    _changes("deployments.end", a.DeploymentsEnd, OPERATOR, AO),
    # a heartbeat every few seconds would bury the journal; its loss is what the engine journals
    _spec(
        "presence.heartbeat",
        a.PresenceHeartbeat,
        frozenset({OPERATOR}),
        changes=True,
        journalled=False,
    ),
    _reads("watchlist.status", a.WatchlistStatus, ENGINEER, OPERATOR, INTEGRATOR, AO, AUDITOR),
    _looks("watchlist.list", a.WatchlistList, OPERATOR, AO, AUDITOR),
    _looks("watchlist.check", a.WatchlistCheck, ENGINEER, OPERATOR, AO),
    _changes("watchlist.enrol", a.WatchlistEnrol, AO),
    _changes("watchlist.withdraw", a.WatchlistWithdraw, OPERATOR, AO),
    _looks("alerts.list", a.AlertsList, OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR),
    _looks("alerts.get", a.AlertsGet, OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR),
    _looks("alerts.pictures", a.AlertsPictures, OPERATOR, OFFICER, AO),
    _changes("alerts.displayed", a.AlertsDisplayed, OPERATOR),
    _changes("alerts.opinion", a.AlertsOpinion, OPERATOR),
    _changes("alerts.decide", a.AlertsDecide, OPERATOR),
    _changes("alerts.outcome", a.AlertsOutcome, OPERATOR, OFFICER),
    _changes("outcomes.enter", a.OutcomesEnter, OPERATOR, OFFICER),
    _changes("alerts.hold", a.AlertsHold, OPERATOR, AO),
    _changes("blue.pass", a.BluePass, ENGINEER, OPERATOR, INTEGRATOR),
    _changes("blue.import", a.BlueImport, ENGINEER, OPERATOR),
    _reads("blue.status", a.BlueStatus, ENGINEER, OPERATOR, INTEGRATOR, AO, AUDITOR),
    _looks("journal.query", a.JournalQuery, AO, AUDITOR),
    _looks("journal.verify", a.JournalVerify, ENGINEER, AO, AUDITOR),
    _looks("report.get", a.ReportGet, OPERATOR, AO, AUDITOR),
    _changes("logs.level", a.LogsLevel, ENGINEER),
    _reads("relay.status", a.RelayStatus, ENGINEER, OPERATOR, INTEGRATOR, AO, AUDITOR),
    _reads("relay.queue", a.RelayQueue, ENGINEER, OPERATOR),
    _changes("relay.test", a.RelayTest, ENGINEER, OPERATOR),
    _changes("relay.resend", a.RelayResend, OPERATOR),
    _changes("relay.cancel", a.RelayCancel, OPERATOR),
)

COMMANDS: Mapping[str, CommandSpec] = MappingProxyType({row.name: row for row in _ROWS})
"""Every command by name, in the order people should read them."""

BY_ARGUMENTS: Mapping[type[a.Command[Any]], CommandSpec] = MappingProxyType(
    {row.arguments: row for row in _ROWS}
)
"""Every command by the record of its arguments."""

ALERTS = TopicSpec(
    "alerts",
    a.NoFilter,
    s.Alert,
    frozenset({OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR}),
    durable=True,
    snapshot=False,
    newest=False,
    help="Possible matches, each once, and again when updated",
)
DECISIONS = TopicSpec(
    "decisions",
    a.NoFilter,
    s.Transition,
    frozenset({OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR}),
    durable=True,
    snapshot=False,
    newest=False,
    help="Every step of every alert after it was raised: who, when, why",
)
BOARD = TopicSpec(
    "board",
    a.NoFilter,
    s.Board,
    EVERYONE,
    durable=False,
    snapshot=True,
    newest=True,
    help="The whole board whenever it changed, at most a few times a second",
)
METRICS = TopicSpec(
    "metrics",
    a.NoFilter,
    s.Metrics,
    frozenset({ENGINEER, OPERATOR, INTEGRATOR, AO, AUDITOR}),
    durable=False,
    snapshot=True,
    newest=True,
    help="Counters and gauges, every second",
)
PREVIEW = TopicSpec(
    "preview",
    a.PreviewFilter,
    s.Preview,
    frozenset({ENGINEER, OPERATOR}),
    durable=False,
    snapshot=False,
    newest=True,
    help="Blurred pictures from one camera",
)
LOGS = TopicSpec(
    "logs",
    a.LogsFilter,
    s.LogLine,
    frozenset({ENGINEER, AUDITOR}),
    durable=False,
    snapshot=False,
    newest=False,
    help="The engine's log as it is written",
)

TOPICS: Mapping[str, TopicSpec[Any]] = MappingProxyType(
    {row.name: row for row in (ALERTS, DECISIONS, BOARD, METRICS, PREVIEW, LOGS)}
)
"""Every topic by name."""


def may_call(role: CallerRole, command: str) -> bool:
    """Whether ``role`` may call ``command``; unknown commands are nobody's."""
    spec = COMMANDS.get(command)
    return spec is not None and role in spec.roles


def may_subscribe(role: CallerRole, topic: str) -> bool:
    """Whether ``role`` may subscribe to ``topic``; unknown topics are nobody's."""
    spec = TOPICS.get(topic)
    return spec is not None and role in spec.roles
