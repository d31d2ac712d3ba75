"""Inference devices: which exist, what they can do, and the precision a network is pinned to.

Owns: the one OpenVINO ``Core`` of the process and every question put to it about devices. Never: a
silent substitute for a device or a precision that was asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openvino as ov

from lfr_engine.errors import ConfigError, DeviceError

AUTO = "AUTO"
PRECISIONS = {"f32": ov.Type.f32, "f16": ov.Type.f16, "bf16": ov.Type.bf16}
"""Our names of the precisions a device computes in (``TemplateContract.precision``)."""

NATIVE_BF16 = ("amx_bf16", "avx512_bf16")
"""Instruction sets with which a processor multiplies bf16 itself, fastest first."""

_CPU_FLAGS = Path("/proc/cpuinfo")
_TELLING_FLAGS = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2", "sse4_2")


@functools.lru_cache(maxsize=1)
def core() -> Any:
    """The process's OpenVINO core; loading it takes some 20 ms."""
    return ov.Core()


def available_devices() -> list[str]:
    """Device names that exist here, such as ``CPU``, ``GPU.0``, ``NPU``."""
    return [str(name) for name in core().available_devices]


def device_kind(device: str) -> str:
    """``"GPU"`` for ``"GPU.1"``; upper case."""
    return device.split(".", maxsplit=1)[0].split(":", maxsplit=1)[0].upper()


def require_device(device: str) -> str:
    """The device's name in OpenVINO's spelling.

    Raises:
        DeviceError: It does not exist here; the message lists those that do.
    """
    wanted = device.upper()
    exist = available_devices()
    kinds = {device_kind(name) for name in exist}
    if wanted == AUTO or wanted in exist or wanted in kinds:
        return wanted
    raise DeviceError(
        device, "no such inference device here", f"choose one of {', '.join([*exist, AUTO])}"
    )


def device_name(device: str) -> str:
    """The device's own full name, such as the processor's."""
    return str(core().get_property(device, "FULL_DEVICE_NAME")).strip()


@functools.lru_cache(maxsize=1)
def instruction_sets() -> tuple[str, ...]:
    """The processor's instruction sets that matter to inference, strongest first.

    Empty where the system does not tell (anything but Linux).
    """
    try:
        text = _CPU_FLAGS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ()
    for line in text.splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":", maxsplit=1)[1].split())
            return tuple(flag for flag in _TELLING_FLAGS if flag in flags)
    return ()


def choose_precision(
    device: str, asked: str | None, allowed: Sequence[str] = tuple(PRECISIONS)
) -> str:
    """The precision to pin, so that scores mean the same on the next machine.

    Args:
        device: As ``require_device`` returned it; ``AUTO`` counts as the processor, whose
            precisions every device has.
        asked: The operator's choice, or None for the preferred one: bf16 on a processor that
            multiplies it itself (with AMX three times as fast, with AVX-512 one and a half times,
            nothing lost), else f32; f16 on GPU and NPU.
        allowed: What the model pack was checked with.

    Raises:
        ConfigError: ``asked`` is unknown or not among ``allowed``.
        DeviceError: The pack allows none of the precisions that suit the device.
    """
    if asked is not None:
        if asked not in PRECISIONS or asked not in allowed:
            raise ConfigError(asked, "not a precision of this pack", f"use {', '.join(allowed)}")
        return asked
    if device_kind(device) in {"CPU", AUTO}:
        native = not set(NATIVE_BF16).isdisjoint(instruction_sets())
        preferred = ("bf16", "f32") if native else ("f32",)
    else:
        preferred = ("f16", "f32")
    for precision in preferred:
        if precision in allowed:
            return precision
    raise DeviceError(
        device,
        f"none of the pack's precisions ({', '.join(allowed)}) suits this device",
        "name one with the precision option",
    )
