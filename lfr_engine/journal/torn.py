"""Tells an append that a crash cut short from evidence that somebody or something damaged.

Owns: one pure decision. Never: a file. Strategy: records are written append by append, each made
durable before the next begins. So an unfinished end can hold pieces of one append only; a whole
record of any later append proves that what precedes it was committed once.
"""

from __future__ import annotations

from lfr_engine.journal.lines import LONGEST_LINE, START, JournalDamaged, decode

_LONGEST_APPEND = 1_001 * LONGEST_LINE  # as many records as an append may have, and a checkpoint


def torn_tail(tail: bytes, last: int) -> bool:
    """Whether ``tail``, the bytes behind the last complete append, can be one unfinished append.

    A power loss may keep a file's length and lose some of its pages, so the tail may hold zeros
    before whole records of the same append.

    Args:
        tail: From the end of record ``last`` to the end of the file.
        last: Number of the last record of the last complete append.
    """
    if len(tail) > _LONGEST_APPEND:
        return False
    if last == 0 and not (tail.startswith(START) or START.startswith(tail) or not any(tail)):
        return False  # some other file: not ours to cut
    for line in tail.splitlines(keepends=True):
        try:
            record = decode(line, "tail", last + 1, 0)
        except JournalDamaged:
            continue
        if record.seq - record.batch[0] != last:
            return False
    return True
