"""``lfr run`` as its user meets it: a real program, paced real video, a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import httpx
import numpy as np
import pytest

from lfr_engine.client.blocking import Client, open_client
from lfr_engine.client.errors import CallRefused
from lfr_engine.client.feed import Delivery
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import BOARD
from tests.app.api_rig import clip

CLIP = Path(__file__).parents[3] / "shared" / "data" / "clips" / "hamilton.mp4"
PROGRAM = (
    "from lfr_engine.cli import COMMANDS, main\n"
    "COMMANDS.setdefault('run', ('lfr_engine.cli.run', ''))\n"
    "main()"
)
LFR = [sys.executable, "-c", PROGRAM, "run"]
R = TypeVar("R")

pytestmark = pytest.mark.slow


def need_pack() -> None:
    if not ModelStore(data_folder()).installed("opencv-zoo"):
        pytest.skip("the opencv-zoo pack is not installed: lfr models install opencv-zoo")


@dataclass
class Program:
    """A running engine."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def address(self) -> UnixAddress:
        return UnixAddress(self.folder / "api.sock")

    def configure(self, text: str) -> None:
        (self.folder / "c.toml").write_text(text)

    def log(self) -> str:
        return (self.folder / "err").read_text()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit status, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(10)
        return status, time.monotonic() - began


def settings(folder: Path, *cameras: tuple[str, Path], more: str = "") -> str:
    tables = "".join(
        f'[[cameras]]\nname = "{name}"\nsource = "{source}"\nrepeat = true\n'
        for name, source in cameras
    )
    return f'{tables}[api]\nsocket = "{folder / "api.sock"}"\n{more}'


@contextmanager
def engine(folder: Path, text: str) -> Iterator[Program]:
    need_pack()
    (folder / "c.toml").write_text(text)
    with (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [*LFR, str(folder / "c.toml")], stderr=err, stdout=subprocess.PIPE, text=True
        )
        program = Program(folder, process)
        try:
            wait(lambda: "running" in program.log() or process.poll() is not None, 60)
            assert process.poll() is None, program.log()
            yield program
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def wait(true: Callable[[], object], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.05)


def camera(client: Client, name: str) -> s.CameraState | None:
    listed = client.call(a.CamerasList()).cameras
    return next((one for one in listed if one.camera == name), None)


def is_(client: Client, name: str, state: str) -> Callable[[], bool]:
    def check() -> bool:
        found = camera(client, name)
        return found is not None and found.state == state

    return check


def test_an_engineer_aims_cameras_over_the_socket(tmp_path: Path) -> None:
    video = clip(tmp_path)
    more = '[metrics]\nlisten = "127.0.0.1:0"\n'
    with engine(tmp_path, settings(tmp_path, ("door", video), more=more)) as program:
        with open_client(program.address, role="engineer") as client:
            state = client.call(a.StateGet())
            assert state.mode == "commissioning"
            assert len(state.hashes["configuration"]) == 64
            wait(is_(client, "door", "live"))
            client.call(a.CamerasAdd(camera="gate", address=str(video)))
            wait(is_(client, "gate", "live"))
            client.call(a.CamerasDisable(camera="gate"))
            wait(is_(client, "gate", "disabled"))
            client.call(a.CamerasRemove(camera="gate"))
            assert camera(client, "gate") is None
            with pytest.raises(CallRefused, match="R3"):
                client.call(a.JournalVerify())
            with client.subscribe(BOARD) as boards:
                ages: list[s.Latency] = []
                while len(ages) < 3:
                    item = boards.receive(5)
                    assert item is not None
                    if isinstance(item, Delivery):
                        ages.append(item.body.latency["detect"])
                        assert item.body.queues[0].link == "tracker → embedder"
                        assert item.body.memory_bytes
            wait(lambda: client.call(a.BoardGet()).cameras[0].fps_in > 5)
        port = program.log().split("port=")[1].split()[0]
        page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'lfr_events_total{name="detected door"}' in page
        assert "lfr_cameras_live 1" in page
        assert "embed" not in page.replace("tracker_embedder", "")
        status, took = program.end()
        assert status == 0, program.log()
        assert took < 2.5  # a second, and the interpreter of a loaded machine
        assert "peak of link" in program.log()


@pytest.mark.shared
def test_every_face_of_a_preview_of_real_people_is_in_mosaic(tmp_path: Path) -> None:
    if not CLIP.is_file():
        pytest.skip("needs ../shared beside the project")
    with (
        engine(tmp_path, settings(tmp_path, ("door", CLIP))) as program,
        open_client(program.address, role="engineer") as client,
    ):
        shown = client.call(a.PreviewFrame(camera="door"))
        while not shown.boxes:
            shown = client.call(a.PreviewFrame(camera="door"))
        picture = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert picture.shape == (360, 640)
        for left, top, width, height in shown.boxes:
            x, y = round(left * 640), round(top * 360)
            face = picture[y : y + round(height * 360), x : x + round(width * 640)].astype(float)
            # a mosaic is flat within its cells but for what JPEG adds
            assert float(np.median(np.abs(np.diff(face, axis=1)))) <= 4


def test_hangup_applies_what_can_change_and_says_what_cannot(tmp_path: Path) -> None:
    video = clip(tmp_path)
    with (
        engine(tmp_path, settings(tmp_path, ("door", video))) as program,
        open_client(program.address, role="engineer") as client,
    ):
        zone = "zone = [[0, 0], [1, 0], [1, 1]]\n[api]"
        text = settings(tmp_path, ("gate", video), ("door", video)).replace("[api]", zone)
        program.configure(text + '[log]\nlevel = "debug"\n[engine]\nrequests = 1\n')
        program.process.send_signal(signal.SIGHUP)
        wait(lambda: "configuration reloaded" in program.log())
        assert "engine.requests" in program.log()
        wait(is_(client, "gate", "live"))
        assert len(client.call(a.ZoneGet(camera="door")).corners) == 3
        assert client.call(a.LogsLevel()).level == "debug"
        program.configure("cameras = 7")
        program.process.send_signal(signal.SIGHUP)
        wait(lambda: "configuration not reloaded" in program.log())
        assert is_(client, "gate", "live")()
        program.configure(settings(tmp_path, ("door", video)))
        program.process.send_signal(signal.SIGHUP)
        wait(lambda: camera(client, "gate") is None)
        assert program.end(signal.SIGINT)[0] == 0


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = tmp_path / "notify"
        listener.bind(os.fspath(path))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", os.fspath(path))
        monkeypatch.setenv("WATCHDOG_USEC", "900000")
        with engine(tmp_path, settings(tmp_path, ("door", clip(tmp_path)))) as program:
            words = set[str]()
            while not {"READY=1", "WATCHDOG=1"} <= words:  # fed while it still opens, too
                words.add(listener.recv(1000).decode())
            assert program.end()[0] == 0
            while True:
                if listener.recv(1000).decode() == "STOPPING=1":
                    break


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras = 7", "cameras"),
        ('[[cameras]]\nname = "a"\nsource = "x.mp4"\npase = "live"\n', "pace"),
        ('[[cameras]]\nname = "a"\nsource = "rtsp://x/1"\n[exercise]\nwatchlist = "x"\n', "R27"),
        ('[[cameras]]\nname = "a"\nsource = "x.mp4"\n[engine]\npack = "none"\n', "none"),
        (
            '[[cameras]]\nname = "a"\nsource = "x.mp4"\n[api]\ntcp = "127.0.0.1:0"\nsocket = "S"\n',
            "certificate",
        ),
    ],
)
def test_a_bad_configuration_is_one_line_and_status_2(
    text: str, words: str, tmp_path: Path
) -> None:
    need_pack()
    path = tmp_path / "c.toml"
    path.write_text(text.replace('"S"', f'"{tmp_path / "s" / "api.sock"}"'))
    done = subprocess.run(
        [*LFR, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("lfr: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in done.stderr
