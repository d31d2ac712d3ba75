"""The deployment record as a page: one sheet for the public, everything for oversight (R7).

Owns: layout and wording. Never: a figure of its own, a script, a font or picture from elsewhere, a
name of anybody but the authorising officer on the public page. Strategy: one self-contained HTML
text; everything that comes from the journal is escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from lfr_engine.deployment import plots
from lfr_engine.deployment.measures import Measure, interval_in_words, rate_in_words
from lfr_engine.deployment.record import DeploymentRecord, Happening

_STYLE = """
@page { size: A4; margin: 14mm }
* { box-sizing: border-box }
body { font: 15px/1.4 system-ui, sans-serif; color: #111; background: #fff; max-width: 56em;
  margin: 0 auto; padding: 1em }
h1 { font-size: 1.5em; margin: 0 0 .1em } h2 { font-size: 1.1em; margin: 1.1em 0 .3em;
  border-bottom: 1px solid #999 }
p { margin: .3em 0 } .small { font-size: .85em; color: #444 }
.mark { border: 3px double #111; padding: .3em .6em; font-weight: bold; text-align: center }
dl { display: grid; grid-template-columns: 11em 1fr; gap: .1em .8em; margin: .3em 0 }
dt { color: #444 } dd { margin: 0; overflow-wrap: anywhere }
.tiles { display: flex; flex-wrap: wrap; gap: .4em }
.tile { border: 1px solid #999; padding: .2em .5em; flex: 1 1 6em; font-size: .9em }
.tile b { display: block; font-size: 1.5em }
table { border-collapse: collapse; width: 100%; margin: .4em 0; page-break-inside: auto }
th, td { text-align: left; padding: .2em .5em; border-bottom: 1px solid #ccc; vertical-align: top;
  overflow-wrap: break-word }
.wide { font-size: .8em }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
th.n { white-space: normal }
svg { display: block; width: 100%; max-width: 46em; height: auto; margin: .3em 0 }
code { font-size: .85em; overflow-wrap: anywhere }
@media print { body { font-size: 9.5pt; padding: 0 } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Cell = str | int | float | None


def public_page(record: DeploymentRecord) -> str:
    """One printable sheet: what was done, where, why, with what result, and how to check it."""
    return _page(record, [*_heading(record), *_result(record), *_care(record), *_checking(record)])


def full_page(record: DeploymentRecord) -> str:
    """The whole record, for those who oversee: everything public, and every list behind it."""
    return _page(
        record,
        [
            *_heading(record),
            *_findings(record),
            *_result(record),
            *_care(record),
            *_basis(record),
            *_cameras(record),
            *_speed(record),
            *_alerts(record),
            *_lists(record),
            *_checking(record),
        ],
    )


def _page(record: DeploymentRecord, parts: Iterable[str]) -> str:
    title = f"Live facial recognition: deployment {record.deployment}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _heading(record: DeploymentRecord) -> list[str]:
    parts = []
    if record.mode == "exercise":
        parts.append('<p class="mark">EXERCISE – recorded material, not a deployment</p>')
    officer = record.officer
    ended = _time(record.ended) if record.ended else "not recorded"
    categories = ", ".join(
        f"{name} {count:,}" for name, count in record.watchlist.categories.items()
    )
    facts = {
        "Why": f"{record.use_case}. {record.purpose}",
        "Where": f"{record.place} (zones: {', '.join(record.zones)})",
        "When": f"{_time(record.started)} to {ended}; authorised {_time(record.planned_start)} "
        f"to {_time(record.planned_end)}",
        "Authorised by": f"{officer.rank} {officer.name}, authority {record.authority}",
        "Watchlist": f"{record.watchlist.people:,} people ({categories or 'no categories'}); "
        f"{record.watchlist.under_18:,} under 18; {record.watchlist.rejected:,} pictures or "
        "entries refused as not good enough",
        "Setting": f"at most {rate_in_words(record.stated_fpir)} people not on the list may be "
        f"taken for somebody on it, stated for a list of {record.stated_list_size:,}",
        "Signs": "confirmed" if record.signage_confirmed else "NOT confirmed",
    }
    parts.append(f"<h1>Live facial recognition: deployment {escape(record.deployment)}</h1>")
    parts.append(_facts(facts))
    return parts


def _result(record: DeploymentRecord) -> list[str]:
    alerts = record.alerts
    tiles = {
        "people passed": record.passes,
        "alerts": alerts.raised,
        "judged wrong": alerts.false,
        "people spoken to": alerts.engaged,
        "right person": alerts.confirmed_true,
        **record.outcomes,
    }
    boxes = "".join(
        f'<div class="tile"><b>{count:,}</b>{escape(_words(name))}</div>'
        for name, count in tiles.items()
    )
    rows: list[Sequence[Cell]] = [
        (m.question, f"{m.numerator:,} of {m.denominator:,}", _share(m), interval_in_words(m))
        for m in record.measures
    ]
    first, *others = record.measures
    return [
        "<h2>Result</h2>",
        f'<div class="tiles">{boxes}</div>',
        _table(("question", "counted", "share", "95 % interval"), rows, numbers={1, 2}),
        plots.intervals([first], rare=True, limit=record.false_alert_ceiling),
        plots.intervals(others),
        _small(
            "An alert is a possible match; a person decided on each. The interval says how "
            "far the true share may lie from the counted one, given so many events; the dashed "
            f"line is the ceiling of {rate_in_words(record.false_alert_ceiling)}. “Judged wrong” "
            "counts alerts discounted by the operator and alerts that proved wrong when the "
            "person was spoken to. Recognition of people on the list is measured with "
            f"{record.blue_passes:,} passes of consenting staff, who are left out of all other "
            "alert counts."
        ),
    ]


def _care(record: DeploymentRecord) -> list[str]:
    erased = sum(entry.count for entry in record.deletions)
    worst = max((entry.longest for entry in record.erasures), default=None)
    facts = {
        "People not on the list": "their faces were compared in memory and overwritten"
        + (f", at latest {worst:,.0f} ms after the comparison" if worst is not None else ""),
        "Kept": f"by profile “{record.retention}”; {erased:,} items erased so "
        f"far, with {_many(len(record.deletions), 'certificate')}",
        "Not examined": f"{sum(record.drops.values()):,} frames or faces"
        + (f" ({_counts(record.drops)})" if record.drops else ""),
        "Complaints, stops": f"{_many(len(record.complaints), 'complaint')}, "
        f"{_many(len(record.stops), 'emergency stop')}",
    }
    return ["<h2>Care</h2>", _facts(facts)]


def _checking(record: DeploymentRecord) -> list[str]:
    evidence = record.evidence
    commands = (
        f"lfr journal verify COPY --expect {evidence.last_seq}:{evidence.last_hash}",
        f"lfr report {record.deployment} --journal COPY --json",
    )
    return [
        "<h2>How to check this page</h2>",
        _small(
            f"Every figure is counted from records {evidence.first_seq:,} to "
            f"{evidence.last_seq:,} of the engine's journal, which is chained and signed. With a "
            "copy of the journal, anybody can run:"
        ),
        "".join(f"<p><code>{escape(line)}</code></p>" for line in commands),
    ]


def _findings(record: DeploymentRecord) -> list[str]:
    if not record.findings:
        return []
    items = "".join(f"<li>{escape(finding)}</li>" for finding in record.findings)
    return [f"<h2>What does not add up</h2><ul>{items}</ul>"]


def _basis(record: DeploymentRecord) -> list[str]:
    thresholds = ", ".join(f"{name} {value:.4f}" for name, value in record.thresholds.items())
    built = record.watchlist
    facts = {
        "Authority": f"{record.authority}, SHA-256 {record.authority_digest}",
        "Signed with": record.authority_key,
        "Software": record.software,
        "Model": record.model,
        "Calibration": record.calibration,
        "Configuration": record.configuration,
        "Thresholds": thresholds,
        "Watchlist": f"{built.id}, built {_time(built.built)}, {built.images:,} images, "
        f"withdrawn during the deployment: {built.withdrawn:,}",
        "Ended because": _words(record.ended_because or "not recorded"),
    }
    return ["<h2>Basis</h2>", _facts(facts)]


def _cameras(record: DeploymentRecord) -> list[str]:
    rows: list[Sequence[Cell]] = [
        (
            camera.id,
            camera.passes,
            camera.detections,
            camera.re_entries,
            camera.not_acquired,
            f"{100 * camera.uptime:.1f} %" if camera.uptime is not None else "",
            f"{camera.outages} ({camera.outage_s:,.0f} s)",
            camera.alerts,
            f"{camera.blue.numerator} of {camera.blue.denominator}",
            interval_in_words(camera.blue),
        )
        for camera in record.cameras
    ]
    heads = (
        "camera", "passes", "detections", "re-entries", "not acquired", "up", "outages", "alerts",
        "staff recognised", "95 % interval",
    )  # fmt: skip
    parts = ["<h2>Cameras</h2>", _table(heads, rows, numbers=set(range(1, 9)), wide=True)]
    dropped = {camera.id: _counts(camera.drops) for camera in record.cameras}
    parts.append(f"<p>Not processed, by camera and reason:</p>{_facts(dropped)}")
    parts.append("<p>Recognition of consenting staff, by camera:</p>")
    parts.append(plots.intervals([camera.blue for camera in record.cameras]))
    parts.append(
        plots.over_time(record.passes_over_time, [alert.raised for alert in record.alert_list])
    )
    if record.groups or record.small_groups:
        parts.append("<h2>Recognition by self-declared group of consenting staff</h2>")
        if record.groups:
            parts.append(plots.intervals(record.groups))
        if record.small_groups:
            parts.append(f"<p>{record.small_groups} groups: too few events.</p>")
    return parts


def _speed(record: DeploymentRecord) -> list[str]:
    rows: list[Sequence[Cell]] = [
        (
            _words(e.stage),
            e.run,
            e.count,
            round(e.p50),
            round(e.p95),
            round(e.p99),
            round(e.longest),
        )
        for e in record.latencies
    ]
    erased: list[Sequence[Cell]] = [
        (e.run, e.count, f"{e.p50:.1f}", f"{e.p99:.1f}", f"{e.longest:.1f}", e.over_target)
        for e in record.erasures
    ]
    heads = ("stage", "run", "count", "p50 ms", "p95 ms", "p99 ms", "longest ms")
    erasure_heads = ("run", "count", "p50 ms", "p99 ms", "longest ms", "over 100 ms")
    return [
        "<h2>Latency</h2>",
        _table(heads, rows, numbers=set(range(1, 7))),
        plots.latencies(record.latencies),
        "<h2>From decision to erasure of unmatched faces</h2>",
        _table(erasure_heads, erased, numbers=set(range(6))),
    ]


def _alerts(record: DeploymentRecord) -> list[str]:
    totals = record.alerts
    facts = {
        "Raised": f"{totals.raised:,} ({_counts(totals.by_category)}), {totals.late:,} late",
        "Displayed": f"{totals.displayed:,}",
        "Decided": f"{totals.passed:,} passed, {totals.discounted:,} discounted, "
        f"{totals.expired:,} expired, {totals.open:,} open",
        "Reasons given": _counts(totals.by_reason),
        "Expired because": _counts(totals.by_expiry),
        "Action": f"{totals.engaged:,} engaged, {totals.lost:,} lost, {totals.no_action:,} none",
        "Confirmed": f"{totals.confirmed_true:,} true, {totals.confirmed_false:,} false, "
        f"{totals.identity_not_established:,} identity not established",
        "Not raised": _counts(record.suppressed),
        "Not recognised": _counts(record.declined),
        "Relayed": "; ".join(
            f"{name}: {_counts(states)}" for name, states in record.relayed.items()
        ),
    }
    rows: list[Sequence[Cell]] = [
        (
            alert.alert,
            f"{alert.raised:%H:%M:%S}",
            alert.camera,
            alert.category,
            "" if alert.score is None else f"{alert.score:.3f}",
            f"{alert.threshold:.3f}",
            "late" if alert.late else "",
            alert.decision or ("expired" if alert.expired else "open"),
            _words(", ".join(alert.reasons or ([alert.expired] if alert.expired else []))),
            alert.decided_by,
            _words(alert.action),
            _words(alert.outcome),
        )
        for alert in record.alert_list
    ]
    heads = (
        "alert", "time", "camera", "category", "score", "threshold", "late", "decision", "reason",
        "by", "action", "outcome",
    )  # fmt: skip
    return ["<h2>Alerts</h2>", _facts(facts), _table(heads, rows, numbers={4, 5}, wide=True)]


def _lists(record: DeploymentRecord) -> list[str]:
    deleted: list[Sequence[Cell]] = [
        (_time(e.utc), _words(e.what), e.count, _words(e.method), e.reason, e.certificate)
        for e in record.deletions
    ]
    return [
        "<h2>Stops, incidents and changes</h2>",
        _happenings([*record.stops, *record.complaints, *record.incidents]),
        "<h2>Deletions</h2>",
        _table(("time", "what", "count", "method", "reason", "certificate"), deleted, numbers={2}),
    ]


def _happenings(happenings: Sequence[Happening]) -> str:
    rows: list[Sequence[Cell]] = [
        (_time(h.utc), h.kind, h.text, h.actor) for h in sorted(happenings, key=lambda h: h.utc)
    ]
    return _table(("time", "what", "text", "by"), rows)


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v) or '–'}</dd>" for k, v in facts.items())
    return f"<dl>{rows}</dl>"


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    numbers: set[int] | None = None,
    *,
    wide: bool = False,
) -> str:
    if not rows:
        return "<p>None.</p>"

    def cells(tag: str, row: Sequence[Cell]) -> str:
        out = []
        for place, cell in enumerate(row):
            style = ' class="n"' if place in (numbers or ()) else ""
            text = "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
            out.append(f"<{tag}{style}>{escape(text)}</{tag}>")
        return f"<tr>{''.join(out)}</tr>"

    body = "".join(cells("td", row) for row in rows)
    style = ' class="wide"' if wide else ""
    return f"<table{style}><thead>{cells('th', heads)}</thead><tbody>{body}</tbody></table>"


def _words(code: str | None) -> str:
    """A code from the journal as people read it."""
    return (code or "").replace("_", " ")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _small(text: str) -> str:
    return f'<p class="small">{escape(text)}</p>'


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{_words(name)} {count:,}" for name, count in counts.items())


def _share(counted: Measure) -> str:
    return "–" if counted.share is None else rate_in_words(counted.share)


def _time(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
