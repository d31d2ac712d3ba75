"""Networks changed before they are compiled: planes in place of pictures, outputs joined.

Owns: the change of a network's graph. Never: a picture, or the decision when a change is worth it.
Strategy: from Y, U and V to blue, green and red is one linear map of three numbers, and so is the
first convolution in its three channels; their product is a convolution of the same size. The
conversion then costs nothing, and planes lie in memory as the processor's kernels want them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as op

from lfr_engine.inference import devices
from lfr_engine.vision.colour import NEUTRAL, black, conversion
from lfr_engine.vision.frame import Colour


def taking_planes(network: Any, colour: Colour) -> Any:
    """``network``, whose one input is BGR (1, 3, h, w) of 0–255, with Y, U, V (1, 3, h, w) uint8
    of that ``colour`` in its place.

    Out of gamut is not clamped. What the network pads with zeros it pads with black, as before.
    """
    before = network.input(0)
    shape = [int(side) for side in before.shape]
    planes = op.parameter(shape, ov.Type.u8, name="planes")
    floor = np.array([black(colour), NEUTRAL, NEUTRAL], np.float32)
    centred = op.subtract(op.convert(planes, "f32"), op.constant(floor.reshape(1, 3, 1, 1)))
    to_bgr = conversion(colour)[:, :3]
    readers = list(before.get_target_inputs())
    first = readers[0].get_node()
    if len(readers) == 1 and first.get_type_name() == "Convolution":
        weights = np.einsum("obhw,bc->ochw", _value(first.input_value(1)), to_bgr)
        facts = first.get_attributes()
        folded = op.convolution(
            centred,
            op.constant(weights.astype(np.float32)),
            facts["strides"],
            facts["pads_begin"],
            facts["pads_end"],
            facts["dilations"],
            facts["auto_pad"],
        )
        first.output(0).replace(folded.output(0))
    else:  # somebody else's network: the conversion is a layer of its own
        weights = to_bgr.astype(np.float32).reshape(3, 3, 1, 1)
        still, none = [1, 1], [0, 0]
        bgr = op.convolution(centred, op.constant(weights), still, none, none, still)
        for reader in readers:
            reader.replace_source_output(bgr.output(0))
    return ov.Model(network.get_results(), [planes], network.get_friendly_name())


def joined(network: Any, groups: Mapping[str, Sequence[str]]) -> Any:
    """``network`` with each group of outputs as one output of the group's name, one after another
    along their second axis; other outputs are left out.
    """
    results = []
    for name, parts in groups.items():
        ends = [network.output(part).get_node().input_value(0) for part in parts]
        output = op.result(op.concat(ends, 1))
        output.output(0).get_tensor().set_names({name})
        results.append(output)
    return ov.Model(results, network.get_parameters(), network.get_friendly_name())


def _value(constant: Any) -> npt.NDArray[np.float32]:
    """What a part of the graph that reads no input comes to, as a network of its own tells."""
    alone = devices.core().compile_model(
        ov.Model([constant], []), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return np.array(alone([])[0], np.float32)
