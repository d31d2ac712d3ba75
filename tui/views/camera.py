"""The words beside a camera's preview: its state, its aim, its zone, and the keys of the moment.

Owns: how one camera reads. Never: its address with a password (the engine sends none).
"""

from __future__ import annotations

from collections.abc import Sequence

from lfr_engine.protocol import shapes as s
from tui import figures as f
from tui.aim import aims, estimate
from tui.state import State
from tui.text import EMPTY, Line, clip, line, plain, wrap
from tui.views.overview import dropped, signed
from tui.zone import Draft


def camera_words(
    state: State,
    camera: s.CameraState,
    now_ns: int,
    cells: int,
    preview: s.Preview | None,
    corners: int | None,
    *,
    brief: bool,
) -> list[Line]:
    """Everything about one camera; ``brief`` where rows are few."""
    gap: list[Line] = [] if brief else [EMPTY]
    number = [one.camera for one in state.board.cameras] if state.board else []
    place = f"{number.index(camera.camera) + 1}/{len(number)}" if camera.camera in number else ""
    lines = [line((camera.camera, "value"), " ", *signed(camera.state), (f"  {place}", "dim"))]
    lines.append(line((_address(camera.address, cells), "dim")))
    if camera.width:
        lines.append(line((f"{camera.width}×{camera.height} {camera.decoder}", "dim")))
    lines += gap
    lines.append(line(f"in {camera.fps_in:.1f}  detected {camera.fps_detected:.1f} fps"))
    for name, one in (("found", camera.detection), ("decided", camera.latency)):
        if one is not None:
            said = f"{one.p50:.0f}/{one.p95:.0f} ms" if brief else _latency(one)
            lines.append(line((f"{name} ", "dim"), said))
    lines.append(line(f"faces/min {camera.faces_per_minute:.1f}"))
    if brief:
        lines.append(line(("dropped ", "dim"), *dropped(camera.drops, every=False)))
    else:
        lines += wrap(f"dropped {plain(dropped(camera.drops, every=True))}", cells, "dim")
    lines += [*gap, line(("AIM", "title"))]
    for aim in (*aims(camera), estimate(camera)):
        sign, meaning = aim.sign
        lines.append(line((f"{sign} ", meaning), f"{aim.name}: {aim.value}"))
        if aim.advice:
            lines += [line("  ", *one) for one in wrap(aim.advice, cells - 2, "dim")]
    for text in camera.warnings:
        first, *rest = wrap(text, cells - 2)
        lines += [line(("▲ ", "warn"), *first), *(line("  ", *one) for one in rest)]
    lines += [*gap, _zone(corners)]
    if preview is not None:
        lines.append(_age(state, preview, now_ns))
        if preview.whole_blurred:
            lines += wrap("whole picture blurred: detections lag", cells, "warn")
    return lines


def _latency(one: s.Latency) -> str:
    return f"p50 {one.p50:.0f}  p95 {one.p95:.0f}  p99 {one.p99:.0f} ms after capture"


def _address(address: str, cells: int) -> str:
    """What tells one from another: the end of a file's path, the beginning of a network address."""
    if address.startswith("/") and len(address) > cells:
        return f"…{address[1 - cells :]}"
    return clip(address, cells)


def _zone(corners: int | None) -> Line:
    if corners is None:
        return line(("ZONE ", "title"), ("unknown", "dim"))
    said = "whole picture" if corners == 0 else f"{corners} corners"
    return line(("ZONE ", "title"), said)


def _age(state: State, preview: s.Preview, now_ns: int) -> Line:
    captured, now = f.utc_ns(preview.captured), state.engine_ns(now_ns)
    if captured is None or now is None:
        return line(("blurred preview", "dim"))
    seconds = (now - captured) / f.NS
    shown = f"preview {f.age(seconds)} old, {len(preview.boxes)} faces"
    return line((shown, "warn" if seconds > 3 else "dim"))


def draft_words(draft: Draft, cells: int) -> list[Line]:
    """The keys of the zone editor, and the held corner."""
    x, y = draft.corners[draft.held]
    keys: Sequence[tuple[str, str]] = (
        ("arrows", "move"),
        ("⇧ arrows", "move far"),
        ("Tab", "next corner"),
        ("i", "insert one"),
        ("x", "remove it"),
        ("w", "whole picture"),
        ("Enter", "save"),
        ("Esc", "leave as it was"),
    )
    changed = ("  changed", "warn") if draft.changed else ""
    return [
        line(("ZONE", "title"), changed),  # type: ignore[arg-type]
        line(f"corner {draft.held + 1} of {len(draft.corners)}"),
        line((f"x {x * 100:.1f} %  y {y * 100:.1f} %", "value")),
        EMPTY,
        *(line((key, "key"), f" {what}") for key, what in keys),
        EMPTY,
        *wrap("Nothing outside the zone is ever templated (R21).", cells, "dim"),
    ]
