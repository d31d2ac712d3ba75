"""The configuration: strict, with units, and errors that name file, key and the right key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lfr_engine.config import Config, load, schema, shown
from lfr_engine.errors import ConfigError

GOOD = """
[[cameras]]
name = "door"
source = "rtsp://me:s3cret@camera.example/1"
stall = "250 ms"
lost = "2 min"
zone = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]

[engine]
detector_size = "960x544"

[matching]
fpir = "0.3 %"
"""


def read(tmp_path: Path, text: str) -> Config:
    (tmp_path / "van.toml").write_text(text)
    return load(tmp_path / "van.toml")


def test_units_are_read_and_defaults_filled(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)
    camera = config.cameras[0]
    assert (camera.stall, camera.lost, camera.debounce) == (0.25, 120.0, 2.0)
    assert tuple(config.engine.detector_size) == (960, 544)
    assert config.matching.fpir == pytest.approx(0.003)
    assert config.mode == "commissioning"


def test_shown_holds_every_key_and_no_secret(tmp_path: Path) -> None:
    text = json.dumps(shown(read(tmp_path, GOOD)))
    assert "s3cret" not in text
    assert '"stall": "0.25 s"' in text
    assert '"fpir": "0.3 %"' in text
    assert '"level": "info"' in text


def test_the_modes(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD + "[exercise]\nwatchlist = 'list'\n").mode == "exercise"
    deployed = "[deployment]\nauthority='a'\nwatchlist_key='w'\ntrusted_keys=['k']\n"
    assert read(tmp_path, GOOD + deployed).mode == "deployment"
    with pytest.raises(ConfigError, match="both exercise and deployment"):
        read(tmp_path, GOOD + deployed + "[exercise]\nwatchlist = 'list'\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "van.toml: Object missing required field `cameras`"),
        ("cameras = []", "van.toml: names no camera"),
        (
            GOOD.replace("stall", "stal"),
            r"cameras\.stal: unknown key – did you mean cameras\.stall",
        ),
        (GOOD + "[engin]\n", r"engin: unknown key – did you mean engine\?"),
        (GOOD + "[zzzzzz]\n", "zzzzzz: unknown key – known: cameras"),
        (GOOD.replace('"250 ms"', "250"), 'cameras.*a duration needs a unit, as in "1.5 s"'),
        (GOOD.replace("0.3 %", "30 s"), "a share is written"),
        (GOOD.replace("960x544", "big"), 'a size is written "640x384"'),
        (GOOD.replace("2 min", "10 ms"), "camera door: lost must be longer than stall"),
        (GOOD.replace("[0.5, 0.9]", "[0.5, 9.0]"), "camera door: zone: a corner lies outside"),
        (GOOD.replace("rtsp:", "gopher:"), "camera door: .*unknown scheme"),
        (GOOD + GOOD.split("[engine]", maxsplit=1)[0], "."),
        ("cameras = [", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert "van.toml" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    camera = GOOD.split("[engine]", maxsplit=1)[0]
    with pytest.raises(ConfigError, match="camera door: stands there twice"):
        read(tmp_path, camera + camera)


def test_the_schema_describes_units() -> None:
    told = json.dumps(schema())
    assert "1.5 s" in told
    assert "CameraConfig" in told


RADIO = """
[relay]
[[relay.bearers]]
kind = "tetra"
name = "radio"
port = "/dev/ttyS9"
[[relay.recipients]]
id = "E1"
addresses = { radio = "1234567" }
[[relay.routes]]
bearers = ["radio"]
recipients = ["E1"]
"""


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("[relay]", "[relay]\nrewiev = 'after'", "relay.rewiev: unknown key – did you mean"),
        ('port = "/dev/ttyS9"', 'prot = "x"', "radio.prot: unknown key – did you mean"),
        ('port = "/dev/ttyS9"', "port = 9", "relay.bearers[0].port: Expected"),
        ('kind = "tetra"', 'kind = "tetro"', "'tetro' is none – known: tetra, tak"),
        ('kind = "tetra"\n', "", "relay.bearers.kind: is missing"),
        ('name = "radio"', 'name = "the radio"', "is no identifier"),
        ('{ radio = "1', '{ fax = "1', "there is no bearer fax – there are: radio"),
        ('recipients = ["E1"]', 'recipients = ["E2"]', "there is no recipient E2"),
        ('recipients = ["E1"]', "", "names nobody"),
        ('["E1"]', '["E1"]\ncategories = ["wanted"]', "no category code wanted – there are: BLUE"),
        ('["E1"]', '["E1"]\nplaces = ["VAN1"]', "no camera watches place VAN1"),
        ("[relay]", "[relay]\ndeadline_s = 5", "relay.deadline_s: is not between 10 and 600"),
        ("[relay]", "[relay.cameras]\ngate = 'G1'", "relay.cameras.gate: there is no such camera"),
        ("[relay]", "[relay.cameras]\ndoor = 'the van'", "relay.cameras.door"),
        ("[relay]", "[relay.categories]\nwnated = 'C1'", "there is no such category"),
    ],
)
def test_a_relay_that_cannot_work_is_refused_with_its_mend(
    was: str, becomes: str, words: str, tmp_path: Path
) -> None:
    assert read(tmp_path, GOOD + RADIO).relay is not None
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, GOOD + RADIO.replace(was, becomes, 1))
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "van.toml"))
