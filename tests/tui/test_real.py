"""The real program against the real engine: ``lfr run`` with real networks on recorded video."""

from __future__ import annotations

import contextlib
import getpass
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.cli import main
from tests.tui.bystanders import frames, know
from tests.tui.capture import JPEG, relay
from tests.tui.real import CLIP, PEOPLE, SHARED, Place, deployment_in, exercise_in
from tests.tui.served import wait_for
from tests.tui.terminal import PROGRAM, cockpit_in
from tests.tui.test_terminal import Tmux, needs_tmux

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.shared, needs_tmux]

PICTURES = 12
"""What is looked at: an alert's own, and previews."""
NONCE_BYTES = 32
NOTICED_SECONDS = 2.0
"""From the death of an engine to the words on the screen."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return deployment_in(tmp_path_factory.mktemp("d"))


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = exercise_in(tmp_path_factory.mktemp("x"))
    with place.running():
        yield place


@contextlib.contextmanager
def cockpit(place: Place, folder: Path, size: tuple[int, int]) -> Iterator[Tmux]:
    """The real program in tmux."""
    tmux = Tmux(folder, size, [*PROGRAM, "--connect", str(place.socket), "--no-bell"])
    try:
        yield tmux
    finally:
        tmux.run("kill-server")


def reference(text: str) -> str:
    found = re.search(r"POSSIBLE MATCH +([0-9A-F]{4,8})", text)
    assert found is not None, text
    return found[1]


def test_a_deployments_alert_is_passed_and_the_journal_shows_who_decided(
    deployment: Place, tmp_path: Path
) -> None:
    with deployment.running() as engine, cockpit(deployment, tmp_path, (100, 30)) as tmux:
        tmux.until("DEPLOYMENT")
        tmux.until("● RUNNING")
        tmux.press("2")
        tmux.until("Is it the same person?")
        alert = reference(tmux.text())
        assert "▀▀▀▀" in tmux.text()
        assert "score hidden until your opinion" in tmux.text()
        assert not deployment.journal("alert.decided")
        tmux.press("s")
        tmux.until("threshold")  # the engine shows the score after the opinion, not before
        tmux.press("a")
        tmux.until(f"{alert} passed: likeness")
        tmux.press("5")
        tmux.until("chain intact")
        tmux.press("f", *"alert.decided", "Enter")
        tmux.until("only alert.decided")
        tmux.until(f"alert={alert}")
        assert "alert.decided" in tmux.text()

        # what the file itself says, and that the chain proves it
        shown, opinion, decided = deployment.journal(
            "alert.displayed", "alert.opinion", "alert.decided"
        )
        assert [one.body["alert"] for one in (shown, opinion, decided)] == [alert] * 3
        who = {one.body["actor"] for one in (shown, opinion, decided)}
        assert who == {getpass.getuser()}
        assert decided.body["role"] == "operator"
        assert (decided.body["decision"], decided.body["reason"]) == ("passed", "likeness")

        # the engine dies, and comes back: no key is pressed
        tmux.press("2", "f")
        tmux.until("► passed")
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        tmux.until("NO LINK", NOTICED_SECONDS)
        with deployment.running():
            tmux.until("● RUNNING", 10)
            tmux.until("● linked")
            assert f"{alert}" in tmux.text()
            assert "► passed" in tmux.text()
            tmux.press("!")
            tmux.until("Enter: STOP NOW")
            tmux.press("Enter")
            tmux.until("■ STOPPED")
    with pytest.raises(SystemExit) as proved:
        main(["journal", "verify", str(deployment.folder / "data" / "journal.jsonl")])
    assert not proved.value.code
    assert [one.body["actor"] for one in deployment.journal("deployment.stopped")] == [
        getpass.getuser()
    ]


def test_an_exercise_on_recorded_video_is_watched_and_adjudicated(
    exercise: Place, tmp_path: Path
) -> None:
    with cockpit(exercise, tmp_path, (80, 24)) as tmux:
        tmux.until("EXERCISE")
        tmux.press("2")
        tmux.until("Is it the same person?", 90)
        alert = reference(tmux.text())
        tmux.press("s")
        tmux.until("PASS, because")
        tmux.press("a")
        tmux.until(f"{alert} passed: likeness")
        tmux.press("3")
        tmux.until("preview")
        assert "▀▀▀▀" in tmux.text()
        tmux.press("6")
        tmux.until("state=passed")
        tmux.press("5")
        tmux.until("needs a deployment")  # an exercise keeps no journal, and says so


def test_the_preview_of_a_real_camera_is_blurred_and_its_zone_can_be_edited(
    exercise: Place,
) -> None:
    with cockpit_in(exercise.socket, "--no-bell") as line:
        line.until("RUNNING")
        line.press("3")
        line.until("ZONE whole picture")
        line.press("z")
        line.until("corner 1 of 4")
        line.press("\x1b[C\x1b[B\r")
        line.until("zone of door saved")
        line.until("ZONE 4 corners")


def test_no_face_of_a_bystander_reaches_the_program(exercise: Place, tmp_path: Path) -> None:
    """Every byte the engine sends is kept, every picture in it decoded and looked at (R11)."""
    clip = frames(CLIP, 20)
    known = know(clip, [SHARED / "portraits" / one for one in PEOPLE.values()])
    assert len(known.others) >= 10
    # the check sees what it should: unblurred, bystanders are recognised
    assert sum(known.recognised(one) for one in frames(CLIP, 50)) >= 5

    at = tmp_path / "relay"
    with relay(at, exercise.socket) as capture, cockpit_in(at, "--no-bell") as line:
        line.until("RUNNING")
        line.press("2f")  # all alerts: another test may have decided this one
        line.until("POSSIBLE MATCH", 90)
        wait_for(lambda: capture.jpegs_on_the_wire() >= 2, 90)
        line.press("3")
        line.until("preview")
        wait_for(lambda: capture.jpegs_on_the_wire() >= PICTURES, 90)
    blobs = capture.blobs()
    # pictures are all the bytes there are, but for the greeting's random number of each connection:
    # no template, and no picture hidden elsewhere
    jpegs = [blob for blob in blobs if blob.startswith(JPEG)]
    rest = [len(blob) for blob in blobs if blob and not blob.startswith(JPEG)]
    assert rest == [NONCE_BYTES] * len(capture.recordings)
    assert capture.jpegs_on_the_wire() == sum(blob.count(JPEG) for blob in blobs)
    pictures = [cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR) for blob in jpegs]
    assert [known.recognised(np.asarray(one, np.uint8)) for one in pictures] == [0] * len(pictures)
    # and the alert's own face is there, or nothing was looked at
    assert any(len(known.faces(np.asarray(one, np.uint8))) for one in pictures)
