"""``lfr evaluate``: measure accuracy, with intervals.

Owns: options, and where results go. Never: a figure of its own. Strategy: parse, open the pack,
call ``lfr_engine.evaluation``, write what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from lfr_engine.app.exercise import ExerciseRequest
from lfr_engine.clock import SystemClock
from lfr_engine.errors import InputError, RuleError
from lfr_engine.evaluation import summary
from lfr_engine.evaluation.blue_list import (
    ALERT_COLUMNS,
    WALK_COLUMNS,
    read_alerts,
    read_walks,
    score_walks,
)
from lfr_engine.evaluation.equitability import COLUMNS, compare_groups, read_attempts
from lfr_engine.evaluation.identification import search_all, summarise, write_scores
from lfr_engine.evaluation.people import left_aside, read_people
from lfr_engine.evaluation.pictures import embed_people
from lfr_engine.evaluation.pool import pool
from lfr_engine.evaluation.progress import progress_bars
from lfr_engine.evaluation.report import (
    equitability_page,
    identification_page,
    require_matplotlib,
    video_page,
    write_report,
)
from lfr_engine.evaluation.tables import read_table
from lfr_engine.evaluation.verification import VerificationResult, run_verification
from lfr_engine.evaluation.video import evaluate_video
from lfr_engine.identity.calibration import Calibration, shipped
from lfr_engine.identity.template import TemplateContract
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore, data_folder

FOLDER = click.Path(path_type=Path)
json_option = click.option(
    "--json", "json_file", type=FOLDER, help="Write every figure here as JSON."
)
report_option = click.option(
    "--report", type=FOLDER, help="Write one self-contained HTML page here."
)
pack_option = click.option("--pack", help="Model pack. Default: the default pack.")
seed_option = click.option("--seed", type=int, default=1, show_default=True)


@click.group()
def command() -> None:
    """Measure accuracy, with intervals."""


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--gallery-size",
    type=click.IntRange(min=1),
    help="People enrolled, one picture each. Default: 1,000, or as many as have two pictures.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Galleries drawn.",
)
@pack_option
@seed_option
@json_option
@click.option("--scores", type=FOLDER, help="Write every search's score here (.npz).")
@report_option
def identification(
    folder: Path,
    gallery_size: int | None,
    repeats: int,
    pack: str | None,
    seed: int,
    json_file: Path | None,
    scores: Path | None,
    report: Path | None,
) -> None:
    """Open-set 1:N on DIR, one folder a person.

    People with two pictures or more may be enrolled, one picture each; everybody else is a
    stranger. A run cannot be resumed: templates are never written to disk.
    """
    if report:
        require_matplotlib()
    people = read_people(folder)
    opened = open_installed(pack)
    calibration, missing = _calibration(opened.contract)
    with progress_bars() as tell:
        embedded = embed_people(people, opened, tell)
    searches = search_all(
        embedded, opened.contract, gallery_size=gallery_size, repeats=repeats, seed=seed
    )
    result = summarise(
        embedded,
        searches,
        opened.contract,
        seed=seed,
        calibration=calibration,
        without_calibration=missing,
        left_aside=left_aside(folder),
    )
    _say(summary.identification_lines(result))
    if scores:
        write_scores(scores, searches)
    if json_file:
        write_json(json_file, result)
    if report:
        write_report(report, identification_page(result))


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("pairs", type=FOLDER)
@pack_option
@json_option
def verification(folder: Path, pairs: Path, pack: str | None, json_file: Path | None) -> None:
    """One-to-one verification of PAIRS (the LFW protocol) over the pictures in DIR."""
    opened = open_installed(pack)
    with progress_bars() as tell:
        result = run_verification(folder, pairs, opened, tell)
    _say(summary.verification_lines(result))
    if json_file:
        write_json(json_file, result)


@command.command()
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    metavar="CLIP",
    help="A simulated walk-by; once for each camera.",
)
@click.option("--truth", type=FOLDER, required=True, help="The truth written with the videos.")
@click.option("--watchlist", type=FOLDER, required=True, help="Folder of the enrolled pictures.")
@pack_option
@click.option(
    "--fpir",
    default=0.001,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Stated false-positive rate the calibrated threshold is chosen for.",
)
@click.option(
    "--threshold", type=click.FloatRange(-1, 1), help="A threshold instead of the calibrated one."
)
@json_option
@report_option
def video(
    sources: tuple[str, ...],
    truth: Path,
    watchlist: Path,
    pack: str | None,
    fpir: float,
    threshold: float | None,
    json_file: Path | None,
    report: Path | None,
) -> None:
    """Run the engine on simulated walk-bys and score every pass.

    A video is one piece: a run that was cut begins again, since tracks and templates live in memory
    only. Run a long trial video by video with --json, and sum the files with lfr evaluate pool.
    """
    if report:
        require_matplotlib()
    request = ExerciseRequest(
        sources, watchlist, pack, fpir=fpir, threshold=threshold, strict=False
    )
    with progress_bars() as tell:
        result = evaluate_video(request, truth, ModelStore(data_folder()), SystemClock(), tell)
    _say(summary.video_lines(result))
    if json_file:
        write_json(json_file, result)
    if report:
        write_report(report, video_page(result))


@command.command("pool")
@click.argument("results", nargs=-1, required=True, type=FOLDER, metavar="RESULT.json…")
@json_option
def pool_results(results: tuple[Path, ...], json_file: Path | None) -> None:
    """Sum several results of lfr evaluate video, with the intervals of the sums.

    Runs that differ in pack, threshold or size of list are refused, and a video given twice.
    """
    result = pool(results)
    _say(summary.pooled_lines(result))
    if json_file:
        write_json(json_file, result)


@command.command()
@click.argument("walks", type=FOLDER)
@click.argument("alerts", type=FOLDER)
@click.option(
    "--window",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds after a walk's time in which an alert answers it.",
)
@json_option
def bluelist(walks: Path, alerts: Path, window: float, json_file: Path | None) -> None:
    """TPIR by camera from staged walks of consenting staff.

    WALKS is a CSV tally with the columns pass, entry, camera, time; ALERTS one with entry, camera,
    time. Times are ISO 8601, UTC where they name no zone.
    """
    result = score_walks(
        read_walks(read_table(walks, WALK_COLUMNS)),
        read_alerts(read_table(alerts, ALERT_COLUMNS, or_none=True)),
        window,
    )
    _say(summary.blue_list_lines(result))
    if json_file:
        write_json(json_file, result)


@command.command()
@click.argument("table", type=FOLDER)
@json_option
@report_option
def equitability(table: Path, json_file: Path | None, report: Path | None) -> None:
    """Compare groups that participants declared themselves to be of.

    TABLE is CSV, one pass a line, with the columns person, group, acquired, alerted (yes or no) and
    perhaps score and seconds. Groups of fewer than ten people are not shown; a group with too few
    passes gets no verdict.
    """
    if report:
        require_matplotlib()
    result = compare_groups(read_attempts(read_table(table, COLUMNS)))
    _say(summary.equitability_lines(result))
    if json_file:
        write_json(json_file, result)
    if report:
        write_report(report, equitability_page(result))


@command.command()
@click.option(
    "--tpir", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="The TPIR expected."
)
@click.option(
    "--half-width",
    type=click.FloatRange(0.0005, 0.5, max_open=True),
    default=0.05,
    show_default=True,
    help="How closely it shall be known: 0.05 is ± 5 points.",
)
@click.option(
    "--false-alerts",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.001,
    show_default=True,
    help="The share of passes that shall be shown not to be exceeded.",
)
def plan(tpir: float, half_width: float, false_alerts: float) -> None:
    """How many passes a trial takes."""
    _say(summary.plan_lines(tpir, half_width, false_alerts))


def open_installed(name: str | None) -> OpenPack:
    """Verify and open an installed pack, the default one where ``name`` is None."""
    store = ModelStore(data_folder())
    return open_pack(store.open(name or store.packs.default), DeviceOptions())


def write_json(path: Path, result: msgspec.Struct | VerificationResult) -> None:
    """Write a result as indented JSON.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from error


def _calibration(contract: TemplateContract) -> tuple[Calibration | None, str]:
    """The shipped calibration, or why there is none: an evaluation may run without."""
    try:
        return shipped(contract), ""
    except RuleError as error:
        return None, str(error)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
