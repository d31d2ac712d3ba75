from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lfr_engine.cli.ctl import command
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.errors import InputError, LfrError
from lfr_engine.protocol.commands import COMMANDS, TOPICS
from lfr_engine.protocol.proof import Token
from tests.client.support import server_thread


def ctl(folder: Path, *args: str, **options: Any) -> Result:
    connect = ["--connect", f"unix:{folder}/api.sock"]
    return CliRunner().invoke(command, [*connect, *args], **options)


def refused(result: Result) -> LfrError:
    assert isinstance(result.exception, LfrError), result.output
    return result.exception


def test_every_command_and_topic_has_help_with_its_arguments() -> None:
    for spec in COMMANDS.values():
        text = CliRunner().invoke(command, [spec.name, "--help"]).output
        assert spec.help.split()[0] in text
        for field in spec.arguments.__struct_fields__:
            assert f"--{field.replace('_', '-')}" in text
    for topic in TOPICS.values():
        assert CliRunner().invoke(command, ["watch", topic.name, "--help"]).exit_code == 0


def test_results_are_pages_for_people_and_json_for_programs(tmp_path: Path) -> None:
    with server_thread(tmp_path):
        page = ctl(tmp_path, "board.get")
        assert page.exit_code == 0, page.output
        assert "engine:\n  mode: exercise\n" in page.output
        line = ctl(tmp_path, "board.get", "--json")
        assert json.loads(line.output)["engine"]["mode"] == "exercise"


def test_arguments_of_every_kind_arrive(tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(b"\xff\xd8")
    with server_thread(tmp_path) as server:
        zone = ["--corners", "0,0", "--corners", "1,0.5", "--smallest-face-pixels", "40"]
        assert ctl(tmp_path, "zone.edit", "--camera", "north", *zone).exit_code == 0
        check = ["--role", "ao", "watchlist.check", "--picture", str(tmp_path / "face.jpg")]
        assert ctl(tmp_path, *check).exit_code == 0
        start = ["--role", "ao", "deployments.start", "--signage-confirmed"]
        assert ctl(tmp_path, *start).exit_code == 0
        calls = [arguments for _, arguments, _ in server.engine.calls]
        assert calls[0].corners == [(0.0, 0.0), (1.0, 0.5)]  # type: ignore[attr-defined]
        assert calls[1].picture == b"\xff\xd8"  # type: ignore[attr-defined]
        assert calls[2].signage_confirmed is True  # type: ignore[attr-defined]


def test_a_picture_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    with server_thread(tmp_path):
        output = tmp_path / "north.jpg"
        done = ctl(tmp_path, "preview.frame", "--camera", "north", "--output", str(output))
        assert done.exit_code == 0
        assert output.read_bytes() == b"\xff\xd8\xff"
        assert "<3 bytes>" in ctl(tmp_path, "preview.frame", "--camera", "north").output
        error = refused(ctl(tmp_path, "state.get", "--output", str(output)))
        assert "gave no picture" in str(error)


def test_watching_prints_one_line_an_event(tmp_path: Path) -> None:
    with server_thread(tmp_path) as server:
        server.alerts(5)
        args = ["--role", "operator", "watch", "alerts", "--cursor", "2", "--count", "3"]
        done = ctl(tmp_path, *args)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["cursor"] for line in lines] == [3, 4, 5]
        assert lines[0]["body"]["alert"] == "A3"


def test_refusals_are_errors_with_the_status_of_their_fault(tmp_path: Path) -> None:
    with server_thread(tmp_path):
        error = refused(ctl(tmp_path, "cameras.disable", "--camera", "absent"))
        assert isinstance(error, CallRefused)
        assert error.exit_status == 2
        assert "no such camera" in str(error)
        wrong = refused(ctl(tmp_path, "cameras.disable", "--camera", "a/b"))
        assert isinstance(wrong, InputError)
        assert str(wrong).startswith("--camera:")
    gone = refused(ctl(tmp_path, "state.get"))
    assert isinstance(gone, LinkLost)
    assert gone.exit_status == 1


def test_tokens_are_made_listed_and_withdrawn(tmp_path: Path) -> None:
    file = ["--file", str(tmp_path / "tokens.json")]
    made = CliRunner().invoke(command, ["token", "add", *file, "--role", "ao", "desk"])
    assert Token.parse(made.output).name == "desk"
    second = ["token", "add", *file, "--role", "ao", "--person", "desk", "desk-2"]
    assert Token.parse(CliRunner().invoke(command, second).output).name == "desk-2"
    listed = CliRunner().invoke(command, ["token", "list", *file]).output
    assert listed == "desk\ndesk-2 (of desk)\n"
    assert CliRunner().invoke(command, ["token", "withdraw", *file, "desk-2"]).exit_code == 0
    assert CliRunner().invoke(command, ["token", "withdraw", *file, "desk"]).exit_code == 0
    assert CliRunner().invoke(command, ["token", "list", *file]).output == ""


def test_a_bad_token_is_refused_without_being_repeated(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("lfr1.desk.oops")
    error = refused(ctl(tmp_path, "--token-file", str(tmp_path / "secret"), "state.get"))
    assert "oops" not in str(error)


@pytest.mark.slow
def test_asking_for_help_loads_no_engine() -> None:
    program = (
        "import sys, lfr_engine.cli.ctl\n"
        "heavy = {'trio', 'numpy', 'av', 'openvino', 'cv2', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
