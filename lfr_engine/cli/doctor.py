"""``lfr doctor``: what this machine has and lacks, in plain words, with the mend.

Owns: the judgement of each fact (``ok``, ``note``, ``mend``) and its wording. Never: a change to
the machine, a network connection. Strategy: one function per subject returns findings; a library
that cannot be loaded is a finding, not a crash. Exit status 1 when something must be mended.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lfr_engine import __version__
from lfr_engine.cli.machine import (
    ClockFacts,
    CoreFacts,
    FolderFacts,
    clock_facts,
    core_dumps_allowed,
    core_facts,
    folder_facts,
)
from lfr_engine.errors import LfrError
from lfr_engine.inference.store import ModelStore, data_folder, install_command

State = Literal["ok", "note", "mend"]
MARKS: dict[State, str] = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "mend": "[red]mend[/]"}
LIBRARIES = ("openvino", "av", "opencv-python-headless", "numpy", "onnx", "trio", "msgspec")
OPTIONAL_LIBRARIES = ("textual",)
DISK_NEEDED = 1_000_000_000
"""Bytes: both packs with their compiled blobs take 70 MB; the rest is journal and recordings."""
CLOCK_ERROR_MS = 100.0
"""A tenth of the second within which an alert must reach the operator (R13)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact and what to think of it. mend: what to do, empty for ``ok``."""

    subject: str
    name: str
    value: str
    state: State = "ok"
    mend: str = ""


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(as_json: bool) -> None:
    """Say what this machine has and lacks, and how to mend it.

    Exit status 0 when the engine can run, 1 when something must be mended first.
    """
    findings = examine()
    sick = [finding for finding in findings if finding.state == "mend"]
    if as_json:
        click.echo(
            json.dumps(
                {"usable": not sick, "findings": [asdict(finding) for finding in findings]},
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        _show(findings, sick)
    if sick:
        raise click.exceptions.Exit(1)


def examine() -> list[Finding]:
    """Every finding, in the order a person reads them."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "versions": version_findings,
        "inference": inference_findings,
        "kernels": kernel_findings,
        "decoders": decoder_findings,
        "models": model_findings,
        "machine": machine_findings,
    }
    findings: list[Finding] = []
    for subject, check in checks.items():
        try:
            findings += check()
        except (ImportError, LfrError) as exc:
            mend = "reinstall lfr-engine and its dependencies"
            if isinstance(exc, LfrError):
                mend = exc.mend or "mend what it names"
            findings.append(Finding(subject, subject, f"cannot be examined: {exc}", "mend", mend))
    return findings


def version_findings() -> list[Finding]:
    """Versions of everything a fault report needs."""
    found = [
        Finding("versions", "lfr-engine", __version__),
        Finding("versions", "python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    for name in (*LIBRARIES, *OPTIONAL_LIBRARIES):
        try:
            found.append(Finding("versions", name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            optional = name in OPTIONAL_LIBRARIES
            found.append(
                Finding(
                    "versions",
                    name,
                    "absent",
                    "note" if optional else "mend",
                    f"run: pip install {name}" + (" (for the terminal UI)" if optional else ""),
                )
            )
    return found


def inference_findings() -> list[Finding]:
    """Devices as OpenVINO sees them, instruction sets, and the precision that will be pinned."""
    from lfr_engine.inference import devices  # noqa: PLC0415 - loads OpenVINO, which may be broken

    names = devices.available_devices()
    if not names:
        return [
            Finding(
                "inference",
                "devices",
                "none",
                "mend",
                "reinstall openvino; it needs an x86-64 or Arm processor",
            )
        ]
    found = [
        Finding(
            "inference",
            name,
            f"{devices.device_name(name)}; computes in {_kinds_of_number(name)}",
        )
        for name in names
    ]
    sets = devices.instruction_sets()
    found.append(instruction_finding(sets))
    store = ModelStore(data_folder())
    allowed = store.packs.pack(store.packs.default).precision
    for name in names:
        kind = devices.device_kind(name)
        precisions = next((p for device, p in allowed.items() if device == kind), ())
        if precisions:
            chosen = devices.choose_precision(name, None, precisions)
            found.append(precision_finding(name, chosen, sets))
    return found


def _kinds_of_number(device: str) -> str:
    """The number formats a device has; its other capabilities decide nothing here."""
    from lfr_engine.inference import devices  # noqa: PLC0415 - as above

    told = devices.core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    return ", ".join(kind for kind in ("FP32", "FP16", "BF16", "INT8", "INT4") if kind in told)


def instruction_finding(sets: Sequence[str]) -> Finding:
    """What the processor's instruction sets mean for speed."""
    if not sets:
        return Finding("inference", "instruction sets", "unknown on this system", "note")
    if "amx_bf16" in sets:
        return Finding("inference", "instruction sets", ", ".join(sets))
    return Finding(
        "inference",
        "instruction sets",
        ", ".join(sets),
        "note",
        "no AMX: the networks would be faster on a processor with it",
    )


def precision_finding(device: str, precision: str, sets: Sequence[str]) -> Finding:
    """The precision pinned when none is asked for, and why."""
    from lfr_engine.inference.devices import NATIVE_BF16  # noqa: PLC0415 - as above

    if not device.startswith("CPU"):
        why = "the device's own"
    elif precision == "bf16" and "amx_bf16" in sets:
        why = "this processor has AMX: about three times as fast, nothing lost in accuracy"
    elif precision == "bf16":
        why = "this processor multiplies bf16: half as fast again, nothing lost in accuracy"
    elif not set(NATIVE_BF16).isdisjoint(sets):
        why = "the pack does not allow bf16"
    else:
        why = "this processor does not multiply bf16 itself"
    return Finding("inference", f"precision on {device}", f"{precision} ({why})")


def kernel_findings() -> list[Finding]:
    """Whether the hottest arithmetic was compiled for this machine; the engine does without."""
    from lfr_engine.kernels.compiled import Absent, kernels  # noqa: PLC0415 - loads numpy

    found = kernels()
    if isinstance(found, Absent):
        slower = f"{found.reason}: recordings are read about a twentieth slower"
        return [Finding("inference", "kernels", slower, "note", found.mend)]
    return [Finding("inference", "kernels", "compiled at install")]


def decoder_findings() -> list[Finding]:
    """Video decoders that really open here."""
    from lfr_engine.sources import decoders  # noqa: PLC0415 - loads FFmpeg, which may be broken

    found = [Finding("decoders", "PyAV", decoders.ffmpeg_version())]
    for entry in decoders.available_decoders():
        ways = (["software"] if entry.software else []) + list(entry.hardware)
        without = ", ".join(f"{kind}: {reason}" for kind, reason in entry.refused)
        value = ", ".join(ways) or "none"
        if not entry.hardware:
            value += f"; no hardware decoder opened ({without})" if without else "; no hardware"
        found.append(
            Finding(
                "decoders",
                entry.codec,
                value,
                "ok" if ways else "mend",
                "" if ways else "reinstall av from the package registry: its wheels carry it",
            )
        )
    return found


def model_findings() -> list[Finding]:
    """Each pack: every file verified."""
    store = ModelStore(data_folder())
    found = []
    for name in store.packs.packs:
        default = name == store.packs.default
        if not store.installed(name):
            state: State = "mend" if default else "ok"
            mend = install_command(name) if default else ""
            word = "not installed" if default else "not installed (optional)"
            found.append(Finding("models", name, word, state, mend))
            continue
        problems = list(store.problems(name))
        if problems:
            found += [
                Finding("models", name, f"{p.subject}: {p.cause}", "mend", p.mend) for p in problems
            ]
        else:
            found.append(Finding("models", name, "installed, every file verified"))
    return found


def machine_findings() -> list[Finding]:
    """Processors, clock, data folder, core dumps and terminal."""
    return [
        core_finding(core_facts()),
        clock_finding(clock_facts()),
        *folder_findings(folder_facts(data_folder())),
        dump_finding(core_dumps_allowed()),
        terminal_finding(sys.stdout.encoding, Console().color_system),
    ]


def core_finding(facts: CoreFacts) -> Finding:
    """Processors, and whether a container's quota hides behind them."""
    if facts.quota is None or facts.quota >= facts.usable:
        return Finding("machine", "processors", f"{facts.usable} usable")
    return Finding(
        "machine",
        "processors",
        f"{facts.usable} visible, but the container's quota is {facts.quota:g}",
        "note",
        f"give the engine {max(1, int(facts.quota))} thread(s), or it will be throttled in bursts",
    )


def clock_finding(facts: ClockFacts | None) -> Finding:
    """Whether the times in alerts and in the journal can be trusted (R13, R16)."""
    if facts is None:
        return Finding(
            "machine",
            "clock",
            "unknown: this system does not tell whether it is synchronised",
            "note",
            "make sure a time service runs: alerts and the journal carry this clock's time",
        )
    if not facts.synchronised:
        return Finding(
            "machine",
            "clock",
            "the kernel says it is not synchronised",
            "note",
            "start a time service (chrony, systemd-timesyncd) here, or on the host of a container",
        )
    if facts.error_ms > CLOCK_ERROR_MS:
        return Finding(
            "machine",
            "clock",
            f"synchronised, but it may be wrong by up to {facts.error_ms:,.0f} ms",
            "note",
            "ages of alerts on handsets may be that much out; look at the time service's sources",
        )
    return Finding("machine", "clock", f"synchronised, wrong by at most {facts.error_ms:,.1f} ms")


def folder_findings(facts: FolderFacts) -> list[Finding]:
    """Whether models and the journal can be written."""
    if not facts.writable:
        return [
            Finding(
                "machine",
                "data folder",
                f"{facts.path} cannot be written: {facts.cause}",
                "mend",
                "mend its rights, or point LFR_DATA at another folder",
            )
        ]
    free = f"{facts.free_bytes / 1e9:,.1f} GB free"
    if facts.free_bytes < DISK_NEEDED:
        need = f"free space: {DISK_NEEDED / 1e9:g} GB are needed for models and the journal"
        return [Finding("machine", "data folder", f"{facts.path}, {free}", "mend", need)]
    return [Finding("machine", "data folder", f"{facts.path}, writable, {free}")]


def dump_finding(allowed: bool | None) -> Finding:
    """Whether a crash could persist faces (R1)."""
    if allowed is False:
        return Finding("machine", "core dumps", "off: a crash writes no faces to disk")
    return Finding(
        "machine",
        "core dumps",
        "possible: a crash could write faces in memory to disk" if allowed else "unknown",
        "note",
        "run the engine under `ulimit -c 0` (systemd: LimitCORE=0) and pipe no dumps to a program",
    )


def terminal_finding(encoding: str | None, colours: str | None) -> Finding:
    """Whether tables, accents and colours will show."""
    shown = f"{encoding or 'no encoding'}, {colours or 'no'} colours"
    if (encoding or "").lower().replace("-", "") != "utf8":
        return Finding("machine", "terminal", shown, "note", "set LANG to a UTF-8 locale (C.UTF-8)")
    return Finding("machine", "terminal", shown)


def _show(findings: list[Finding], sick: list[Finding]) -> None:
    console = Console()
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    subject = ""
    for finding in findings:
        if finding.subject != subject:
            subject = finding.subject
            table.add_row("", f"[bold]{subject}[/]", "")
        table.add_row(MARKS[finding.state], escape(finding.name), escape(finding.value))
        if finding.mend:
            table.add_row("", "", f"→ {escape(finding.mend)}", style="italic")
    console.print(table)
    notes = sum(finding.state == "note" for finding in findings)
    if sick:
        console.print(f"\n{len(sick)} thing(s) to mend before the engine can run.", style="red")
    else:
        console.print(f"\nUsable; {notes} thing(s) worth knowing.")
