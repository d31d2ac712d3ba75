"""The command line: one group whose commands are imported only when they are asked for.

Owns: the list of commands. Never: work of its own. Strategy: ``lfr --help`` must not import numpy,
so each command lives in a module named in ``COMMANDS`` beside its one-line help.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

# Ctrl-C while modules are still being imported ends the process at once and without a traceback;
# ``main`` gives it back to Python.
signal.signal(signal.SIGINT, signal.SIG_DFL)

# Before numpy is loaded: a matrix product that spreads over every core fights the decoders and the
# networks, and is slower for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click  # noqa: E402

from lfr_engine import __version__  # noqa: E402
from lfr_engine.cli.ending import told  # noqa: E402

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("lfr_engine.cli.demo", "Real faces walk past two cameras, and one is wanted."),
    "exercise": ("lfr_engine.cli.exercise", "Run the full pipeline on recorded video."),
    "models": ("lfr_engine.cli.models", "List, install, verify and remove model packs."),
    "doctor": (
        "lfr_engine.cli.doctor",
        "Say what this machine has and lacks, and how to mend it.",
    ),
    "run": ("lfr_engine.cli.run", "Run cameras: commissioning, exercise or deployment."),
    "tui": ("lfr_engine.cli.tui", "The terminal UI of a running engine."),
    "config": ("lfr_engine.cli.config", "Check, show and describe a configuration file."),
    "authority": ("lfr_engine.cli.authority", "Make, sign, show and verify a signed authority."),
    "watchlist": ("lfr_engine.cli.watchlist", "Build, check, seal and destroy a watchlist."),
    "calibrate": ("lfr_engine.cli.calibrate", "State a threshold as FPIR at a list size."),
    "journal": ("lfr_engine.cli.journal", "Verify, export and show the record."),
    "report": ("lfr_engine.cli.report", "The deployment record, for oversight and the public."),
    "retention": ("lfr_engine.cli.retention", "What is due for deletion, and its deletion."),
    "relay": ("lfr_engine.cli.relay", "Alerts on radios and handsets: test, status, resend."),
    "ctl": ("lfr_engine.cli.ctl", "Drive a running engine from scripts."),
    "bench": ("lfr_engine.cli.bench", "Measure speed against bound and peers."),
    "evaluate": ("lfr_engine.cli.evaluate", "Measure accuracy, with intervals."),
    "simulate": ("lfr_engine.cli.simulate", "Make walk-by video with exact truth."),
}
"""Command name → (module that holds ``command``, the line ``--help`` shows)."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click names it
        """Every command, in the order users meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click names it
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click names it
        """The command table, from the help lines alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lfr")
def root() -> None:
    """Governed live facial recognition: the machine says "possible match", a person decides."""


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``lfr``: runs a command and maps errors to one line and an exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(root.main(args=argv, prog_name="lfr", standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:
        status = told(error)
        if status is None:
            raise
        sys.exit(status)
