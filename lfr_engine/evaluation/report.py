"""One self-contained HTML page a result: plots, the same lines as on the terminal, no link to
anything. Owns: the page. Never: a figure of its own, a picture of a person.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from lfr_engine.errors import InputError
from lfr_engine.evaluation import plots, summary
from lfr_engine.evaluation.equitability import EquitabilityResult
from lfr_engine.evaluation.identification import IdentificationResult
from lfr_engine.evaluation.plots import require_matplotlib
from lfr_engine.evaluation.video import VideoResult

__all__ = [
    "equitability_page",
    "identification_page",
    "page",
    "require_matplotlib",
    "video_page",
    "write_report",
]

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
pre{background:#f4f6f7;padding:1em;overflow-x:auto}figure{margin:2em 0}
svg{max-width:100%;height:auto}figcaption{color:#555}"""


def identification_page(result: IdentificationResult) -> str:
    """The page of an open-set identification."""
    figures = [
        (
            plots.error_curve(result.curve, result.points),
            "FNIR against FPIR. Dots: the reported points; bars: 95 % interval of FPIR.",
        ),
        (
            plots.score_histogram(result.histogram, result.points),
            "Best scores. Lines: thresholds of the reported points.",
        ),
    ]
    if result.stated:
        figures.append(
            (
                plots.stated_against_measured(result.stated),
                "Stated FPIR of the calibration against the measured one, 95 % intervals.",
            )
        )
    return page("Open-set identification", summary.identification_lines(result), figures)


def video_page(result: VideoResult) -> str:
    """The page of a run on video."""
    sizes = [size for size in result.scores.by_face_size if size.tpir.trials]
    views = [view for view in result.by_sightings if view.tpir.trials]
    figures = [
        (
            plots.rate_bars([f"≥ {s.from_px} px" for s in sizes], [s.tpir for s in sizes], "TPIR"),
            "TPIR by the largest clearly visible face of an appearance, 95 % intervals.",
        )
    ]
    labels = [f"≥ {view.from_sightings}" for view in views]
    figures.append(
        (
            plots.rate_bars(labels, [view.tpir for view in views], "TPIR"),
            "TPIR by number of sightings, 95 % intervals.",
        )
    )
    return page("Walk-by", summary.video_lines(result), figures)


def equitability_page(result: EquitabilityResult) -> str:
    """The page of a comparison of groups."""
    shown = [group for group in result.groups if group.tpir and group.failure_to_acquire]
    names = [group.group for group in shown]
    figures = [
        (
            plots.rate_bars(names, [g.tpir for g in shown if g.tpir], "TPIR"),
            "TPIR by self-declared group, 95 % exact intervals.",
        ),
        (
            plots.rate_bars(
                names,
                [g.failure_to_acquire for g in shown if g.failure_to_acquire],
                "failure to acquire",
            ),
            "Failure to acquire by self-declared group, 95 % exact intervals.",
        ),
    ]
    return page("Equitability", summary.equitability_lines(result), figures)


def page(title: str, lines: Iterable[str], figures: Iterable[tuple[str, str]]) -> str:
    """A page from terminal lines and (SVG, caption) pairs."""
    drawn = "".join(
        f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for svg, caption in figures
    )
    text = html.escape("\n".join(lines))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1><pre>{text}</pre>{drawn}</html>\n"
    )


def write_report(path: Path, text: str) -> None:
    """Write a page.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from error
