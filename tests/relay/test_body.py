"""The JSON of MQTT and webhook: golden bytes, signature, and what programs say back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay import body
from lfr_engine.relay.cue import Caution
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import Answer, Receipt, Reply, read_reply
from tests.relay.samples import make_cue
from tests.relay.test_cot import make_order

ALLOWED = {
    "reference",
    "place",
    "category",
    "captured",
    "reviewed",
    "marking",
    "withdrawn",
    "score",
    "caution",
}


def test_golden_body() -> None:
    order = make_order(make_cue(caution=Caution.ARMED), address="echo1")
    assert body.order_body(order) == (
        b'{"cues":[{"captured":"2026-11-22T14:05:00+00:00","category":"C2","caution":"ARMED",'
        b'"marking":"live","place":"VAN1","reference":"A1B2C3","reviewed":true,"score":0.83,'
        b'"withdrawn":false}],"expires":"2026-11-22T14:06:30+00:00","message":42,'
        b'"text":"LFR! VAN1 C2 #A1B2C3 14:05 8s","to":"echo1","version":1}'
    )


def test_only_the_allowed_fields_leave() -> None:
    assert set(body._cue(make_cue(caution=Caution.CARE))) == ALLOWED
    assert set(body._cue(make_cue(score=None))) == ALLOWED - {"score", "caution"}


def test_the_signature_is_the_published_one() -> None:
    # openssl dgst -sha256 -hmac secret, over "1700000000.{}"
    assert body.signature(b"secret", "1700000000", b"{}") == (
        "sha256=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    )


def test_the_key_of_a_message_is_stable_and_its_own() -> None:
    first = make_order(make_cue())
    assert body.message_key(first) == body.message_key(make_order(make_cue(), text="later"))
    assert body.message_key(first) != body.message_key(make_order(make_cue(), make_cue()))


def test_what_a_program_says_back() -> None:
    back = b'{"message":7,"status":"received","reply":"engaged","reference":"A1B2C3","more":1}'
    assert body.read_back("mqtt", "echo1", back) == [
        Receipt("mqtt", "echo1", 7, Happening.RECEIPT),
        Answer("mqtt", "echo1", Reply.ENGAGED, "A1B2C3"),
    ]
    assert body.read_back("hook", "e", b'{"status":"read"}', 9) == [
        Receipt("hook", "e", 9, Happening.SEEN)
    ]
    for nothing in (
        b"",
        b"[]",
        b"{}",
        b'{"reply":"arrest"}',
        b'{"status":"received"}',
        b"x" * 9000,
    ):
        assert body.read_back("mqtt", "e", nothing) == []


@given(st.binary(max_size=200))
def test_any_reply_is_survived(data: bytes) -> None:
    assert isinstance(body.read_back("mqtt", "e", data), list)


def test_words_of_officers() -> None:
    assert read_reply("#A1B2C3 engaged") == (Reply.ENGAGED, "A1B2C3")
    assert read_reply("Roger.") == (Reply.SEEN, "")
    assert read_reply("lost him near the bridge") == (Reply.LOST, "")
    assert read_reply("what do you mean") is None
