"""One compiled network and its pool of inference requests.

Owns: compiling with a pinned precision, and handing requests to threads. Never: an asynchronous
queue, a callback, a device or precision other than the one asked for. Strategy: a thread takes a
request from a bounded pool, waits for it without the interpreter lock, and only then puts it back.
``run`` gives arrays that belong to the caller; who must not spend a copy holds the request itself
(``request``) and works in its memory.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from lfr_engine.errors import ConfigError, DeviceError, ModelError
from lfr_engine.inference import devices
from lfr_engine.inference.blobs import let_go_of_blobs
from lfr_engine.inference.graphs import taking_planes
from lfr_engine.priority import standing_back
from lfr_engine.vision.frame import ByteArray, Colour, FloatArray

_REQUEST_WAIT_S = 10.0
"""A request that stays out this long hangs: two hundred times the slowest network we run."""
_FIRST_RUN = threading.Lock()
"""Held while a session runs for the first time. OpenVINO's binding fills static tables during the
first run of a process; two first runs at once can each hold what the other waits for, one of them
with the interpreter lock, and then the whole process stands still for ever."""


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Where and how networks run.

    device: ``"CPU"``, ``"GPU"``, ``"GPU.1"``, ``"NPU"`` or ``"AUTO"``. precision: ``"f32"``,
    ``"bf16"``, ``"f16"``, or None for the device's preferred one, pinned. requests: how many
    threads may infer at once. threads: processor threads for all of them together (CPU only); 0
    leaves it to OpenVINO's throughput hint, or its latency hint for a single request.
    cache_folder: where compiled networks are kept; None compiles afresh.
    """

    device: str = "CPU"
    precision: str | None = None
    requests: int = 2
    threads: int = 0
    cache_folder: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.requests <= 64:
            raise ConfigError("requests", f"{self.requests} is not between 1 and 64")
        if not 0 <= self.threads <= 1024:
            raise ConfigError("threads", f"{self.threads} is not between 0 and 1024")
        if self.threads and devices.device_kind(self.device) != "CPU":
            raise ConfigError("threads", f"{self.device} takes none", "leave it at 0")


@dataclass(frozen=True, slots=True)
class Input:
    """How bytes become the network's input: ``(byte - mean) * scale``, in the order of ``colours``.

    width and height fix the input size; None keeps the network's own. batch: pictures a run.
    colours: the network's order; the caller's pictures are BGR (n, h, w, 3) with either. layout: of
    the network's own input. planes: where given, the session takes Y, U and V of that colour
    instead, (1, 3, h, w), for a network of one BGR picture without ``mean`` and ``scale``.
    """

    width: int | None = None
    height: int | None = None
    batch: int = 1
    colours: Literal["BGR", "RGB"] = "BGR"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    planes: Colour | None = None

    def __post_init__(self) -> None:
        if self.planes is not None and (
            any(self.mean)
            or any(factor != 1 for factor in self.scale)
            or (self.batch, self.colours, self.layout) != (1, "BGR", "NCHW")
        ):
            raise ValueError(f"{self} takes no planes")


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What is really engaged, read back after compiling.

    asked: device asked for. devices: those that execute. device_name: the first one's full name.
    precision: as pinned and read back. kernels: how many of the network's heavy operations
    (convolutions, products) run in which precision; empty where the device does not tell.
    instruction_sets: of the processor. streams: independent inferences at once.
    """

    network: str
    asked: str
    devices: tuple[str, ...]
    device_name: str
    precision: str
    kernels: tuple[tuple[str, int], ...]
    instruction_sets: tuple[str, ...]
    requests: int
    streams: int
    threads: int
    from_cache: bool
    openvino: str


class Request:
    """One inference request and its memory, in the hands of one thread at a time.

    input: the picture to infer, of the session's ``input_shape``; what was written stays. outputs:
    by each of their names; the next run, of whichever thread, overwrites them.
    """

    def __init__(self, compiled: Any, network: str, device: str) -> None:
        self._told = (network, device)
        self._request: Any = compiled.create_infer_request()
        self.input: ByteArray = np.zeros(tuple(compiled.input(0).shape), np.uint8)
        self._own = ov.Tensor(self.input, shared_memory=True)
        self._distinct: list[FloatArray] = []
        self.outputs: dict[str, FloatArray] = {}
        for index, port in enumerate(compiled.outputs):
            output = np.zeros(tuple(port.shape), np.float32)
            self._request.set_output_tensor(index, ov.Tensor(output, shared_memory=True))
            self._distinct.append(output)
            self.outputs |= dict.fromkeys(sorted(port.names), output)

    def run(self, pictures: ByteArray | None = None) -> Mapping[str, FloatArray]:
        """Infer ``input``, or contiguous ``pictures`` of its shape, in place: leave them alone
        until this returns ``outputs``.

        Raises:
            DeviceError: The device failed.
        """
        try:
            tensor = self._own if pictures is None else ov.Tensor(pictures, shared_memory=True)
            self._request.set_input_tensor(tensor)
            self._request.start_async()  # with everything bound, half the price of infer()
            self._request.wait()
        except RuntimeError as exc:
            network, device = self._told
            raise DeviceError(network, f"inference failed on {device}: {_first_line(exc)}") from exc
        return self.outputs

    def erase(self) -> None:
        """Overwrite the outputs."""
        for output in self._distinct:
            output.fill(0)


class Session:
    """A network ready to run, from several threads at once.

    Args:
        model: IR or ONNX file; verified by whoever names it.
        input_: Of its one input.
        options: Device, precision and how many requests.
        allowed_precisions: What the model pack was checked with.
        erase: Overwrite OpenVINO's output memory after each ``run`` (for networks whose output is
            biometric, R1).
        adapt: Changes the network as read, at the size it will have.

    Raises:
        ModelError: The file is not a network OpenVINO can read, or does not take that input.
        DeviceError: The device is absent, or refused the network, the precision or the settings.
    """

    def __init__(
        self,
        model: Path,
        input_: Input,
        options: DeviceOptions,
        *,
        allowed_precisions: tuple[str, ...] = tuple(devices.PRECISIONS),
        erase: bool = False,
        adapt: Callable[[Any], Any] | None = None,
    ) -> None:
        self._subject = model.name
        self._erase = erase
        device = devices.require_device(options.device)
        precision = devices.choose_precision(device, options.precision, allowed_precisions)
        network = _read(model, input_, adapt)
        try:
            properties = _properties(device, precision, options)
            compiled = standing_back(
                lambda: devices.core().compile_model(network, device, properties)
            )
            requests = [
                Request(compiled, self._subject, options.device) for _ in range(options.requests)
            ]
        except RuntimeError as exc:
            raise DeviceError(
                f"{model.name} on {device}", f"the network cannot be compiled: {_first_line(exc)}"
            ) from exc
        self.report = _report(compiled, self._subject, device, precision, options)
        self.input_shape: tuple[int, ...] = tuple(compiled.input(0).shape)
        self._names: list[list[str]] = [sorted(port.names) for port in compiled.outputs]
        self._idle: queue.Queue[Request] = queue.Queue(maxsize=options.requests)
        for request in requests:
            self._idle.put_nowait(request)
        with _FIRST_RUN:
            self.run(np.zeros(self.input_shape, np.uint8))
        if options.cache_folder is not None:
            let_go_of_blobs(options.cache_folder)

    def run(self, pictures: ByteArray) -> dict[str, FloatArray]:
        """Infer; blocks the calling thread, which may be any.

        Args:
            pictures: ``input_shape``: (n, h, w, 3) or planes (1, 3, h, w), uint8. OpenVINO reads
                it in place: leave it alone until this returns.

        Returns:
            Output tensors by each of their names; arrays of the caller's own.

        Raises:
            ValueError: The pictures have another shape or type.
            DeviceError: The device failed, or no request came free in time.
        """
        if pictures.shape != self.input_shape or pictures.dtype != np.uint8:
            raise ValueError(
                f"{self._subject} takes {self.input_shape} uint8,"
                f" not {pictures.shape} {pictures.dtype}"
            )
        with self.request() as request:
            outputs = request.run(np.ascontiguousarray(pictures))
            owned = [outputs[names[0]].copy() for names in self._names]
            if self._erase:
                request.erase()
        return {
            name: array for names, array in zip(self._names, owned, strict=True) for name in names
        }

    @contextlib.contextmanager
    def request(self) -> Iterator[Request]:
        """A request for the caller's own use while the block lasts; blocks until one is free.

        Raises:
            DeviceError: No request came free in time.
        """
        try:
            request = self._idle.get(timeout=_REQUEST_WAIT_S)
        except queue.Empty:
            raise DeviceError(
                self._subject, f"no inference request came free within {_REQUEST_WAIT_S:.0f} s"
            ) from None
        try:
            yield request
        finally:
            self._idle.put_nowait(request)

    @property
    def output_names(self) -> list[str]:
        """One name of each output, in the network's order."""
        return [names[0] for names in self._names]


def _read(model: Path, input_: Input, adapt: Callable[[Any], Any] | None) -> Any:
    """The network with the conversion from bytes built in."""
    if not model.is_file():
        raise ModelError(model, "no such file", "run lfr models install")
    try:
        network = devices.core().read_model(model)
        port = network.input(0)
        _reshape(network, port, input_)
        if adapt is not None:
            network = adapt(network)
        if input_.planes is not None:
            return taking_planes(network, input_.planes)
        steps = PrePostProcessor(network)
        entry = steps.input(0)
        entry.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        entry.tensor().set_color_format(ColorFormat.BGR)
        entry.model().set_layout(ov.Layout(input_.layout))
        work = entry.preprocess().convert_element_type(ov.Type.f32)
        if input_.colours == "RGB":
            work.convert_color(ColorFormat.RGB)
        if any(input_.mean):
            work.mean(list(input_.mean))
        if any(factor != 1 for factor in input_.scale):
            work.scale([1 / factor for factor in input_.scale])  # OpenVINO divides
        return steps.build()
    except RuntimeError as exc:
        raise ModelError(model, f"not a network this engine can run: {_first_line(exc)}") from exc


def _reshape(network: Any, port: Any, input_: Input) -> None:
    shape = port.partial_shape
    if len(shape) != 4:
        raise ModelError(port.any_name, "the network's input has not four dimensions")
    batch_at, height_at, width_at = (0, 2, 3) if input_.layout == "NCHW" else (0, 1, 2)
    shape[batch_at] = input_.batch
    if input_.height is not None:
        shape[height_at] = input_.height
    if input_.width is not None:
        shape[width_at] = input_.width
    network.reshape({port: shape})


def _properties(device: str, precision: str, options: DeviceOptions) -> dict[str, Any]:
    """Compile properties: explicit streams and threads, or a hint, never both."""
    properties: dict[str, Any] = {"INFERENCE_PRECISION_HINT": devices.PRECISIONS[precision]}
    if devices.device_kind(device) == "CPU":
        properties["ENABLE_CPU_PINNING"] = False  # pinning fights the decoder's threads
    if devices.device_kind(device) == devices.AUTO:
        properties["ENABLE_STARTUP_FALLBACK"] = False  # else the device changes under way
    if options.threads:
        properties["NUM_STREAMS"] = options.requests
        properties["INFERENCE_NUM_THREADS"] = options.threads
    else:
        properties["PERFORMANCE_HINT"] = "THROUGHPUT" if options.requests > 1 else "LATENCY"
        properties["PERFORMANCE_HINT_NUM_REQUESTS"] = options.requests
    if options.cache_folder is not None:
        properties["CACHE_DIR"] = str(options.cache_folder)
    return properties


_HEAVY_OPERATIONS = {"Convolution", "FullyConnected", "MatMul", "GroupConvolution"}


def _report(
    compiled: Any, network: str, device: str, precision: str, options: DeviceOptions
) -> SessionReport:
    """Read back what is engaged; a precision other than the pinned one is an error."""
    supported: Mapping[str, Any] = compiled.get_property("SUPPORTED_PROPERTIES")

    def read(name: str, default: Any) -> Any:
        return compiled.get_property(name) if name in supported else default

    engaged = tuple(str(name).strip("()") for name in read("EXECUTION_DEVICES", [device]))
    names = {kind: name for name, kind in devices.PRECISIONS.items()}
    actual = names.get(read("INFERENCE_PRECISION_HINT", devices.PRECISIONS[precision]), "other")
    if actual != precision:
        raise DeviceError(
            f"{network} on {device}",
            f"precision {precision} was asked for but {actual} is engaged",
            "choose a precision the device has",
        )
    return SessionReport(
        network=network,
        asked=device,
        devices=engaged,
        device_name=devices.device_name(engaged[0]),
        precision=actual,
        kernels=_kernels(compiled),
        instruction_sets=devices.instruction_sets(),
        requests=options.requests,
        streams=int(read("NUM_STREAMS", options.requests)),
        threads=int(read("INFERENCE_NUM_THREADS", 0)),
        from_cache=_from_cache(compiled),
        openvino=str(ov.__version__),
    )


def _from_cache(compiled: Any) -> bool:
    try:
        return bool(compiled.get_property("LOADED_FROM_CACHE"))
    except RuntimeError:  # not every device answers
        return False


def _kernels(compiled: Any) -> tuple[tuple[str, int], ...]:
    try:
        operations = compiled.get_runtime_model().get_ops()
    except RuntimeError:  # devices need not keep it
        return ()
    counts: Counter[str] = Counter()
    for operation in operations:
        facts = operation.get_rt_info()
        if "layerType" in facts and facts["layerType"].astype(str) in _HEAVY_OPERATIONS:
            counts[facts["runtimePrecision"].astype(str).lower()] += 1
    return tuple(counts.most_common())


def _first_line(exc: Exception) -> str:
    """The telling line of an OpenVINO message, which quotes its own source files first."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or ["no reason given"])[-1][:200]
