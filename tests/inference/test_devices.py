"""Devices and the precision that is pinned."""

from __future__ import annotations

import pytest

from lfr_engine.errors import ConfigError, DeviceError
from lfr_engine.inference import devices
from lfr_engine.inference.devices import choose_precision, device_kind, require_device


@pytest.mark.parametrize(
    ("device", "sets", "chosen"),
    [
        ("CPU", ("amx_bf16", "avx512f"), "bf16"),
        ("CPU", ("avx512_bf16", "avx512f"), "bf16"),
        ("CPU", ("avx512_vnni", "avx512f"), "f32"),
        ("CPU", (), "f32"),
        ("AUTO", ("amx_bf16",), "bf16"),
        ("GPU.0", ("amx_bf16",), "f16"),
        ("NPU", (), "f16"),
    ],
)
def test_the_preferred_precision_follows_the_device(
    device: str, sets: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "instruction_sets", lambda: sets)
    assert choose_precision(device, None) == chosen


def test_the_operators_choice_wins_but_only_among_what_the_pack_allows() -> None:
    assert choose_precision("CPU", "f32", ("bf16", "f32")) == "f32"
    with pytest.raises(ConfigError, match="f16: not a precision of this pack – use bf16, f32"):
        choose_precision("CPU", "f16", ("bf16", "f32"))
    with pytest.raises(ConfigError, match="fp32"):
        choose_precision("CPU", "fp32")


def test_a_pack_without_a_suitable_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "instruction_sets", lambda: ())
    with pytest.raises(DeviceError, match="suits this device"):
        choose_precision("CPU", None, ("bf16",))


def test_devices_are_named_as_openvino_spells_them() -> None:
    assert require_device("cpu") == "CPU"
    assert require_device("auto") == "AUTO"
    assert [device_kind(name) for name in ("CPU", "GPU.1", "AUTO:CPU", "npu")] == [
        "CPU",
        "GPU",
        "AUTO",
        "NPU",
    ]
