"""A believable deployment in plain records: what screens are drawn from, and a fake engine plays.

Every value is fixed; the people are drawn, nobody's photograph is used.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter

from lfr_engine.protocol import shapes as s

START = dt.datetime(2026, 1, 1, 12, 0, 0, tzinfo=dt.UTC)
CAMERAS = ("north", "south", "stairs", "gate-a", "gate-b", "bridge")
CATEGORIES = (
    ("wanted-violence", "arrest; caution: violence", 9),
    ("missing-vulnerable", "safeguard, speak kindly", 8),
    ("wanted-court", "arrest on warrant 4471", 6),
    ("sexual-harm-order", "check conditions", 7),
)


def at(seconds: float) -> str:
    return (START + dt.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def latency(scale: float) -> s.Latency:
    return s.Latency(p50=210 * scale, p95=430 * scale, p99=610 * scale)


def cameras(seconds: float = 0.0, many: int = 6) -> list[s.CameraState]:
    made = []
    for number, name in enumerate(CAMERAS[:many]):
        wave = 1 + 0.25 * random.Random(f"{name}{int(seconds)}").random()
        made.append(
            s.CameraState(
                camera=name,
                address=f"rtsp://10.0.4.{20 + number}/stream1",
                state="live",
                site="arcade" if number < 3 else "station",
                width=1920,
                height=1080,
                decoder="h264, 1 thread",
                fps_in=25.0,
                fps_detected=12.5 - number * 0.7,
                faces_per_minute=31.4 - 3.3 * number,
                face_pixels=92.0 - 6 * number,
                brightness=118.0,
                blur=2.9,
                frame_age_ms=120.0,
                detection=latency((1 + 0.12 * number) * wave),
                latency=latency((2 + 0.12 * number) * wave),
                drops={"slot": 1204 + 77 * number, "quality": 311 + number, "zone": 98},
            )
        )
    if many > 3:
        made[3] = _lost(made[3], seconds)
    if many > 4:
        made[4] = s.CameraState(
            camera="gate-b",
            address="rtsp://10.0.4.24/stream1",
            state="live",
            site="station",
            width=1280,
            height=720,
            decoder="h264, 1 thread",
            fps_in=12.0,
            fps_detected=5.9,
            faces_per_minute=4.0,
            face_pixels=34.0,
            brightness=41.0,
            blur=8.4,
            detection=latency(2.6),
            drops={"age": 412, "slot": 96, "quality": 877},
            warnings=["edges are 8.4 px wide, 7 are allowed: focus the lens"],
        )
    return made


def _lost(camera: s.CameraState, seconds: float) -> s.CameraState:
    return s.CameraState(
        camera=camera.camera,
        address=camera.address,
        state="lost",
        site=camera.site,
        width=1920,
        height=1080,
        drops={"slot": 51},
        warnings=["no frame: the camera does not answer; trying again"],
        down_since=at(seconds - 42 if seconds else -42),
    )


def board(seconds: float = 0.0, many: int = 6, mode: str = "exercise") -> s.Board:
    deployment = s.DeploymentState(
        deployment="D-2026-014",
        phase="running",
        authority="A-2026-014",
        authorising_officer="Supt R. Okafor",
        purpose="locate persons wanted by the courts",
        place="Market Arcade north",
        starts=at(-6_000),
        ends=at(11_565),
        watchlist="W-2026-014",
    )
    engine = s.EngineState(
        mode=mode,
        version="0.1.0",
        started=at(-6_100),
        now=at(seconds),
        deployment=None if mode == "commissioning" else deployment,
    )
    queues = [
        s.QueueState(link="camera→detector", held=2, bound=6, peak=6),
        s.QueueState(link="detector→tracker", held=1, bound=12, peak=5),
        s.QueueState(link="tracker→embedder", held=7, bound=8, peak=8),
        s.QueueState(link="embedder→matcher", held=3, bound=64, peak=19),
        s.QueueState(link="alerting→journaler", held=0, bound=256, peak=4),
    ]
    bearers = [
        s.BearerState(
            bearer="tetra", state="ready", queued=1, sent=38, delivered=36, detail="-71 dBm"
        ),
        s.BearerState(bearer="tak", state="busy", queued=2, sent=41, delivered=41),
        s.BearerState(
            bearer="mqtt",
            state="down",
            queued=9,
            sent=12,
            delivered=10,
            failed=2,
            detail="no route",
        ),
    ]
    return s.Board(
        at=at(seconds),
        engine=engine,
        cameras=cameras(seconds, many),
        queues=queues,
        bearers=bearers,
        latency={
            "to operator": latency(1.4),
            "detect": latency(0.12),
            "embed": latency(0.08),
            "match": latency(0.01),
        },
        drops={"slot": 4_930, "age": 412, "quality": 2_120, "zone": 490},
        cpu_percent=148.0,
        memory_bytes=812_000_000,
        passes=31_204,
        alerts_open=3,
        false_alert_rate=s.Interval(
            events=12, trials=31_204, low=0.000199, high=0.000672, rate=0.000385
        ),
        ceiling="green",
    )


def alert(number: int, seconds: float = 0.0, state: str = "generated") -> s.Alert:
    chance = random.Random(number)
    category, action, priority = CATEGORIES[number % len(CATEGORIES)]
    return s.Alert(
        alert=f"A{number}",
        reference=f"{0x51B0 + 97 * number:04X}",
        entry=f"E{1000 + 7 * number}",
        label=chance.choice(("", "T. Brandt", "M. Okoye", "J. Leclerc")),
        category=category,
        camera=CAMERAS[number % len(CAMERAS)],
        site="arcade" if number % 6 < 3 else "station",
        captured=at(seconds),
        raised=at(seconds + 0.4),
        state=state,
        priority=priority,
        expected_action=action,
        age_ms=400.0,
        late=number % 5 == 4,
        exercise=True,
        decide_by=at(seconds + 60),
    )


def alerts() -> list[s.Alert]:
    """Eight alerts before noon: three wait, the others are in every other state of interest."""
    states = (
        "confirmed_true",
        "discounted",
        "expired",
        "engaged",
        "passed",
        "displayed",
        "generated",
        "generated",
    )
    made = []
    for number, state in enumerate(states):
        one = alert(number, -900 + 126 * number, state)
        if number == 7:
            one = alert(7, -6.0, state)
        if number == 6:
            one = alert(6, -31.0, state)
        made.append(with_story(one))
    return made


def with_story(one: s.Alert) -> s.Alert:
    """The alert with the steps that led to its state."""
    story = {
        "displayed": ("displayed",),
        "passed": ("displayed", "passed"),
        "engaged": ("displayed", "passed", "engaged"),
        "confirmed_true": ("displayed", "passed", "engaged", "confirmed_true"),
        "discounted": ("displayed", "discounted"),
        "expired": ("expired",),
    }.get(one.state, ())
    reasons = {"passed": ["likeness"], "discounted": ["different_age"]}
    steps = []
    before = "generated"
    begin = dt.datetime.fromisoformat(one.raised)
    for number, state in enumerate(story):
        when = begin + dt.timedelta(seconds=5 + 9 * number)
        steps.append(
            s.Transition(
                alert=one.alert,
                came_from=before,
                went_to=state,
                at=when.isoformat().replace("+00:00", "Z"),
                actor="" if state == "expired" else "anna",
                role="engine" if state == "expired" else "operator",
                reasons=reasons.get(state, []),
            )
        )
        before = state
    shown = one.state not in {"generated", "displayed"}
    return s.Alert(
        **{
            **{name: getattr(one, name) for name in one.__struct_fields__},
            "history": steps,
            "score": 0.612 if shown else None,
            "margin": 0.141 if shown else None,
            "threshold": 0.487 if shown else None,
        }
    )


@lru_cache(maxsize=256)
def face(person: int, shot: int, size: int = 224) -> bytes:
    """A drawn face as JPEG; ``shot`` changes light and framing, ``person`` the features."""
    who, how = random.Random(person * 7 + 3), random.Random(person * 1_000 + shot)
    tone = who.choice(((236, 201, 176), (198, 148, 112), (141, 94, 66), (222, 178, 140)))
    hair = who.choice(((38, 28, 24), (92, 58, 34), (150, 120, 80), (110, 108, 106)))
    wall = (88, 96, 104) if shot else (150, 160, 168)
    scale = 4
    canvas = Image.new("RGB", (size * scale // 4, size * scale // 4), wall)
    draw = ImageDraw.Draw(canvas)
    edge = canvas.width
    middle = edge / 2 + edge * 0.02 * (how.random() - 0.5)
    broad, tall = edge * (0.25 + 0.05 * who.random()), edge * (0.35 + 0.03 * who.random())
    eye_line = edge * 0.47

    def oval(x: float, y: float, w: float, h: float, colour: tuple[int, int, int]) -> None:
        draw.ellipse((x - w, y - h, x + w, y + h), colour)

    def shade(colour: tuple[int, int, int], by: float) -> tuple[int, int, int]:
        return (int(colour[0] * by), int(colour[1] * by), int(colour[2] * by))

    oval(middle, edge * 1.08, edge * 0.46, edge * 0.28, shade(hair, 0.9))
    draw.rectangle(
        (middle - broad * 0.45, edge * 0.7, middle + broad * 0.45, edge * 0.95), shade(tone, 0.8)
    )
    long_hair = who.random() < 0.5
    oval(middle, edge * (0.47 if long_hair else 0.40), broad * 1.22, tall * 1.12, hair)
    oval(middle, edge * 0.52, broad, tall, tone)
    oval(middle + broad * 0.3, edge * 0.56, broad * 0.66, tall * 0.8, shade(tone, 1.06))
    gap = broad * (0.40 + 0.08 * who.random())
    for side in (-1, 1):
        x = middle + side * gap
        oval(x, eye_line, broad * 0.19, edge * 0.022, (245, 245, 240))
        oval(x, eye_line, broad * 0.085, edge * 0.024, (42, 34, 30))
        draw.line(
            (x - broad * 0.24, eye_line - edge * 0.05, x + broad * 0.24, eye_line - edge * 0.055),
            hair,
            max(2, edge // 60),
        )
    nose = edge * (0.11 + 0.03 * who.random())
    draw.polygon(
        (
            (middle, eye_line + edge * 0.02),
            (middle - broad * 0.2, eye_line + nose),
            (middle + broad * 0.16, eye_line + nose),
        ),
        shade(tone, 0.86),
    )
    mouth = edge * 0.69
    oval(middle, mouth, broad * (0.3 + 0.1 * who.random()), edge * 0.022, (150, 78, 74))
    draw.line((middle - broad * 0.34, mouth, middle + broad * 0.34, mouth), (96, 44, 44), 2)
    if who.random() < 0.4:
        oval(middle, edge * 0.8, broad * 0.5, edge * 0.05, hair)
    picture = canvas.filter(ImageFilter.GaussianBlur(1.6 if shot else 0.7))
    picture = picture.point([int(v * (0.82 if shot else 1.0)) for v in range(256)] * 3)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=86)
    return out.getvalue()


def pictures(one: s.Alert) -> s.AlertPictures:
    person = int(one.alert[1:])
    return s.AlertPictures(alert=one.alert, probe=face(person, 1), reference=face(person, 0))


def street(seconds: float = 0.0, width: int = 640) -> s.Preview:
    """A blurred preview: a square with people whose heads are four blocks wide."""
    height = width * 9 // 16
    canvas = Image.new("RGB", (width, height), (120, 128, 132))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, width, height * 0.42), (168, 178, 186))
    for number in range(6):
        left = width * number / 6
        draw.rectangle(
            (left + 4, height * 0.08, left + width / 6 - 8, height * 0.42),
            (96 + 12 * (number % 3), 84, 78),
        )
    draw.polygon(
        ((width * 0.3, height * 0.42), (width * 0.7, height * 0.42), (width, height), (0, height)),
        (142, 146, 148),
    )
    boxes = []
    for number in range(4):
        chance = random.Random(number)
        x = (chance.random() + seconds * 0.03 * (1 if number % 2 else -1)) % 1.0 * 0.9
        far = 0.4 + 0.16 * number
        size = height * 0.07 * (0.7 + far)
        top, left = height * (0.24 + 0.1 * far), x * width
        coat = (60 + 30 * number, 62, 88 - 10 * number)
        draw.rectangle((left - size * 0.4, top + size, left + size * 1.4, top + size * 4.6), coat)
        for block in range(16):
            tone = 110 + chance.randrange(90)
            bx, by = left + block % 4 * size / 4, top + block // 4 * size / 4
            draw.rectangle((bx, by, bx + size / 4, by + size / 4), (tone, tone - 24, tone - 44))
        boxes.append((left / width, top / height, size / width, size / height))
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=80)
    return s.Preview(camera="north", captured=at(seconds), jpeg=out.getvalue(), boxes=boxes)


def watchlist() -> s.WatchlistStatus:
    return s.WatchlistStatus(
        watchlist="W-2026-014",
        built=at(-20_000),
        people=16_204,
        images=17_911,
        categories={
            "wanted-court": 12_110,
            "wanted-violence": 2_604,
            "sexual-harm-order": 1_012,
            "missing-vulnerable": 478,
        },
        rejected=96,
        under_18=11,
        withdrawn=2,
        warnings=["41 reference images are older than five years"],
    )


def entries(many: int = 40) -> s.WatchlistPage:
    made = [
        s.WatchlistEntry(
            entry=f"E{1000 + 7 * number}",
            category=CATEGORIES[number % 4][0],
            images=1 + number % 3,
            label=("", "T. Brandt", "M. Okoye", "J. Leclerc")[number % 4],
            priority=CATEGORIES[number % 4][2],
            expected_action=CATEGORIES[number % 4][1],
            source="custody 2025",
            lawful_basis="warrant",
            last_checked="2025-12-31",
            withdrawn=number == 5,
            blue=number == 9,
        )
        for number in range(many)
    ]
    return s.WatchlistPage(entries=made, after=made[-1].entry)


def journal() -> tuple[s.JournalPage, s.JournalCheck]:
    kinds = (
        "deployment.started",
        "camera.up",
        "alert.generated",
        "alert.displayed",
        "alert.opinion",
        "alert.decided",
        "evidence.viewed",
        "setting.changed",
        "camera.down",
        "watchlist.withdrawn",
    )
    events = [
        s.JournalEvent(
            sequence=4_000 + number,
            at=at(-600 + 20 * number),
            kind=kinds[number % len(kinds)],
            actor="engine" if number % 3 == 0 else "anna",
            digest=f"{random.Random(number).getrandbits(256):064x}",
            data={"camera": CAMERAS[number % 6], "alert": f"A{number}", "reason": "likeness"},
        )
        for number in range(36)
    ]
    check = s.JournalCheck(intact=True, events=4_035, checkpoints=67, digest=events[-1].digest)
    return s.JournalPage(events=events), check


def logs() -> list[s.LogLine]:
    texts = (
        ("info", "lfr_engine.api", "connection opened"),
        ("debug", "lfr_engine.actors.detector", "batch of 3"),
        ("warning", "lfr_engine.actors.camera", "lost; trying again"),
        ("info", "lfr_engine.actors.alerting", "alert raised"),
        ("error", "lfr_engine.actors.relay", "mqtt: no route to broker"),
    )
    return [
        s.LogLine(
            at=at(-400 + 10 * number),
            level=texts[number % 5][0],
            logger=texts[number % 5][1],
            text=texts[number % 5][2],
            fields={"camera": CAMERAS[number % 6], "attempt": number},
        )
        for number in range(40)
    ]
