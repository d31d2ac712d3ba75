"""The status board: the engine as one picture of one instant, in the protocol's shapes.

Owns: the translation from reports and telemetry to what people read, and the counts of passes.
Never: a judgement (``sources.health`` has it), anything about a person. Strategy: pure functions
of what the engine shows of itself, called at most once a second and only while somebody looks.
"""

from __future__ import annotations

import datetime as dt
import resource
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path

from lfr_engine.actors.camera import CameraReport
from lfr_engine.actors.events import EngineEvent, PassEnded
from lfr_engine.app.cameras import Camera
from lfr_engine.app.engine import Engine
from lfr_engine.clock import Clock
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.supervise import ActorState
from lfr_engine.runtime.telemetry import TO_DECISION, TO_DETECTION, Histogram, Telemetry
from lfr_engine.sources.condition import CameraDown, CameraState, CameraUp

MINUTE_S = 60.0
_MOST_PASSES = 4096
"""Passes a minute that can be told apart; a camera sees at most a few hundred."""
_PAGE = resource.getpagesize()


def moment(at: dt.datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Traffic:
    """Who walked past and which cameras are down, from the engine's events."""

    def __init__(self, clock: Clock) -> None:
        self.passes: Counter[str] = Counter()
        self.down: dict[str, dt.datetime] = {}
        self._clock = clock
        self._recent: deque[tuple[float, str]] = deque(maxlen=_MOST_PASSES)

    def take(self, event: EngineEvent) -> None:
        """Count one event."""
        now_s = self._clock.monotonic_ns() / 1e9
        if isinstance(event, PassEnded) and event.confirmed:
            self.passes[event.track.camera] += 1
            self._recent.append((now_s, event.track.camera))
        elif isinstance(event, CameraDown):
            ago = dt.timedelta(seconds=now_s - event.since_s)
            self.down[event.camera] = self._clock.utc() - ago
        elif isinstance(event, CameraUp):
            self.down.pop(event.camera, None)

    def last_minute(self, camera: str) -> int:
        """Passes of the last 60 s."""
        since = self._clock.monotonic_ns() / 1e9 - MINUTE_S
        return sum(at >= since and name == camera for at, name in self._recent)


class Machine:
    """What this process takes of the machine, between one look and the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_ns = clock.monotonic_ns()
        self._used_s = _processor_s()
        self._percent: float | None = None

    def cpu_percent(self) -> float | None:
        """Processor time since the last look, 100 for one core; None at first."""
        now_ns, used_s = self._clock.monotonic_ns(), _processor_s()
        if now_ns - self._looked_ns >= 5e8:
            self._percent = (used_s - self._used_s) / (now_ns - self._looked_ns) * 1e11
            self._looked_ns, self._used_s = now_ns, used_s
        return None if self._percent is None else round(self._percent, 1)

    @staticmethod
    def memory_bytes() -> int | None:
        """Resident memory."""
        try:
            return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
        except (OSError, ValueError, IndexError):
            return None


def camera_state(
    camera: Camera, report: CameraReport | None, traffic: Traffic, telemetry: Telemetry, site: str
) -> s.CameraState:
    """One camera as people see it; ``report`` is None before its task began."""
    name, address = camera.config.name, camera.plan.settings.address
    if report is None:
        state = CameraState.CONNECTING if camera.config.enabled else CameraState.DISABLED
        return s.CameraState(
            camera=name,
            address=address.shown,
            state=state.value,
            enabled=camera.config.enabled,
            site=site,
        )
    now_ns = telemetry.clock.monotonic_ns()
    health = report.health_now(now_ns / 1e9)
    facts = report.facts
    down = traffic.down.get(name)
    live = report.condition.state is CameraState.LIVE
    warnings = [health.problem] if health.problem else []
    if report.error and not live and report.error not in health.problem:
        warnings.append(report.error)
    return s.CameraState(
        camera=name,
        address=address.shown,
        state=report.condition.state.value,
        enabled=camera.config.enabled,
        site=site,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
        decoder=facts.decoder if facts else "",
        fps_in=round(health.fps or 0.0, 2),
        fps_detected=round(health.detected_fps or 0.0, 2),
        faces_per_minute=float(traffic.last_minute(name)),
        face_pixels=round(health.face_px[1], 1) if health.face_px else None,
        brightness=None if health.brightness is None else round(health.brightness, 1),
        blur=None if health.edge_px is None else round(health.edge_px, 2),
        detection=latency(telemetry.recent(TO_DETECTION, name)),
        latency=latency(telemetry.recent(TO_DECISION, name)),
        frame_age_ms=round((now_ns - report.last_frame_ns) / 1e6, 1) if live else None,
        drops=dict(telemetry.drops.get(name, {})),
        warnings=warnings,
        down_since=moment(down) if down is not None else None,
    )


def latency(histogram: Histogram) -> s.Latency | None:
    """Percentiles in milliseconds; None where nothing was measured."""
    if not histogram.count:
        return None
    return s.Latency(
        p50=round(histogram.percentile(0.50) * 1e3, 2),
        p95=round(histogram.percentile(0.95) * 1e3, 2),
        p99=round(histogram.percentile(0.99) * 1e3, 2),
    )


def latencies(telemetry: Telemetry) -> dict[str, s.Latency]:
    """Every stage that was at work in the last minute."""
    found = {stage: latency(telemetry.recent(stage)) for stage in list(telemetry.stages)}
    return {stage: told for stage, told in found.items() if told is not None}


def queues(engine: Engine, telemetry: Telemetry) -> list[s.QueueState]:
    """Every link between actors; the peak is the most that was seen at a look."""
    found = []
    for name, (held, bound) in engine.links().items():
        telemetry.peak(name, held, bound)
        found.append(s.QueueState(link=name, held=held, bound=bound, peak=telemetry.peaks[name][0]))
    return found


def drops_by_reason(telemetry: Telemetry) -> dict[str, int]:
    """Every camera together."""
    total: Counter[str] = Counter()
    for reasons in telemetry.drops.values():
        total.update(reasons)
    return dict(total)


def actor_warnings(actors: Mapping[str, tuple[ActorState, str]]) -> list[str]:
    """A sentence for each actor that is not simply running."""
    return [
        f"{name} is {state.value}: {reason}"
        for name, (state, reason) in actors.items()
        if state not in {ActorState.RUNNING, ActorState.DONE}
    ]


def gauges(engine: Engine, traffic: Traffic, machine: Machine) -> dict[str, float]:
    """Present values beside the counters, for metrics."""
    found = {
        f"queue_{name.replace(' → ', '_')}": float(held)
        for name, (held, _) in engine.links().items()
    }
    found["passes"] = float(traffic.passes.total())
    found["cameras_live"] = float(
        sum(report.condition.state is CameraState.LIVE for report in engine.reports.values())
    )
    memory, processor = machine.memory_bytes(), machine.cpu_percent()
    if memory is not None:
        found["memory_bytes"] = float(memory)
    if processor is not None:
        found["cpu_percent"] = processor
    return found


def metrics(telemetry: Telemetry, present: Mapping[str, float]) -> dict[str, float]:
    """All counters and gauges by name: ``counts.…``, ``drops.CAMERA.REASON``, ``stage.…``.

    Counts are of the whole run, percentiles of the last minute.
    """
    values = {f"counts.{name}": float(count) for name, count in telemetry.counts.items()}
    for camera, reasons in telemetry.drops.items():
        values |= {f"drops.{camera}.{why}": float(many) for why, many in reasons.items()}
    for stage, histogram in dict(telemetry.stages).items():
        values[f"stage.{stage}.count"] = float(histogram.count)
        recent = telemetry.recent(stage)
        values[f"stage.{stage}.p50_ms"] = round(recent.percentile(0.50) * 1e3, 3)
        values[f"stage.{stage}.p95_ms"] = round(recent.percentile(0.95) * 1e3, 3)
    return values | dict(present)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
