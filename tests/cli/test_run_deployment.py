"""A whole deployment of the real program: signed authority, sealed list, recorded faces, a socket.

Nothing is imported of the engine under test: people connect as themselves and the journal on disk
is counted again by hand.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import beta

from lfr_engine.client.blocking import Client
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.feed import Delivery
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import ALERTS
from tests.cli.deployment_place import (
    CLIP,
    LFR,
    Place,
    Program,
    need_shared,
    offered_too_much,
    running,
    wait,
)

pytestmark = [pytest.mark.long, pytest.mark.shared]

FOUR = {f"camera-{number}": CLIP for number in range(1, 5)}
PRESENCE_S = 6
MAY_BE_FOUND = {
    "the end was not recorded: it still runs, or the engine was killed",
    "there are more alerts than passes: passes were not all counted",  # the last minute's
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    need_shared()
    return Place(tmp_path_factory.mktemp("place") / "p").build()


@contextmanager
def attentive(place: Place, name: str) -> Iterator[None]:
    """An operator whose screen says once a second that they are there."""
    gone = threading.Event()

    def beat() -> None:
        with place.as_(name) as client, contextlib.suppress(LinkLost):  # the program may end first
            while not gone.wait(1.0):
                client.call(a.PresenceHeartbeat())

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join()


def undecided(client: Client) -> s.Alert:
    """The one alert that waits for people."""
    found: list[s.Alert] = []

    def look() -> bool:
        found[:] = client.call(a.AlertsList(states=["generated", "displayed"])).alerts
        return bool(found)

    wait(look, 60)
    (alert,) = found
    return alert


def pass_by_two(place: Place, name: str) -> None:
    """Two operators look and judge, neither knowing what the other thinks; the second passes it."""
    with (
        place.as_("olga") as olga,
        place.as_("otto") as otto,
        otto.subscribe(ALERTS, cursor=0) as heard,
    ):
        for judge in (olga, otto):
            assert judge.call(a.AlertsDisplayed(alert=name)).state == "displayed"
            pictures = judge.call(a.AlertsPictures(alert=name))
            assert pictures.probe[:2] == pictures.reference[:2] == b"\xff\xd8"
        judged = olga.call(a.AlertsOpinion(alert=name, opinion="same"))
        assert judged.score is not None
        decide = a.AlertsDecide(
            alert=name, decision="passed", reasons=["likeness", "distinctive_feature"]
        )
        with pytest.raises(CallRefused, match="R10"):
            olga.call(decide)
        item = heard.receive(5)
        while not (isinstance(item, Delivery) and item.body.alert == name):
            assert item is not None
            item = heard.receive(5)
        listed = next(one for one in otto.call(a.AlertsList()).alerts if one.alert == name)
        for seen in (item.body, listed, otto.call(a.AlertsGet(alert=name))):
            assert seen.score is seen.margin is seen.threshold is None
        assert otto.call(a.AlertsOpinion(alert=name, opinion="same")).score is not None
        decided = otto.call(decide)
    assert decided.state == "passed"
    assert decided.history[-1].reasons == ["likeness", "distinctive_feature"]


def frames(client: Client) -> float:
    """Frames that were detected so far, on all cameras."""
    values = client.call(a.MetricsGet()).values
    return sum(value for name, value in values.items() if "detected" in name)


def stop_under_load(place: Place) -> None:
    """An officer presses the red button while four cameras are offered more than can be done."""
    with place.as_("eve") as eve, place.as_("finn") as finn:
        board = eve.call(a.BoardGet())
        assert sum(camera.state == "live" for camera in board.cameras) == 4
        with offered_too_much(eve):
            began = time.monotonic()
            state = finn.call(a.DeploymentsStop(reason="a child is lost"))
            took = time.monotonic() - began
        assert state.safe_stop
        assert took < 1.0
        before = frames(eve)
        time.sleep(1.0)
        assert frames(eve) == before
    (stopped,) = place.bodies("deployment.stopped")
    assert stopped["actor"] == "finn"
    assert 0 <= stopped["capture_ended_ms"] < 1000


def phase(client: Client) -> str:
    deployment = client.call(a.StateGet()).deployment
    assert deployment is not None
    return deployment.phase


def exact(events: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's interval, by the quantiles of the beta distribution."""
    low = beta.ppf(0.025, events, trials - events + 1) if events else 0.0
    high = beta.ppf(0.975, events + 1, trials - events) if events < trials else 1.0
    return float(low), float(high)


def counted(place: Place) -> dict[str, tuple[int, int]]:
    """The measures, counted from the journal's bare lines."""
    outcomes: dict[str, set[str]] = {}
    for body in place.bodies("alert.outcome"):
        outcomes.setdefault(body["alert"], set()).add(body["outcome"])
    decisions = Counter(body["decision"] for body in place.bodies("alert.decided"))
    raised = len(place.bodies("alert.generated"))
    true = sum("confirmed_true" in steps for steps in outcomes.values())
    wrong = sum("confirmed_false" in steps for steps in outcomes.values())
    engaged = sum("engaged" in steps for steps in outcomes.values())
    passes = sum(body["passes"] for body in place.bodies("traffic.summary"))
    return {
        "false alerts per pass": (decisions["discounted"] + wrong, passes),
        "precision per alert": (true, raised),
        "precision per engagement": (true, engaged),
    }


def honest(place: Place) -> dict[str, Any]:
    """The report, after its figures and intervals were found to be the journal's."""
    report = place.report()
    measures = {one["name"]: one for one in report["measures"]}
    for name, (events, trials) in counted(place).items():
        shown = measures[name]
        assert (shown["numerator"], shown["denominator"]) == (events, trials), name
        if trials:
            assert (shown["low"], shown["high"]) == pytest.approx(exact(events, trials), abs=1e-9)
    return report


def test_a_whole_deployment(built: Place, tmp_path: Path) -> None:
    place = built.copied(tmp_path / "p")
    # long enough for what is below, and no longer: its end is waited for
    end = place.authorise(list(FOUR), dt.timedelta(seconds=60 + 3 * place.build_s))
    words = f'two_person = true\npresence = "{PRESENCE_S} s"'
    path = place.configure(FOUR, deployment=words)

    with running(place, path) as program:
        with attentive(place, "olga"), place.as_("olga") as olga, place.as_("finn") as finn:
            first = undecided(olga)
            assert first.entry == "M-1"
            with pytest.raises(CallRefused):  # an officer knows of nothing that nobody decided
                finn.call(a.AlertsGet(alert=first.alert))
            pass_by_two(place, first.alert)
            assert finn.call(a.AlertsGet(alert=first.alert)).state == "passed"
            lost = a.AlertsOutcome(alert=first.alert, outcome="lost", reasons=["not_found"])
            finn.call(lost)
            second = undecided(olga)  # whoever was lost is alerted again
            assert second.alert != first.alert
            pass_by_two(place, second.alert)
            finn.call(a.AlertsOutcome(alert=second.alert, outcome="engaged"))
            true = a.AlertsOutcome(
                alert=second.alert, outcome="confirmed_true", reasons=["document_checked"],
                arrest=True,
            )  # fmt: skip
            finn.call(true)
            finn.call(a.OutcomesEnter(outcome="safeguarding", count=2))
            stop_under_load(place)
        assert program.end() == 0, program.log()

    with running(place, path) as program:
        with attentive(place, "olga"), place.as_("olga") as olga:
            assert phase(olga) == "stopped"
            time.sleep(1.0)
            assert frames(olga) == 0
            olga.call(a.DeploymentsResume(reason="the child is found"))
            wait(lambda: frames(olga) > 0)
        with place.as_("eve") as eve:  # nobody's screen says any more that they are there
            began = time.monotonic()
            wait(lambda: phase(eve) == "paused", PRESENCE_S + 5)
            assert time.monotonic() - began > PRESENCE_S - 3
        with attentive(place, "otto"), place.as_("otto") as otto:
            otto.call(a.DeploymentsResume(reason="back at my desk"))
            before = frames(otto)
            wait(lambda: frames(otto) > before)
            left = (end - dt.datetime.now(dt.UTC)).total_seconds()
            assert left > 0, "the machine was too slow for this authority"
            # the end of the authority ends the program
            wait(lambda: program.process.poll() is not None, left + 20)
        assert program.process.wait(20) == 0, program.log()
    late = (dt.datetime.now(dt.UTC) - end).total_seconds()
    assert -1 < late < 20, "an authority's end is kept to the second"

    (ended,) = place.bodies("deployment.ended")
    assert ended["reason"] == "authority_end"
    assert [body["reason"] for body in place.bodies("deployment.paused")] == ["presence"]
    assert place.bodies("deployment.started")[1]["resumed"]
    erased = {body["what"] for body in place.bodies("deletion.certificate")}
    assert "watchlist" in erased
    assert not (place.data / "watchlists" / "WL-1" / "key").exists()
    report = honest(place)
    assert report["findings"] == []
    assert report["alerts"]["lost"] == report["alerts"]["engaged"] == 1
    assert report["alerts"]["by_reason"] == {"distinctive_feature": 2, "likeness": 2}
    assert report["outcomes"] == {"safeguarding": 2, "arrest": 1}
    assert len(report["stops"]) == 1
    assert all(row["denominator"] > 0 for row in report["measures"][:3])
    assert "authority_end" in place.lfr("journal", "show", "--last", "200")
    place.lfr("journal", "verify", place.journal)


def kill(program: Program) -> None:
    program.process.send_signal(signal.SIGKILL)
    program.process.wait()


def test_no_alert_is_lost_or_doubled_when_the_program_is_killed(
    built: Place, tmp_path: Path
) -> None:
    place = built.copied(tmp_path / "p")
    cameras = {"door": CLIP, "gate": CLIP}
    place.authorise(list(cameras), dt.timedelta(minutes=20))
    path = place.configure(cameras)
    known: list[str] = []
    for turn in range(3):
        with running(place, path) as program, place.as_("olga") as olga:
            wait(lambda: bool(olga.call(a.AlertsList()).alerts), 60)
            listed = {one.alert: one for one in olga.call(a.AlertsList()).alerts}
            on_disk = [body["alert"] for body in place.bodies("alert.generated")]
            # each that was ever told stands there once, and none that nobody was told of
            assert sorted(listed) == sorted(on_disk) == sorted(set(on_disk))
            assert set(known) <= set(listed)
            gone = {body["alert"]: body["reason"] for body in place.bodies("alert.expired")}
            for name, alert in listed.items():
                open_still = alert.state in {"generated", "displayed"}
                assert open_still or gone[name] in {"newer_pass", "timeout"}
            if turn == 1:
                newest = undecided(olga)
                olga.call(a.AlertsDisplayed(alert=newest.alert))
                kept = {body["alert"] for body in place.bodies("alert.retained")}
                if newest.alert in kept:  # else it was killed before the picture was written
                    olga.call(a.AlertsPictures(alert=newest.alert))
            known = sorted(listed)
            kill(program)
    with running(place, path) as program, place.as_("olga") as olga:
        newest = undecided(olga)
        if newest.state == "generated":
            olga.call(a.AlertsDisplayed(alert=newest.alert))
        reasons = ["different_features", "angle"]
        olga.call(a.AlertsDecide(alert=newest.alert, decision="discounted", reasons=reasons))
        assert program.end() == 0
    report = honest(place)
    assert (report["alerts"]["discounted"], report["alerts"]["open"]) == (1, 0)
    assert report["alerts"]["expired"] == report["alerts"]["raised"] - 1
    assert set(report["findings"]) <= MAY_BE_FOUND


FAKETIME = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1"


@pytest.mark.parametrize(
    ("turned", "cause", "then"),
    [
        ("-1d", "rewound", "it begins at .*R3"),
        ("+1d", "jumped", "it expired at .*R3"),
    ],
)
def test_the_machines_clock_is_turned_by_a_day(
    built: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    turned: str,
    cause: str,
    then: str,
) -> None:
    """The program's own clock, turned under it by the system's library; not a seam of ours."""
    if not FAKETIME.is_file():
        pytest.skip("libfaketime is not installed")
    place = built.copied(tmp_path / "p")
    place.authorise(["door"], dt.timedelta(hours=1))
    path = place.configure({"door": CLIP})
    hand = tmp_path / "hand"
    hand.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(hand))
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    with running(place, path) as program:
        wait(lambda: bool(place.records("deployment.started")), 60)
        hand.write_text(turned)
        program.process.wait(60)
    assert [body["cause"] for body in place.bodies("clock.refused")] == [cause]
    (ended,) = place.bodies("deployment.ended")
    assert ended["reason"] == "refused"
    assert "R3" in ended["note"]
    again = subprocess.run(
        [*LFR, "run", str(path)],
        env={**os.environ, "LFR_DATA": str(place.data)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert again.returncode == 2
    assert re.search(then, again.stderr), again.stderr
    assert len(place.bodies("authority.refused", "clock.refused")) == 2
    assert len(place.records("deployment.started")) == 1
    monkeypatch.delenv("LD_PRELOAD")
    assert "holds" in place.lfr("journal", "verify", place.journal)
