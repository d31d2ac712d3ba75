from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from lfr_engine.cli import doctor, main
from lfr_engine.cli.doctor import Finding
from lfr_engine.cli.machine import ClockFacts, CoreFacts, FolderFacts
from lfr_engine.errors import ConfigError
from lfr_engine.inference.fetch import Fetcher
from lfr_engine.inference.install import adopt_manifest, install
from lfr_engine.inference.store import ModelStore
from lfr_engine.kernels import compiled
from lfr_engine.kernels.compiled import Absent
from tests.inference.packs import flat_mirror, tiny_manifest


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("LFR_DATA", str(folder))
    return folder


def status(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.slow
def test_a_fresh_machine_is_told_to_install_the_default_pack(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["usable"]
    sick = [finding for finding in told["findings"] if finding["state"] == "mend"]
    assert [(finding["subject"], finding["name"]) for finding in sick] == [("models", "opencv-zoo")]
    assert sick[0]["mend"] == "run: lfr models install opencv-zoo"
    names = {finding["name"] for finding in told["findings"]}
    assert {"openvino", "CPU", "instruction sets", "precision on CPU", "h264", "clock"} <= names
    assert not data.exists()  # looking changes nothing


def only(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: list(findings))


def test_notes_do_not_stop_the_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, Finding("machine", "clock", "adrift [by much]", "note", "wind it up"))
    assert status() == 0
    told = capsys.readouterr().out
    assert "adrift [by much]" in told
    assert "wind it up" in told
    assert "Usable; 1 thing(s) worth knowing" in told


def test_what_must_be_mended_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, Finding("models", "x", "gone", "mend", "bring it"), Finding("a", "b", "c"))
    assert status() == 1
    assert "1 thing(s) to mend" in capsys.readouterr().out


def test_a_library_that_cannot_load_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Finding]:
        raise ImportError("libGL.so.1: cannot open shared object file")

    def misconfigured() -> list[Finding]:
        raise ConfigError("packs.d/mine.toml", "not a valid model manifest", "see docs/models.md")

    for name in ("version_findings", "kernel_findings", "decoder_findings", "machine_findings"):
        monkeypatch.setattr(doctor, name, list)
    monkeypatch.setattr(doctor, "inference_findings", broken)
    monkeypatch.setattr(doctor, "model_findings", misconfigured)
    first, second = doctor.examine()
    assert first.state == second.state == "mend"
    assert "libGL.so.1" in first.value
    assert first.mend == "reinstall lfr-engine and its dependencies"
    assert "packs.d/mine.toml: not a valid" in second.value
    assert second.mend == "see docs/models.md"


def test_packs_are_verified_file_by_file(data: Path, tmp_path: Path) -> None:
    mirror = flat_mirror(tmp_path / "mirror")
    (mirror / "mine.toml").write_bytes(tiny_manifest())
    adopt_manifest(data, mirror / "mine.toml")
    store = ModelStore(data)
    install(store, "tiny", Fetcher((mirror,), offline=True))

    def told() -> dict[str, Finding]:
        return {finding.name: finding for finding in doctor.model_findings()}

    assert told()["opencv-zoo"].state == "mend"
    assert told()["omz"] == Finding("models", "omz", "not installed (optional)")
    assert told()["tiny"] == Finding("models", "tiny", "installed, every file verified")
    (store.folder("tiny") / "find.onnx").unlink()
    assert told()["tiny"].state == "mend"
    assert "find.onnx: missing" in told()["tiny"].value
    assert told()["tiny"].mend == "run: lfr models install tiny"


def test_a_missing_library_must_be_mended_unless_optional(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    states = {finding.name: finding.state for finding in doctor.version_findings()}
    assert states["openvino"] == "mend"
    assert states["textual"] == "note"
    assert states["python"] == "ok"


@pytest.mark.parametrize(
    ("sets", "state", "told"),
    [
        (("amx_bf16", "avx512f"), "ok", "amx_bf16, avx512f"),
        (("avx2",), "note", "avx2"),
        ((), "note", "unknown on this system"),
    ],
)
def test_instruction_sets_are_judged(sets: tuple[str, ...], state: str, told: str) -> None:
    finding = doctor.instruction_finding(sets)
    assert (finding.state, finding.value) == (state, told)


@pytest.mark.parametrize(
    ("device", "precision", "sets", "why"),
    [
        ("CPU", "bf16", ("amx_bf16",), "bf16 (this processor has AMX"),
        ("CPU", "bf16", ("avx512_bf16",), "bf16 (this processor multiplies bf16"),
        ("CPU", "f32", ("avx2",), "f32 (this processor does not multiply bf16 itself"),
        ("CPU", "f32", ("amx_bf16",), "f32 (the pack does not allow bf16"),
        ("GPU.0", "f16", ("avx2",), "f16 (the device's own"),
    ],
)
def test_the_pinned_precision_is_explained(
    device: str, precision: str, sets: tuple[str, ...], why: str
) -> None:
    assert doctor.precision_finding(device, precision, sets).value.startswith(why)


@pytest.mark.parametrize(
    ("facts", "state", "told"),
    [
        (ClockFacts(synchronised=True, error_ms=1.5), "ok", "wrong by at most 1.5 ms"),
        (ClockFacts(synchronised=True, error_ms=2500), "note", "by up to 2,500 ms"),
        (ClockFacts(synchronised=False, error_ms=0), "note", "not synchronised"),
        (None, "note", "unknown"),
    ],
)
def test_the_clock_is_judged(facts: ClockFacts | None, state: str, told: str) -> None:
    finding = doctor.clock_finding(facts)
    assert finding.state == state
    assert told in finding.value


def test_a_containers_quota_is_told() -> None:
    assert doctor.core_finding(CoreFacts(8, None)).state == "ok"
    assert doctor.core_finding(CoreFacts(8, 8.0)).state == "ok"
    finding = doctor.core_finding(CoreFacts(64, 2.5))
    assert finding.state == "note"
    assert "64 visible, but the container's quota is 2.5" in finding.value
    assert "2 thread(s)" in finding.mend


def test_kernels_that_are_not_compiled_are_told_with_the_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "kernels", lambda: Absent("not compiled", "install a compiler"))
    (finding,) = doctor.kernel_findings()
    assert (finding.state, finding.mend) == ("note", "install a compiler")
    assert "not compiled" in finding.value


@pytest.mark.parametrize(
    ("writable", "free", "state"),
    [(True, 10**12, "ok"), (True, 10**6, "mend"), (False, 0, "mend")],
)
def test_the_data_folder_is_judged(writable: bool, free: int, state: str) -> None:
    facts = FolderFacts(Path("data"), writable, free, "" if writable else "Permission denied")
    (finding,) = doctor.folder_findings(facts)
    assert finding.state == state
    assert writable or "Permission denied" in finding.value


def test_core_dumps_and_terminals_are_judged() -> None:
    assert doctor.dump_finding(False).state == "ok"
    assert "faces" in doctor.dump_finding(True).value
    assert doctor.dump_finding(None).state == "note"
    assert doctor.terminal_finding("utf-8", "truecolor").state == "ok"
    assert doctor.terminal_finding("ANSI_X3.4-1968", None).state == "note"
