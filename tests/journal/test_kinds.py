from __future__ import annotations

import base64
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import EngineError
from lfr_engine.journal.events.alerts import AlertDecided
from lfr_engine.journal.events.fields import Event, kind
from lfr_engine.journal.kinds import KINDS, checked, item, typed

TEMPLATE = np.linspace(-1, 1, 512, dtype=np.float32)


@pytest.mark.parametrize(
    "body",
    [
        {"camera": TEMPLATE.tobytes()},
        {"camera": base64.b64encode(TEMPLATE[:128].tobytes()).decode()},
        {
            "camera": "a",
            "cause": base64.b64encode(TEMPLATE[:128].astype(np.int8).tobytes()).decode(),
        },
        {"camera": "a", "cause": TEMPLATE[:32].tobytes().hex()},
        {"camera": "a", "cause": TEMPLATE.tolist()},
        {"camera": "a", "cause": "lost", "template": TEMPLATE.tolist()},
        {"camera": "a", "cause": "lost", "extra": 1},
        {"camera": "a", "cause": "lost", "deployment": {"x": [1.0]}},
        {"camera": "a"},
        {"camera": "", "cause": "lost"},
        {"camera": "two words", "cause": "lost"},
        {"camera": 3, "cause": "lost"},
    ],
)
def test_what_could_carry_a_face_is_refused_and_not_repeated(body: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"camera\.down: the event does not fit") as caught:
        checked("camera.down", body)
    assert len(str(caught.value)) < 160


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e13, True, "1", b"1", [1.0]])
def test_a_number_is_finite_and_a_number(value: object) -> None:
    with pytest.raises(EngineError, match="outage_s"):
        checked("camera.up", {"camera": "a", "outage_s": value})


def test_a_value_outside_its_list_is_not_repeated() -> None:
    with pytest.raises(EngineError, match="not in its list") as caught:
        checked("clock.refused", {"cause": "secret"})
    assert "secret" not in str(caught.value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(EngineError, match="not in the table"):
        checked("face.seen", {})
    with pytest.raises(EngineError, match="not in the table"):
        typed("face.seen", {})


def test_a_decision_without_a_name_is_not_a_decision() -> None:
    body = {
        "deployment": "d", "alert": "a", "decision": "passed", "reason": "likeness",
        "reason_group": "subject", "actor": "PC 1", "role": "operator",
    }  # fmt: skip
    event = typed("alert.decided", checked("alert.decided", body))
    assert isinstance(event, AlertDecided)
    assert item(event) == ("alert.decided", body)
    for needed in ("actor", "role", "reason"):
        with pytest.raises(EngineError, match=needed):
            checked("alert.decided", {k: v for k, v in body.items() if k != needed})


def _scalar(node: Any) -> bool:
    """Whether a JSON schema node cannot hold bytes, free mappings or lists of numbers."""
    if "anyOf" in node:
        return all(_scalar(option) for option in node["anyOf"])
    if "enum" in node or node.get("type") in ("integer", "number", "boolean", "null"):
        return True
    if node.get("type") == "string":
        return (
            node.get("format") == "date-time"
            or node.get("maxLength", 501) <= 500
            or r"]{32}\Z" in node.get("pattern", "")
            or r"]{64}\Z" in node.get("pattern", "")
            or r"]{128}\Z" in node.get("pattern", "")
        )
    if node.get("type") == "array":
        return bool(node["items"].get("type") == "string") and _scalar(node["items"])
    if node.get("type") == "object":
        return node.get("maxProperties", 101) <= 100 and _scalar(node["additionalProperties"])
    return False


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_field_of_every_kind_is_too_small_for_a_template(name: str) -> None:
    schema = msgspec.json.schema(KINDS[name])
    (definition,) = schema["$defs"].values()
    assert definition["additionalProperties"] is False
    for field, node in definition["properties"].items():
        assert _scalar(node), field
    assert KINDS[name].__doc__


@given(st.binary(min_size=1), st.lists(st.floats(), min_size=1))
def test_bytes_and_float_lists_fit_nowhere(data: bytes, floats: list[float]) -> None:
    for value in (data, floats):
        with pytest.raises(EngineError):
            checked("engine.fault", {"part": "detector", "cause": value})


def test_a_kind_is_named_once() -> None:
    with pytest.raises(ValueError, match="two events"):
        kind("camera.up")(Event)
