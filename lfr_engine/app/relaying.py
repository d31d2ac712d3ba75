"""The relay of a run: alerts to officers, and what became of them back to the journal.

Owns: the way from journalled events to the relay's outbox, from its changes to the journal's lines,
and from officers' answers to steps of an alert. Never: an alert sent before it was journalled; a
text in the journal; a wait of the alert path for a bearer. Strategy: events are folded into a book
of cues the moment they are durable; one task posts what the book says is new, and all of it again
whenever the relay starts, because a repeated request changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

import structlog
import trio

from lfr_engine.actors.journaler import MOST_OF_ONE_POST
from lfr_engine.actors.relay import Relay, run_relay
from lfr_engine.actors.relay_router import Ask
from lfr_engine.alerts.adjudication import Person
from lfr_engine.alerts.cues import CueBook, Finish, News
from lfr_engine.app.relay_links import Links
from lfr_engine.app.relay_pictures import Pictures, serve_pictures
from lfr_engine.app.relay_words import journalled, times_to_bearer
from lfr_engine.clock import Clock
from lfr_engine.errors import EngineError, LfrError
from lfr_engine.journal.events.access import RelayAnswered, RelayRefused
from lfr_engine.journal.events.fields import Event
from lfr_engine.relay.asked import OfficerReply, Request
from lfr_engine.relay.delivery import Change, Key
from lfr_engine.relay.outbox import OutboxStore
from lfr_engine.relay.port import Moments, Reply
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.relay.table import RelayTable
from lfr_engine.runtime.supervise import ActorState, supervise
from lfr_engine.runtime.telemetry import Telemetry

log = structlog.get_logger("lfr_engine.relay")

REPLIES = 64
"""Officers' answers waiting to become steps of alerts."""

Said = Literal["engaged", "lost", "no_action"]
Record = Callable[[Sequence[Event]], Awaitable[None]]
Say = Callable[[Person, str, Said, str], Awaitable[None]]
"""An officer says what they did about an alert, with a note; raises where it may not be said."""

_SAID: dict[Reply, Said] = {
    Reply.ENGAGED: "engaged",
    Reply.LOST: "lost",
    Reply.NO_ACTION: "no_action",
}


class Relaying:
    """The relay of one run.

    Args:
        settings: Checked settings.
        store: The outbox; used by the relay alone while it runs.
        record: Journals events; returns once they are durable.
        say: What an officer answered, as a step of the alert.
        pictures: An alert's picture for an officer; None where there is none to show.
        deployment: Its id, for the journal; None where there is no journal.
        stopped: Why nothing may be sent yet.
    """

    def __init__(
        self,
        settings: RelaySettings,
        store: OutboxStore,
        clock: Clock,
        telemetry: Telemetry,
        record: Record,
        say: Say,
        pictures: Pictures | None,
        *,
        deployment: str | None = None,
        stopped: str = "",
    ) -> None:
        self.settings = settings
        self.links = Links(settings, clock, deployment)
        self.moments = Moments(clock)
        self.stopped = stopped
        self._clock = clock
        self._telemetry = telemetry
        self._store = store
        self._record = record
        self._say = say
        self._pictures = pictures
        self._deployment = deployment
        self._book = CueBook(settings)
        self._news = trio.Event()
        self._relay: Relay | None = None
        self._queued: dict[Key, float] = {}
        self._replies, self._to_say = trio.open_memory_channel[OfficerReply](REPLIES)

    @property
    def table(self) -> RelayTable | None:
        """What the relay holds, to look at; None before it runs."""
        return None if self._relay is None else self._relay.router.table

    def take(self, events: Sequence[Event]) -> None:
        """Hear of events that are durable."""
        for event in events:
            self._book.take(event)
        if self._relay is None:
            return  # told when it starts
        for one in self._book.news():
            if not self._relay.requests.offer(_asked(one)):
                self._book.again(one)
                self._news.set()

    def restore(self, past: Sequence[Event]) -> None:
        """What the journal holds of before; posted when the relay starts."""
        for event in past:
            self._book.take(event)

    def stop(self, reason: str) -> None:
        """Send nothing from this very moment (R17)."""
        self.stopped = reason
        if self._relay is not None:
            self._relay.stop(reason)
        self._news.set()

    def go_on(self) -> None:
        """Send again what is new from now on; what was stopped stays unsent."""
        self.stopped = ""
        if self._relay is not None:
            self._relay.go_on()

    async def ask(self, act: Callable[[RelayTable, float], object]) -> None:
        """Do something with the relay's table; durable on return.

        Raises:
            LfrError: What ``act`` raised, or that the relay does not run.
        """
        if self._relay is None:
            raise EngineError("relay", "does not run")
        question = Ask(act)
        await self._relay.requests.post(question)
        if question.error is not None:
            raise question.error

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Relay until cancelled. Started once the outbox is loaded; bearers may still be down.

        Raises:
            EngineError: The outbox failed again and again.
        """
        up = trio.Event()
        crashed: list[str] = []

        def on_state(state: ActorState, reason: str) -> None:
            if reason:
                log.warning("relay", state=state.value, cause=reason)
            if state is ActorState.CRASHED:
                crashed.append(reason)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.links.keep_journal, self._record)
            nursery.start_soon(self._hear_officers)
            if self._pictures is not None and self.settings.pictures is not None:
                await nursery.start(
                    serve_pictures,
                    self.settings,
                    self._pictures,
                    self._book.shows,
                    self.moments,
                )

            async def supervised() -> None:
                await supervise(partial(self._once, up), policy={}, on_state=on_state)
                raise EngineError("relay", f"failed for good: {'; '.join(crashed)}")

            nursery.start_soon(supervised)
            await up.wait()
            task_status.started()

    async def drain(self) -> None:
        """Wait until the journal holds all that became of messages so far."""
        if self._relay is None:
            return
        await self.ask(lambda _, __: None)
        await self._relay.router.journalled.wait()

    async def _once(self, up: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            self._relay = None  # whoever asks meanwhile is told so, and does not wait for the dead
            self._relay = await nursery.start(
                partial(
                    run_relay,
                    self.settings,
                    self._store,
                    self.moments,
                    record=self._became,
                    decide=self._replies.send,
                    refuse=self._refused,
                    on_bearer=self.links.hear,
                    stopped=self.stopped,
                )
            )
            up.set()
            await self._post(self._book.standing(self._clock.utc()))
            while True:
                await self._news.wait()
                self._news = trio.Event()
                await self._post(self._book.news())
                if self.stopped:
                    await self.ask(lambda _, __: None)  # so that the outbox hears of it now

    async def _post(self, news: Sequence[News]) -> None:
        """Hand everything over at once: what waits together is durable together."""
        assert self._relay is not None
        requests = self._relay.requests
        async with trio.open_nursery() as nursery:
            for one in news:
                nursery.start_soon(requests.post, _asked(one))

    # what comes back -----------------------------------------------------------------------------

    async def _became(self, changes: Sequence[Change]) -> None:
        for bearer, seconds in times_to_bearer(changes, self._queued):
            self._telemetry.observe(f"relay {bearer}", seconds)
        self.links.count(changes)
        lines = [line for change in changes for line in journalled(change, self._deployment)]
        for start in range(0, len(lines), MOST_OF_ONE_POST):
            await self._record(lines[start : start + MOST_OF_ONE_POST])

    async def _refused(self, request: Request, reason: str) -> None:
        log.warning("alert not relayed", alert=request.alert, cause=reason)
        await self._record(
            [RelayRefused(alert=request.alert, cause=reason, deployment=self._deployment)]
        )

    async def _hear_officers(self) -> None:
        async for reply in self._to_say:
            cause = await self._apply(reply)
            log.info("answered", alert=reply.alert, bearer=reply.bearer, answer=reply.reply.value)
            await self._record(
                [
                    RelayAnswered(
                        actor=reply.recipient,
                        role="officer",
                        alert=reply.alert,
                        bearer=reply.bearer,
                        answer=reply.reply.value,
                        deployment=self._deployment,
                        certain=reply.certain,
                        cause=cause,
                    )
                ]
            )

    async def _apply(self, reply: OfficerReply) -> str | None:
        """An answer as a step of its alert; why it is none."""
        said = _SAID.get(reply.reply)
        if said is None:
            return None  # "seen" is no step
        note = f"answered by {reply.bearer}"
        if not reply.certain:
            note += ", without naming the alert: taken to be about the last one that arrived"
        try:
            await self._say(Person(reply.recipient, "officer"), reply.alert, said, note)
        except LfrError as error:
            return " ".join(f"{error.subject}: {error.cause}".split())[:500]
        return None


def _asked(news: News) -> Request | Ask:
    if isinstance(news, Finish):
        alert, reason = news.alert, news.reason
        return Ask(lambda table, now: table.finish(alert, reason, now))
    return news
