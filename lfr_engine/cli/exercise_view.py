"""How an exercise looks in a terminal: a progress bar, alerts as they happen, a summary.

Owns: wording and layout. Never: a decision. Strategy: alerts are plain lines above the progress
bar, so that the output reads the same in a file; every line says EXERCISE.
"""

from __future__ import annotations

from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.app.exercise import Ready
from lfr_engine.app.report import ExerciseReport

MARK = "EXERCISE"
_SHOWN_STAGES = ("decode", "wait for detector", "detect", "track", "crop", "embed", "match")


class ExerciseView:
    """Shows one exercise; a context manager around its run."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task: TaskID | None = None
        self._passes = 0

    def __enter__(self) -> ExerciseView:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Work that comes before the first frame; callable from any thread."""
        if self._task is None:
            self._task = self._progress.add_task(what, total=total)
        self._progress.update(self._task, description=what, completed=done, total=total)

    def tell(self, event: Ready | EngineEvent) -> None:
        """Show one event."""
        if isinstance(event, Ready):
            self._ready(event)
        elif isinstance(event, AlertTold):
            self._alert(event)
        elif isinstance(event, PassEnded) and event.confirmed:
            self._passes += 1
            if self._task is not None:
                self._progress.update(self._task, completed=self._passes)

    def _ready(self, ready: Ready) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task("people who passed", total=None)
        stated = (
            f"stated FPIR {ready.stated_fpir:.3%} at N = {ready.references}"
            if ready.stated_fpir is not None
            else "not calibrated"
        )
        self.console.print(
            f"[bold reverse] {MARK} [/] {escape(', '.join(ready.cameras))} · watchlist: "
            f"{_count(ready.entries, 'person', 'people')}, {_count(ready.references, 'picture')}\n"
            f"  threshold {ready.threshold:.3f} ({stated}) · pack {escape(ready.pack)}, "
            f"{ready.precision} on {escape(ready.device)}"
        )

    def _alert(self, told: AlertTold) -> None:
        if not told.new:
            return
        alert = told.alert
        late = " [bold]LATE[/]" if alert.late else ""
        self.console.print(
            f"{MARK} [bold]possible match[/] [bold yellow]{escape(alert.entry)}[/]  "
            f"#{alert.reference}  {escape(alert.camera)} at {told.scene_s:.1f} s  "
            f"score {alert.score:.3f}  {_count(alert.sightings, 'sighting')}  "
            f"age {told.age_s * 1e3:.0f} ms{late}",
            soft_wrap=True,
        )

    def summary(self, report: ExerciseReport) -> None:
        """The end: people, alerts, how quick each stage was, what was given up."""
        how = "interrupted" if report.interrupted else "finished"
        if not report.frames:
            self.console.print(f"{MARK} {how}: not one frame could be read")
            return
        self.console.print(
            f"\n{MARK} {how}: {report.frames} frames in {report.duration_s:.1f} s "
            f"({report.frames_per_s:.1f} frames/s), "
            f"{_count(report.passes, 'person', 'people')} passed, "
            f"{_count(len(report.alerts), 'alert')}; "
            f"{_count(report.erased_templates, 'template')} erased",
            soft_wrap=True,
        )
        self._alerts(report)
        self._cameras(report)
        self._stages(report)

    def _alerts(self, report: ExerciseReport) -> None:
        if not report.alerts:
            return
        table = Table(title=f"Possible matches ({MARK})", title_justify="left", box=SIMPLE_HEAD)
        for heading in ("reference", "entry", "cameras", "at s", "score", "margin", "sightings"):
            table.add_column(heading)
        for alert in report.alerts:
            margin = "–" if alert.margin is None else f"{alert.margin:.3f}"
            row = (alert.reference, alert.entry, ", ".join(alert.cameras))
            figures = (f"{alert.media_time_s:.1f}", f"{alert.score:.3f}", margin)
            table.add_row(*map(escape, row), *figures, str(alert.sightings))
        self.console.print(table)

    def _cameras(self, report: ExerciseReport) -> None:
        table = Table(title="Cameras", title_justify="left", box=SIMPLE_HEAD)
        for heading in ("camera", "state", "frames", "detected", "passes", "not used"):
            table.add_column(heading)
        for camera in report.cameras:
            drops = ", ".join(f"{reason} {count}" for reason, count in camera.drops.items())
            figures = (str(camera.frames), str(camera.detected), str(camera.passes))
            table.add_row(escape(camera.camera), camera.state, *figures, drops)
        self.console.print(table)

    def _stages(self, report: ExerciseReport) -> None:
        table = Table(title="Stages, milliseconds", title_justify="left", box=SIMPLE_HEAD)
        for heading in ("stage", "count", "p50", "p95", "p99"):
            table.add_column(heading, justify="left" if heading == "stage" else "right")
        for name in (*_SHOWN_STAGES, "erase", "capture to alert"):
            figures = report.stages.get(name)
            if figures is not None:
                shares = (f"{figures[share]:.1f}" for share in ("p50_ms", "p95_ms", "p99_ms"))
                table.add_row(name, str(figures["count"]), *shares)
        self.console.print(table)


def _count(number: int, one: str, many: str = "") -> str:
    """A number with its word: ``1 alert``, ``2 alerts``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
