"""Where this machine's journal and its key lie.

Owns: the two names. Never: creates anything.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def journal_path() -> Path:
    """``journal.jsonl`` in ``$LFR_DATA``, or in the platform's folder for this user's data."""
    chosen = os.environ.get("LFR_DATA")
    folder = Path(chosen) if chosen else Path(platformdirs.user_data_dir("lfr-engine"))
    return folder / "journal.jsonl"


def key_path(journal: Path) -> Path:
    """The private key that signs a journal's checkpoints."""
    return journal.with_suffix(".key")
