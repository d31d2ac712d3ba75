"""Plots as SVG text. Owns: what is drawn and how. Never: a figure that is not in the result it
draws. Strategy: matplotlib is an optional extra, imported when a plot is asked for and mapped to
one clear error where it is absent; SVG because it can stand inside a page.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lfr_engine.errors import InputError
from lfr_engine.evaluation.identification import StatedPoint
from lfr_engine.evaluation.intervals import Rate
from lfr_engine.evaluation.open_set import CurvePoint, Histogram, OperatingPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (6.4, 4.0)


def require_matplotlib() -> None:
    """Fail before long work rather than after it.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401, PLC0415 - an optional extra, asked for on purpose
    except ImportError as error:
        raise InputError(
            "report", "plots need matplotlib", "run: pip install 'lfr-engine[evaluation]'"
        ) from error


def error_curve(points: Sequence[CurvePoint], marked: Sequence[OperatingPoint]) -> str:
    """FNIR against FPIR, both logarithmic (DET), with the reported points."""
    with _plot() as (axes, out):
        drawn = [(p.fpir, p.fnir) for p in points if p.fpir > 0 and p.fnir > 0]
        axes.plot(*zip(*drawn, strict=True), color="#1f4e79") if drawn else None
        for point in marked:
            if point.fpir.value and point.tpir.value is not None:
                axes.plot(point.fpir.value, 1 - point.tpir.value, "o", color="#b03a2e")
                axes.hlines(1 - point.tpir.value, point.fpir.low, point.fpir.high, color="#b03a2e")
        axes.set(xscale="log", yscale="log", xlabel="FPIR", ylabel="FNIR = 1 − TPIR")
        axes.grid(visible=True, which="both", alpha=0.3)
    return out.getvalue()


def score_histogram(counts: Histogram, thresholds: Sequence[OperatingPoint]) -> str:
    """Scores of found mates and of strangers, as shares, on a logarithmic scale."""
    with _plot() as (axes, out):
        for values, label, colour in (
            (counts.nonmated, "strangers", "#7f8c8d"),
            (counts.mated, "mates", "#1f4e79"),
        ):
            total = max(1, sum(values))
            shares = [value / total for value in values]
            axes.stairs(shares, counts.edges, fill=True, alpha=0.55, color=colour, label=label)
        for point in thresholds:
            axes.axvline(point.threshold, color="#b03a2e", linewidth=0.8)
        axes.set(yscale="log", xlabel="best score", ylabel="share of searches")
        axes.legend()
    return out.getvalue()


def stated_against_measured(points: Sequence[StatedPoint]) -> str:
    """Reliability: the FPIR a calibration states against the one measured, with its interval."""
    with _plot() as (axes, out):
        for point in points:
            measured = point.measured.fpir
            value = measured.value or measured.high / 10
            axes.errorbar(
                point.stated_fpir, value,
                yerr=[[value - min(value, measured.low)], [measured.high - value]],
                fmt="o", capsize=4, color="#1f4e79",
            )  # fmt: skip
        ends = [min(p.stated_fpir for p in points) / 3, max(p.stated_fpir for p in points) * 3]
        axes.plot(ends, ends, "--", color="#7f8c8d")
        axes.set(xscale="log", yscale="log", xlabel="stated FPIR", ylabel="measured FPIR")
        axes.grid(visible=True, which="both", alpha=0.3)
    return out.getvalue()


def rate_bars(labels: Sequence[str], rates: Sequence[Rate], what: str) -> str:
    """Rates of several groups side by side with their intervals, in per cent."""
    with _plot() as (axes, out):
        for place, rate in enumerate(rates):
            if rate.value is None:
                continue
            axes.errorbar(
                place, 100 * rate.value,
                yerr=[[100 * (rate.value - rate.low)], [100 * (rate.high - rate.value)]],
                fmt="o", capsize=4, color="#1f4e79",
            )  # fmt: skip
        axes.set(ylabel=f"{what}, %", ylim=(0, 102))
        axes.set_xticks(range(len(labels)), labels, rotation=20)
        axes.grid(visible=True, axis="y", alpha=0.3)
    return out.getvalue()


@contextmanager
def _plot() -> Iterator[tuple[Axes, io.StringIO]]:
    """Axes to draw on; the SVG is in the buffer when the block ends. Uses no global state."""
    require_matplotlib()
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - optional extra
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional extra

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    out = io.StringIO()
    yield figure.add_subplot(), out
    FigureCanvasSVG(figure)
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    out.write(text[text.index("<svg") :])
