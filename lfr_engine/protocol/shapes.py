"""What results and events hold: records made of plain values, for people of any language.

Owns: the shape of everything the engine tells a client. Never: templates, unblurred faces other
than an alert's own pictures, camera passwords. Strategy: words that may grow (states, reason codes)
are text here, so an older client still reads a newer engine; times are RFC 3339 text in UTC;
durations and ages are milliseconds unless named otherwise; pictures are JPEG bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all results share."""


class Done(Shape, frozen=True, kw_only=True):
    """The change is made and journalled under ``journal``, where it is journalled."""

    journal: int | None = None


class Interval(Shape, frozen=True, kw_only=True):
    """A measured rate with its exact 95 % interval (Clopper–Pearson), each in 0…1."""

    events: int
    trials: int
    low: float
    high: float
    rate: float | None = None


class Latency(Shape, frozen=True, kw_only=True):
    """Percentiles in milliseconds over the last minute (60 to 65 s)."""

    p50: float
    p95: float
    p99: float


class DeploymentState(Shape, frozen=True, kw_only=True):
    """The deployment that is loaded: ``phase`` is loaded, running, paused, stopped or ended."""

    deployment: str
    phase: str
    authority: str
    authorising_officer: str
    purpose: str
    place: str
    starts: str
    ends: str
    watchlist: str
    reason: str = ""


class EngineState(Shape, frozen=True, kw_only=True):
    """Where the engine stands; ``mode`` is commissioning, exercise or deployment (R27)."""

    mode: str
    version: str
    started: str
    now: str
    safe_stop: bool = False
    operator_present: bool = True
    deployment: DeploymentState | None = None
    hashes: dict[str, str] = {}


class CameraState(Shape, frozen=True, kw_only=True):
    """One camera; ``state`` is connecting, live, stalled, lost, refused, disabled or crashed.

    ``address`` never holds a user name or password. ``warnings`` are sentences for an engineer.
    ``faces_per_minute`` counts passes, not frames. ``detection`` is from capture to the faces
    found, ``latency`` from capture to the decision on a view; None where the last minute had none.
    """

    camera: str
    address: str
    state: str
    enabled: bool = True
    site: str = ""
    width: int = 0
    height: int = 0
    decoder: str = ""
    fps_in: float = 0.0
    fps_detected: float = 0.0
    faces_per_minute: float = 0.0
    face_pixels: float | None = None
    brightness: float | None = None
    blur: float | None = None
    frame_age_ms: float | None = None
    detection: Latency | None = None
    latency: Latency | None = None
    drops: dict[str, int] = {}
    warnings: list[str] = []
    down_since: str | None = None


class CameraList(Shape, frozen=True, kw_only=True):
    """Every configured camera."""

    cameras: list[CameraState]


class Zone(Shape, frozen=True, kw_only=True):
    """A zone of recognition: corners as [x, y] in 0…1 of the picture's width and height."""

    camera: str
    corners: list[tuple[float, float]]
    smallest_face_pixels: int = 0


class Preview(Shape, frozen=True, kw_only=True):
    """One picture from a camera, every face in it made unrecognisable (R11).

    ``boxes`` are [left, top, width, height] in 0…1; ``whole_blurred`` says that detections lagged.
    """

    camera: str
    captured: str
    jpeg: bytes
    boxes: list[tuple[float, float, float, float]] = []
    whole_blurred: bool = False


class QueueState(Shape, frozen=True, kw_only=True):
    """How full one link between two actors is."""

    link: str
    held: int
    bound: int
    peak: int = 0


class BearerState(Shape, frozen=True, kw_only=True):
    """One way to officers; ``state`` is ready, busy, down or off.

    Counts are of messages still remembered. ``p95_ms``: from queued until the modem or server took
    it. ``last_error``: the newest trouble, also where it is over.
    """

    bearer: str
    state: str
    queued: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    detail: str = ""
    last_error: str = ""
    p95_ms: float | None = None


class RelayStatus(Shape, frozen=True, kw_only=True):
    """Every bearer."""

    bearers: list[BearerState]


class RelayItem(Shape, frozen=True, kw_only=True):
    """One message to one recipient; ``state`` as in the delivery table of the documents."""

    item: str
    alert: str
    bearer: str
    recipient: str
    state: str
    deadline: str
    detail: str = ""


class RelayQueue(Shape, frozen=True, kw_only=True):
    """Messages that are not yet settled."""

    items: list[RelayItem]


class Board(Shape, frozen=True, kw_only=True):
    """Everything an engineer watches, as one picture of one instant."""

    at: str
    engine: EngineState
    cameras: list[CameraState] = []
    queues: list[QueueState] = []
    bearers: list[BearerState] = []
    latency: dict[str, Latency] = {}
    drops: dict[str, int] = {}
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    passes: int = 0
    alerts_open: int = 0
    false_alert_rate: Interval | None = None
    ceiling: str = "green"
    warnings: list[str] = []


class Metrics(Shape, frozen=True, kw_only=True):
    """Counters and gauges by name; names and units are in the documents."""

    at: str
    values: dict[str, float]


class Transition(Shape, frozen=True, kw_only=True):
    """One step of an alert's life: who, in which role, when and why."""

    alert: str
    came_from: str
    went_to: str
    at: str
    actor: str
    role: str
    reasons: list[str] = []
    note: str = ""


class Alert(Shape, frozen=True, kw_only=True):
    """A possible match. ``score``, ``margin`` and ``threshold`` are absent until the caller gave
    an opinion of their own, or it is decided (R10).

    ``reference`` is the short code that radios show; ``age_ms`` runs from capture.
    """

    alert: str
    reference: str
    entry: str
    category: str
    camera: str
    site: str
    captured: str
    raised: str
    state: str
    label: str = ""
    priority: int = 0
    expected_action: str = ""
    age_ms: float = 0.0
    late: bool = False
    exercise: bool = False
    blue: bool = False
    score: float | None = None
    margin: float | None = None
    threshold: float | None = None
    updates: int = 0
    decide_by: str | None = None
    history: list[Transition] = []


class AlertPage(Shape, frozen=True, kw_only=True):
    """Alerts, newest first; ``older`` continues the list."""

    alerts: list[Alert]
    older: int | None = None


class AlertPictures(Shape, frozen=True, kw_only=True):
    """Probe and reference at equal size; the context has every other face pixelated."""

    alert: str
    probe: bytes
    reference: bytes
    context: bytes | None = None


class BlueStatus(Shape, frozen=True, kw_only=True):
    """Blue-list passes and the live identification rate, in all and by camera (R9)."""

    passes: int
    hits: int
    rate: Interval | None = None
    by_camera: dict[str, Interval] = {}


class WatchlistStatus(Shape, frozen=True, kw_only=True):
    """The list that is loaded."""

    watchlist: str
    built: str
    people: int
    images: int
    categories: dict[str, int]
    rejected: int = 0
    under_18: int = 0
    withdrawn: int = 0
    warnings: list[str] = []


class WatchlistEntry(Shape, frozen=True, kw_only=True):
    """One person on the list, without biometrics."""

    entry: str
    category: str
    images: int
    label: str = ""
    priority: int = 0
    expected_action: str = ""
    source: str = ""
    lawful_basis: str = ""
    last_checked: str = ""
    withdrawn: bool = False
    blue: bool = False


class WatchlistPage(Shape, frozen=True, kw_only=True):
    """Entries in the order of their ids; ``after`` continues the list."""

    entries: list[WatchlistEntry]
    after: str | None = None


class ImageCheck(Shape, frozen=True, kw_only=True):
    """Whether a picture passes the enrolment gate, and what was measured (R14)."""

    usable: bool
    reasons: list[str] = []
    measures: dict[str, float] = {}


class Enrolled(Shape, frozen=True, kw_only=True):
    """What became of an enrolment."""

    entry: str
    check: ImageCheck
    journal: int | None = None


class JournalEvent(Shape, frozen=True, kw_only=True):
    """One line of the journal."""

    sequence: int
    at: str
    kind: str
    actor: str
    digest: str
    data: dict[str, Any] = {}


class JournalPage(Shape, frozen=True, kw_only=True):
    """Lines in order; ``after`` continues."""

    events: list[JournalEvent]
    after: int | None = None


class JournalCheck(Shape, frozen=True, kw_only=True):
    """Whether the chain of digests and the signed checkpoints hold."""

    intact: bool
    events: int
    checkpoints: int
    digest: str
    fault: str = ""


class Report(Shape, frozen=True, kw_only=True):
    """A deployment record (R7); ``page`` is a self-contained HTML page."""

    deployment: str
    record: dict[str, Any]
    page: str = ""


class LogLine(Shape, frozen=True, kw_only=True):
    """One line of the engine's log."""

    at: str
    level: str
    logger: str
    text: str
    fields: dict[str, Any] = {}


class LogLevel(Shape, frozen=True, kw_only=True):
    """The level in force and when it falls back."""

    level: str
    until: str | None = None


class Presence(Shape, frozen=True, kw_only=True):
    """When the engine pauses unless another heartbeat comes (R17)."""

    next_before: str
