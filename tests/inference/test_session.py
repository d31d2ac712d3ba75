"""Sessions, on networks small enough to know the answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.errors import ConfigError, DeviceError, ModelError
from lfr_engine.inference import devices, session
from lfr_engine.inference.session import DeviceOptions, Input, Session
from lfr_engine.vision.frame import ByteArray, FloatArray
from tests.inference.networks import mean_colour

F32 = DeviceOptions(precision="f32", requests=1, threads=1)


def plain(*bgr: int, side: int = 4) -> ByteArray:
    return np.broadcast_to(np.array(bgr, np.uint8), (1, side, side, 3)).copy()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mean_colour(tmp_path_factory.mktemp("networks") / "means.onnx")


@pytest.mark.parametrize(
    ("input_", "expected"),
    [
        (Input(), [10, 20, 30]),
        (Input(colours="RGB"), [30, 20, 10]),
        (Input(mean=(1, 2, 3)), [9, 18, 27]),
        (Input(scale=(2, 0.5, 0.1)), [20, 10, 3]),
        (Input(colours="RGB", mean=(30, 0, 0), scale=(1, 0.5, 1)), [0, 10, 10]),
    ],
)
def test_bytes_become_what_the_network_was_trained_on(
    network: Path, input_: Input, expected: list[float]
) -> None:
    outputs = Session(network, input_, F32).run(plain(10, 20, 30))
    np.testing.assert_allclose(outputs["means"], [expected], rtol=1e-6)
    np.testing.assert_allclose(outputs["sums"], [[sum(expected)]], rtol=1e-6)


def test_the_first_run_of_a_session_is_made_alone(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two first runs at once deadlock inside OpenVINO's binding, for ever."""
    alone: list[bool] = []
    run = Session.run

    def watched(self: Session, pictures: ByteArray) -> dict[str, FloatArray]:
        alone.append(session._FIRST_RUN.locked())
        return run(self, pictures)

    monkeypatch.setattr(Session, "run", watched)
    made = Session(network, Input(), F32)
    made.run(plain(1, 2, 3))
    assert alone == [True, False]


def test_a_session_is_made_for_the_size_and_batch_asked_for(network: Path) -> None:
    wide = Session(network, Input(width=10, height=6, batch=2), F32)
    assert wide.input_shape == (2, 6, 10, 3)
    assert wide.run(np.zeros((2, 6, 10, 3), np.uint8))["means"].shape == (2, 3)


def test_outputs_belong_to_the_caller(network: Path) -> None:
    one = Session(network, Input(), F32)
    first = one.run(plain(1, 2, 3))["means"]
    one.run(plain(200, 200, 200))
    assert first.tolist() == [[1, 2, 3]]
    assert first.flags.owndata


def test_biometric_outputs_are_overwritten_in_the_device_memory(network: Path) -> None:
    erasing = Session(network, Input(), F32, erase=True)
    assert erasing.run(plain(7, 8, 9))["means"].tolist() == [[7, 8, 9]]
    with erasing.request() as request:
        assert not any(output.any() for output in request.outputs.values())


def test_a_request_infers_what_was_written_to_it(network: Path) -> None:
    one = Session(network, Input(), F32)
    with one.request() as request:
        request.input[...] = (1, 2, 3)
        assert request.run()["means"].tolist() == [[1, 2, 3]]
        assert one.input_shape == request.input.shape
    assert one.run(plain(7, 7, 7))["means"].tolist() == [[7, 7, 7]]
    with one.request() as request:
        assert request.run()["means"].tolist() == [[1, 2, 3]]


def test_a_picture_need_not_be_contiguous(network: Path) -> None:
    stretched = np.zeros((1, 4, 8, 3), np.uint8)
    stretched[:, :, ::2] = (4, 5, 6)
    assert Session(network, Input(), F32).run(stretched[:, :, ::2])["means"].tolist() == [[4, 5, 6]]


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 4, 5, 3), np.uint8), np.zeros((1, 4, 4, 3), np.float32)]
)
def test_another_shape_or_type_is_our_own_defect(network: Path, wrong: ByteArray) -> None:
    with pytest.raises(ValueError, match="takes"):
        Session(network, Input(), F32).run(wrong)


def test_threads_share_two_requests_and_each_gets_its_own_answer(network: Path) -> None:
    shared = Session(network, Input(), DeviceOptions(precision="f32", requests=2, threads=2))

    def answer(value: int) -> bool:
        return bool((shared.run(plain(value, value, value))["means"] == value).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(answer, [value % 256 for value in range(400)]))


def test_a_request_that_never_comes_back_is_a_device_error(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_REQUEST_WAIT_S", 0.01)
    one = Session(network, Input(), F32)
    with one.request(), pytest.raises(DeviceError, match="no inference request came free"):
        one.run(plain(1, 2, 3))
    assert one.run(plain(1, 2, 3))["means"].tolist() == [[1, 2, 3]]


def test_a_failed_run_gives_its_request_back(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def set_input_tensor(self, _: object) -> None:
            """Takes anything."""

        def start_async(self) -> None:
            """Begins."""

        def wait(self) -> None:
            raise RuntimeError("Exception from src/x.cpp:1:\nthe device is gone")

    one = Session(network, Input(), F32)
    with one.request() as request:
        monkeypatch.setattr(request, "_request", Broken())
    for _ in range(2):
        with pytest.raises(DeviceError, match="failed on CPU: the device is gone"):
            one.run(plain(1, 2, 3))


def test_the_report_says_what_is_engaged(network: Path) -> None:
    report = Session(network, Input(), F32).report
    assert report.devices == ("CPU",)
    assert (report.precision, report.requests, report.streams, report.threads) == ("f32", 1, 1, 1)
    assert report.device_name
    assert report.network == "means.onnx"


def test_auto_reports_the_device_behind_it(network: Path) -> None:
    report = Session(network, Input(), DeviceOptions(device="AUTO", precision="f32")).report
    assert report.asked == "AUTO"
    assert set(report.devices) <= set(devices.available_devices())


def test_an_absent_device_is_refused_with_those_that_exist(network: Path) -> None:
    with pytest.raises(DeviceError, match=r"GPU\.9: no such inference device here .*CPU"):
        Session(network, Input(), DeviceOptions(device="GPU.9"))


def test_a_precision_that_is_not_engaged_is_refused() -> None:
    class Compiled:
        def get_property(self, name: str) -> object:
            answers = {
                "SUPPORTED_PROPERTIES": {"INFERENCE_PRECISION_HINT": "RO"},
                "INFERENCE_PRECISION_HINT": devices.PRECISIONS["f32"],
            }
            return answers[name]

    with pytest.raises(DeviceError, match="bf16 was asked for but f32 is engaged"):
        session._report(Compiled(), "means.onnx", "CPU", "bf16", F32)


def test_explicit_threads_and_hints_never_meet() -> None:
    explicit = session._properties("CPU", "f32", DeviceOptions(requests=2, threads=2))
    assert (explicit["NUM_STREAMS"], explicit["INFERENCE_NUM_THREADS"]) == (2, 2)
    assert "PERFORMANCE_HINT" not in explicit
    hinted = session._properties("CPU", "f32", DeviceOptions(requests=2))
    assert hinted["PERFORMANCE_HINT"] == "THROUGHPUT"
    assert "NUM_STREAMS" not in hinted
    one = session._properties("CPU", "f32", DeviceOptions(requests=1))
    assert one["PERFORMANCE_HINT"] == "LATENCY"


def test_a_compiled_network_is_kept_and_found_again(network: Path, tmp_path: Path) -> None:
    options = DeviceOptions(precision="f32", requests=1, threads=1, cache_folder=tmp_path)
    assert not Session(network, Input(), options).report.from_cache
    again = Session(network, Input(), options)
    assert again.report.from_cache
    assert again.run(plain(1, 2, 3))["means"].tolist() == [[1, 2, 3]]


def test_what_is_no_network_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        Session(tmp_path / "absent.onnx", Input(), F32)
    flat = mean_colour(tmp_path / "flat.onnx", dimensions=2)
    with pytest.raises(ModelError, match="four dimensions"):
        Session(flat, Input(), F32)
    torn = tmp_path / "torn.xml"
    torn.write_text("<net", encoding="utf-8")
    with pytest.raises(ModelError, match="not a network"):
        Session(torn, Input(), F32)


@pytest.mark.parametrize(
    "options",
    [{"requests": 0}, {"requests": 65}, {"threads": -1}, {"device": "GPU", "threads": 2}],
)
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        DeviceOptions(**options)  # type: ignore[arg-type]
