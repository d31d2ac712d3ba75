"""Picture links: they open one alert until one moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay.link import check_token, make_link, make_token

KEY = b"k" * 32


def test_a_link_opens_its_alert_until_it_expires() -> None:
    link = make_link("https://van:8443/pictures/", KEY, "A1B2C3", "ECHO1", 1000.0)
    base, reference, token = link.rsplit("/", 2)
    assert (base, reference) == ("https://van:8443/pictures", "A1B2C3")
    assert check_token(KEY, "A1B2C3", token, 999.9)
    assert not check_token(KEY, "A1B2C3", token, 1000.0)
    assert not check_token(KEY, "A1B2C4", token, 0.0)
    assert not check_token(b"other", "A1B2C3", token, 0.0)


def test_two_recipients_have_two_links() -> None:
    assert make_token(KEY, "A1B2C3", "ECHO1", 9.0) != make_token(KEY, "A1B2C3", "ECHO2", 9.0)


@given(st.text(max_size=60))
def test_nothing_else_opens_it(token: str) -> None:
    assert not check_token(KEY, "A1B2C3", token, 0.0)
