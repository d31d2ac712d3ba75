"""The alerts screen under keys: two pictures, an opinion, a decision, and never a score before."""

from __future__ import annotations

import re

import msgspec
import pytest
from textual.events import Key

from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tests.tui.support import LARGE, SMALL, StillCockpit, cockpit, run, squeezed, words
from tui import messages as m
from tui.screens.alerts import AlertsScreen
from tui.theme import PALETTES
from tui.widgets.picture import Picture


def at_desk(app: StillCockpit) -> s.Alert:
    screen = app.screen
    assert isinstance(screen, AlertsScreen)
    alert = screen.alert()
    assert alert is not None
    return alert


def test_two_keys_adjudicate() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            alert = at_desk(app)
            await pilot.press("s", "a")
            await pilot.pause()
            assert app.sent[0] == a.AlertsDisplayed(alert=alert.alert)
            assert app.sent_of(a.AlertsOpinion) == [
                a.AlertsOpinion(alert=alert.alert, opinion="same")
            ]
            assert app.sent_of(a.AlertsDecide) == [
                a.AlertsDecide(alert=alert.alert, decision="passed", reasons=["likeness"])
            ]
            assert at_desk(app).alert != alert.alert  # the next waiting one lies there now

    run(scenario)


def test_no_opinion_before_the_pictures_are_there() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            app.still.known.clear()
            await pilot.press("2")
            await pilot.press("s", "a", "d", "b")
            await pilot.pause()
            assert app.sent == []
            assert "fetching" in words(app)
            assert app.still.wanted[-1] == at_desk(app).alert

    run(scenario)


def test_pictures_that_cannot_be_had_say_why() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            for name in app.still.known:
                app.still.known[name] = "no pictures: deleted by retention"
            await pilot.press("2", "s", "a")
            await pilot.pause()
            assert "no pictures: deleted by" in squeezed(app)
            assert app.sent == []

    run(scenario)


@pytest.mark.parametrize("palette", list(PALETTES))
@pytest.mark.parametrize("size", [SMALL, LARGE, (81, 25), (133, 40)])
def test_both_pictures_have_the_same_size(palette: str, size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with cockpit(size, palette) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            probe = app.screen.query_one("#probe", Picture)
            reference = app.screen.query_one("#reference", Picture)
            assert probe.drawn
            assert reference.drawn
            assert probe.place()[2:] == reference.place()[2:]
            assert min(probe.place()[2:]) >= 26

    run(scenario)


def test_the_score_appears_only_after_the_opinion() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            scored = msgspec.structs.replace(
                app.state.alerts["A7"], score=0.61234, margin=0.14, threshold=0.487
            )
            app.hear(m.AlertCame(app.clock.now_ns, scored))
            await pilot.press("2")
            await pilot.pause()
            assert at_desk(app).alert == "A7"
            assert "0.612" not in words(app)
            assert "score hidden" in squeezed(app)
            await pilot.press("n")
            await pilot.pause()
            assert "0.612" in words(app)

    run(scenario)


def test_no_list_ever_shows_a_score_and_every_alert_is_only_possible() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            for one in samples.alerts():
                app.hear(
                    m.AlertCame(1, msgspec.structs.replace(one, score=0.98765, state="generated"))
                )
            await pilot.press("2", "f")
            await pilot.pause()
            assert "0.98" not in words(app)
            assert "POSSIBLE MATCH" in words(app)
            assert not re.search(
                r"(?<!POSSIBLE )(?<!possible )\bMATCH\b", words(app), re.IGNORECASE
            )

    run(scenario)


def test_a_new_alert_never_slides_under_a_key() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            before = at_desk(app).alert
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(99, 1.0)))
            app.draw()
            await pilot.pause()
            assert at_desk(app).alert == before
            await pilot.press("up")
            assert at_desk(app).alert == "A99"

    run(scenario)


def test_a_decision_by_somebody_else_appears_with_the_name_and_moves_nothing() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2", "s")
            await pilot.pause()
            alert = at_desk(app)
            step = s.Transition(
                alert=alert.alert,
                came_from="displayed",
                went_to="discounted",
                at=samples.at(1),
                actor="bertram",
                role="operator",
                reasons=["close_kin"],
            )
            app.hear(m.DecisionCame(app.clock.now_ns, step))
            await pilot.press("a")  # too late: the question is gone
            app.draw()
            await pilot.pause()
            assert at_desk(app).alert == alert.alert
            assert "discounted by bertram" in squeezed(app)
            assert app.sent_of(a.AlertsDecide) == []

    run(scenario)


def test_late_is_a_word() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            late = msgspec.structs.replace(samples.alert(50, -1.0), late=True)
            app.hear(m.AlertCame(app.clock.now_ns, late))
            await pilot.press("2")
            app.draw()
            await pilot.pause()
            assert words(app).count("LATE") >= 2  # in the list and over the pictures

    run(scenario)


def test_filter_search_and_zoom() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            assert "WAITING" in words(app)
            assert "3/8" in words(app)
            await pilot.press("f")
            await pilot.pause()
            assert "8/8" in words(app)
            await pilot.press("f")
            await pilot.pause()
            assert "DECIDED" in words(app)
            await pilot.press("f", "f", "slash", *"vulnerable", "enter")
            await pilot.pause()
            assert "2/8" in words(app)
            await pilot.press("escape", "z")
            await pilot.pause()
            await pilot.pause()
            assert app.screen.query_one("#probe", Picture).size.width >= 99
            await pilot.press("escape")
            await pilot.pause()
            assert app.screen.query_one("#probe", Picture).size.width < 80

    run(scenario)


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_typed_ahead_into_a_question_is_no_key_of_the_screen(wait: bool) -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            # "sadm" would be opinions, were it not a search; "6" is a screen again
            for key in ("slash", *"sadm", "left", "backspace", "end", "enter", "6"):
                name = {"slash": "/", "enter": "\r"}.get(key, key if len(key) == 1 else None)
                app.post_message(Key(key, name))
                if wait:
                    await pilot.pause()
            await pilot.pause()
            await pilot.pause()
            assert app.current_mode == "log"
            await pilot.press("2")
            app.draw()
            await pilot.pause()
            assert "/sam " in words(app)
            assert app.sent_of(a.AlertsOpinion) == []

    run(scenario)


def test_outcomes_are_two_keys_and_an_arrest_is_its_own() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2", "f", "end")
            app.draw()
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, AlertsScreen)
            for _ in range(8):
                if at_desk(app).state != "engaged":
                    await pilot.press("up")
            alert = at_desk(app).alert
            await pilot.press("o", "b")
            await pilot.pause()
            assert app.sent_of(a.AlertsOutcome) == [
                a.AlertsOutcome(alert=alert, outcome="confirmed_true", arrest=True)
            ]

    run(scenario)


def test_ages_tick_without_any_news() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            assert "6.0s old" in words(app)
            app.clock.advance(2)
            app._tick()
            await pilot.pause()
            assert "8.0s old" in words(app)

    run(scenario)


def test_bell_and_flash_on_an_alert_can_be_switched_off() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            rung: list[bool] = []
            app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(60, 1.0)))
            assert app.flashing
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(61, 1.0)))
            assert rung == [True]  # two alerts at once ring once
            app.clock.advance(3)
            lit = [app.flashing]
            await pilot.press("ctrl+b")
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(62, 1.0)))
            assert rung == [True]
            assert [*lit, app.flashing] == [False, False]

    run(scenario)
