"""``lfr calibrate``: fit a pack's threshold to a cohort of people.

Owns: options, the table of thresholds, the file. Never: the arithmetic (``identity.calibration``),
a template or a picture on disk.
"""

from __future__ import annotations

from pathlib import Path

import click

from lfr_engine.cli.output import write_whole
from lfr_engine.clock import SystemClock
from lfr_engine.enrolment.cohort import Cohort, load_cohort
from lfr_engine.enrolment.image import Pack
from lfr_engine.evaluation.progress import progress_bars
from lfr_engine.identity import calibration
from lfr_engine.identity.tail import TooAlike
from lfr_engine.identity.template import centre_of
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore, data_folder

SIZES = (100, 500, 1_000, 5_000, 20_000)
RATES = (0.01, 0.003, 0.001)


@click.command(name="calibrate")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--pack", help="Model pack; the default pack if left out.")
@click.option("--device", default="CPU", show_default=True, help="CPU, GPU, NPU or AUTO.")
@click.option("--precision", help="f32, bf16 or f16; the device's own if left out.")
@click.option("--threads", default=0, show_default=True, help="Processor threads; 0: all.")
@click.option("--description", help="What the cohort is; the folder's name if left out.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the calibration here (JSON).")
@click.option("--centre", is_flag=True, help="Print the centre for the manifest, and no more.")
def command(
    folder: Path,
    pack: str | None,
    device: str,
    precision: str | None,
    threads: int,
    description: str | None,
    out: Path | None,
    centre: bool,
) -> None:
    """Fit how alike strangers look to a model pack, from DIR with one folder a person (R5).

    Prints the threshold for each FPIR and list size with its 95 % interval, and names the pairs of
    people that are most likely one person and were set aside. No picture and no template is kept.

    With --centre, prints what all these faces have in common for the network: a line for the
    embedder's table in a pack's manifest. Calibrate again once it is there.
    """
    opened = open_models(pack, device, precision, threads, centred=not centre)
    with progress_bars() as tell:
        cohort = load_cohort(folder, opened, lambda done, of: tell("encoding", done, of))
    if centre:
        numbers = ", ".join(f"{one:.4f}" for one in centre_of(cohort.templates, cohort.owners))
        click.echo(f"centre = [{numbers}]")
        return
    found, apart = calibration.calibrate(
        cohort.templates,
        cohort.owners,
        cohort.contract,
        description or folder.name,
        SystemClock().utc().date(),
    )
    _tell(cohort, found, apart)
    if out is not None:
        write_whole(out, calibration.encode(found))
        click.echo(f"written to {out}")


def open_models(
    pack: str | None, device: str, precision: str | None, threads: int, *, centred: bool = True
) -> Pack:
    """The pack to calibrate; or, not ``centred``, to measure the centre of."""
    store = ModelStore(data_folder())
    installed = store.open(pack or store.packs.default)
    if not centred:
        installed = installed.without_centre()
    return open_pack(installed, DeviceOptions(device, precision, threads=threads))


def _tell(cohort: Cohort, found: calibration.Calibration, apart: list[TooAlike]) -> None:
    contract = found.contract
    click.echo(
        f"{contract.pack} {contract.precision}: {found.cohort.people:,} people, "
        f"{found.cohort.pictures:,} pictures"
    )
    for reason, count in sorted(cohort.skipped.items(), key=lambda one: one[0].value):
        click.echo(f"  not taken: {count} {reason.value.replace('_', ' ')}")
    for one in apart:
        click.echo(
            f"  set aside, most likely one person: {cohort.people[one.first]} and "
            f"{cohort.people[one.second]} ({one.score:.2f})"
        )
    click.echo("threshold (95 % interval) for FPIR at list size N")
    click.echo("".join([f"{'N':>8}", *(f"{rate:>24.1%}" for rate in RATES)]))
    for size in SIZES:
        cells = [found.threshold_for(rate, size) for rate in RATES]
        told = [f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})" for one in cells]
        click.echo("".join([f"{size:>8,}", *(f"{one:>24}" for one in told)]))
