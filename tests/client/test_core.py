"""The client without a socket, against the server's end of the same protocol."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lfr_engine.client.core import Answer, Backoff, Core, Link
from lfr_engine.client.errors import CallRefused, LinkLost, NotWhatWasAsked
from lfr_engine.client.feed import Delivery, Feed, Gap, Missed
from lfr_engine.errors import EngineError, ProtocolError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import messages as m
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.codec import to_plain
from lfr_engine.protocol.commands import ALERTS, BOARD
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.machine import Role
from lfr_engine.protocol.proof import Token, check_proof, stored_key
from tests.api.fake_engine import alert, example
from tests.protocol.support import NONCE, WELCOME, drain


class Table:
    """A core and the server's end across the table."""

    def __init__(self, **options: Any) -> None:
        self.links: list[Link] = []
        self.core = Core("t", "unix:/x", on_link=self.links.append, **options)
        self.answers: list[Answer] = []
        self.connect()

    def connect(self) -> None:
        self.server = Connection(Role.SERVER)
        self.core.connecting()

    def open(self) -> Table:
        self.say(m.Challenge(versions=[1], nonce=NONCE))
        self.hear()
        self.say(WELCOME)
        return self

    def say(self, message: m.Message) -> None:
        self.core.receive(self.server.send(message))

    def hear(self) -> list[m.Message]:
        data = self.core.take_output()
        if data:
            self.server.receive_data(data)
        return drain(self.server)

    def ask(self, command: Any) -> int:
        return self.core.call(command, self.answers.append)

    def event(self, feed: Feed[Any], number: int) -> None:
        assert feed.id is not None
        self.say(m.Event(id=feed.id, cursor=number, body=to_plain(alert(number))))


def test_the_hello_proves_the_token_and_asks_for_the_role() -> None:
    token = Token("console", bytes(32))
    table = Table(token=token, role="ao")
    table.say(m.Challenge(versions=[7, 1], nonce=NONCE))
    (hello,) = table.hear()
    assert isinstance(hello, m.Hello)
    assert (hello.role, hello.token, hello.version) == ("ao", "console", 1)
    assert hello.proof is not None
    assert check_proof(stored_key(token), "console", NONCE, 1, hello.proof)


def test_no_version_in_common_is_final() -> None:
    table = Table()
    with pytest.raises(ProtocolError, match="speaks protocol") as caught:
        table.say(m.Challenge(versions=[9], nonce=NONCE))
    table.core.lost(caught.value)
    assert table.core.link is Link.REFUSED
    with pytest.raises(ProtocolError):
        table.ask(a.StateGet())


def test_an_answer_of_another_shape_fails_that_call_only() -> None:
    table = Table().open()
    table.ask(a.StateGet())
    table.ask(a.StateGet())
    table.hear()
    table.say(m.Response(id=1, result={"mode": 3}))
    table.say(m.Response(id=2, result=to_plain(example(s.EngineState))))
    assert isinstance(table.answers[0].error, NotWhatWasAsked)
    assert table.answers[1].error is None


def test_fields_of_a_later_version_are_ignored() -> None:
    table = Table().open()
    table.ask(a.PresenceHeartbeat())
    table.hear()
    table.say(m.Response(id=1, result={"next_before": "x", "new_in_version_9": True}))
    assert table.answers[0].unwrap().next_before == "x"


def test_a_lost_link_fails_calls_once_and_says_the_outcome_is_unknown() -> None:
    table = Table().open()
    table.ask(a.StateGet())
    table.core.lost(LinkLost("x", "cut"))
    assert table.core.link is Link.LOST
    (answer,) = table.answers
    with pytest.raises(LinkLost, match="no answer came"):
        answer.unwrap()
    with pytest.raises(LinkLost, match="nothing was sent"):
        table.ask(a.StateGet())


def test_a_cancelled_call_is_cancelled_at_the_engine_and_its_late_answer_ignored() -> None:
    table = Table().open()
    number = table.ask(a.StateGet())
    table.hear()
    table.core.cancel(number)
    assert table.hear() == [m.Cancel(id=number)]
    table.say(m.Response(id=number, result={}))
    table.core.cancel(number)
    assert (table.answers, table.hear()) == ([], [])


@pytest.mark.parametrize(
    ("code", "link"),
    [
        ("unauthenticated", Link.REFUSED),
        ("forbidden", Link.REFUSED),
        ("version", Link.REFUSED),
        ("busy", Link.LOST),
        ("locked-out", Link.LOST),
        ("leaving", Link.LOST),
        ("a-later-code", Link.LOST),
    ],
)
def test_some_refusals_are_final(code: str, link: Link) -> None:
    table = Table()
    with pytest.raises(CallRefused) as caught:
        table.say(m.Error(code=code, text="no"))
    table.core.lost(caught.value)
    assert table.core.link is link


def test_a_feed_resumes_after_the_last_event_and_drops_what_came_twice() -> None:
    table = Table().open()
    feed = Feed(ALERTS, cursor=10)
    table.core.add_feed(feed)
    (wish,) = table.hear()
    assert wish == m.Subscribe(id=1, topic="alerts", cursor=10, credit=64)
    table.say(m.Subscribed(id=1, cursor=10))
    for number in (11, 12):
        table.event(feed, number)
    table.core.lost(LinkLost("x", "cut"))
    table.connect()
    table.open()
    (wish,) = table.hear()
    assert wish == m.Subscribe(id=1, topic="alerts", cursor=12, credit=62)
    for number in (12, 13):
        table.event(feed, number)
    items = []
    while (item := feed.take()) is not None:
        items.append(item)
    assert [item.cursor for item in items if isinstance(item, Delivery)] == [11, 12, 13]


def test_from_now_on_means_from_the_first_subscription_on() -> None:
    table = Table().open()
    feed = Feed(ALERTS)
    table.core.add_feed(feed)
    table.hear()
    table.say(m.Subscribed(id=1, cursor=40))
    table.core.lost(LinkLost("x", "cut"))
    table.connect()
    table.open()
    (wish,) = table.hear()
    assert isinstance(wish, m.Subscribe)
    assert wish.cursor == 40


def test_credit_is_given_back_in_halves_of_the_window() -> None:
    table = Table().open()
    feed = Feed(ALERTS, cursor=0, window=4)
    table.core.add_feed(feed)
    table.hear()
    for number in (1, 2, 3, 4):
        table.event(feed, number)
    granted = []
    for _ in range(4):
        feed.take()
        table.core.taken(feed)
        granted += [message for message in table.hear() if isinstance(message, m.Credit)]
    assert [credit.n for credit in granted] == [2, 2]
    assert table.server.credit(1) == 4


def test_notices_keep_their_place_and_join() -> None:
    feed = Feed(ALERTS, cursor=0)
    feed.subscribe(1)
    feed.arrived(m.Event(id=1, cursor=1, body=to_plain(alert(1))))
    feed.informed(m.Lagged(id=1, missed=2))
    feed.informed(m.Lagged(id=1, missed=3))
    feed.informed(m.Truncated(id=1, resumed=9))
    assert isinstance(feed.take(), Delivery)
    assert feed.take() == Missed(5)
    assert feed.take() == Gap(9)
    assert feed.take() is None
    assert feed.cursor == 9


def test_an_engine_that_babbles_is_left() -> None:
    feed = Feed(ALERTS, cursor=0, window=2)
    with pytest.raises(NotWhatWasAsked, match="without end"):
        babble(feed)
    assert len(feed) < 20


def babble(feed: Feed[Any]) -> None:
    for number in range(100):
        feed.informed(m.Lagged(id=1, missed=1))
        feed.informed(m.Truncated(id=1, resumed=number))


def test_an_event_of_another_shape_is_told() -> None:
    feed = Feed(BOARD)
    with pytest.raises(NotWhatWasAsked, match="another shape"):
        feed.arrived(m.Event(id=1, body={"at": 1}))


def test_removing_a_feed_cancels_it_and_late_events_mean_nothing() -> None:
    table = Table().open()
    feed = Feed(ALERTS, cursor=0)
    table.core.add_feed(feed)
    table.hear()
    table.core.remove_feed(feed)
    assert table.hear() == [m.Cancel(id=1)]
    table.event(feed, 1)
    table.say(m.Ended(id=1, reason="cancelled"))
    assert (len(feed), feed.ended, feed.error) == (0, True, None)
    table.core.remove_feed(feed)
    assert table.hear() == []


def test_a_feed_the_engine_ends_says_why_and_is_not_reopened() -> None:
    table = Table().open()
    feed = Feed(ALERTS, cursor=0)
    table.core.add_feed(feed)
    table.hear()
    table.say(m.Ended(id=1, reason="the topic ended"))
    assert isinstance(feed.error, LinkLost)
    table.core.lost(LinkLost("x", "cut"))
    table.connect()
    table.open()
    assert table.hear() == []


def test_closing_says_goodbye_and_ends_everything() -> None:
    table = Table().open()
    feed = Feed(ALERTS, cursor=0)
    table.core.add_feed(feed)
    table.ask(a.StateGet())
    table.hear()
    table.core.close()
    assert table.hear() == [m.Goodbye()]
    assert feed.ended
    assert isinstance(table.answers[0].error, LinkLost)
    table.core.lost(LinkLost("x", "cut"))
    assert table.links == [Link.CONNECTING, Link.OPEN, Link.CLOSED]


def test_pings_are_answered_and_sent() -> None:
    table = Table().open()
    table.say(m.Ping(n=3))
    assert table.hear() == [m.Pong(n=3)]
    table.core.ping(4)
    assert table.hear() == [m.Ping(n=4)]
    table.say(m.Pong(n=4))


def test_backoff_doubles_within_its_jitter_up_to_the_cap_and_starts_again() -> None:
    backoff = Backoff(random.Random(1), first=0.2, cap=5.0)
    for step in (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert step / 2 <= backoff.failed() <= step
    backoff.succeeded()
    assert backoff.failed() <= 0.2


def test_the_core_misused_is_our_own_error() -> None:
    table = Table().open()
    with pytest.raises(EngineError):
        table.core._say(m.Hello(version=1, client="again"))
