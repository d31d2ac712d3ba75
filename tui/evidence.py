"""The pictures of alerts, for as long as they are looked at.

Owns: which alert's pictures are fetched, and the few that are held, in memory only. Never: a file,
a picture that is not an alert's own evidence, a fetch for an alert that was only passed over with
an arrow key (every look is journalled, R16). Strategy: the newest wish waits a moment, one fetch at
a time, the oldest pictures go first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lfr_engine.client.errors import CallRefused
from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.errors import ErrorCode
from tui.link import EngineLink

HELD = 16
"""Alerts whose pictures are kept: going back to the last few needs no second look."""
PAUSE_SECONDS = 0.12
"""An alert passed over more quickly than this is not fetched."""
FETCH_SECONDS = 20.0
AGAIN_SECONDS = 1.0

_FINAL = frozenset({ErrorCode.NOT_FOUND, ErrorCode.RULE, ErrorCode.FORBIDDEN, ErrorCode.CONFLICT})
"""Refusals that asking again will not change."""


class Evidence:
    """See the module.

    Args:
        link: Where pictures come from; ``None`` before it is open.
        changed: Called when something came.
    """

    def __init__(self, link: Callable[[], EngineLink | None], changed: Callable[[], None]) -> None:
        self._link = link
        self._changed = changed
        self._held: dict[str, s.AlertPictures | str] = {}
        self._wanted = ""
        self._wish = asyncio.Event()

    def of(self, alert: str) -> s.AlertPictures | str | None:
        """The pictures, or why there are none, or ``None`` when they were not fetched yet."""
        return self._held.get(alert)

    def want(self, alert: str) -> None:
        """Fetch these next, instead of what was wanted before."""
        if alert != self._wanted:
            self._wanted = alert
            self._wish.set()

    def forget(self) -> None:
        """Drop everything: the engine keeps another journal, or a fetch is to be tried again."""
        self._held.clear()
        self._wanted = ""

    async def run(self) -> None:
        """Fetch what is wanted until cancelled."""
        while True:
            await self._wish.wait()
            self._wish.clear()
            await asyncio.sleep(PAUSE_SECONDS)
            alert, link = self._wanted, self._link()
            if self._wish.is_set() or not alert or alert in self._held or link is None:
                continue
            try:
                pictures = await link.call(a.AlertsPictures(alert=alert), timeout=FETCH_SECONDS)
                self._keep(alert, pictures)
            except LfrError as error:
                if isinstance(error, CallRefused) and error.code in _FINAL:
                    self._keep(alert, f"no pictures: {error}")
                else:
                    self._wanted = ""  # no link, or a busy engine: asked again at a later drawing
                    await asyncio.sleep(AGAIN_SECONDS)
            self._changed()

    def _keep(self, alert: str, pictures: s.AlertPictures | str) -> None:
        self._held[alert] = pictures
        while len(self._held) > HELD:
            del self._held[next(iter(self._held))]
