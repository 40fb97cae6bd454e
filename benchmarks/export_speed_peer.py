"""The other side of export_speed.py: the same head in executorch and onnxruntime, in their own environment.

Started by export_speed.py with a folder (network.json, arrays.npz) and the number of calls; answers each line
on standard input with one line of JSON. Each peer gets the network twice, as it is and with its pools as
depthwise convolutions; the faster is the one to compare with. It imports nothing of this project, which its
environment does not have.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

Blocks = list[dict]


def with_margins(blocks: Blocks) -> Blocks:
    """The padding of every window, spelled out."""

    def margin(op: dict) -> int:
        return op["kernel"] // 2 if op["kind"] == "conv" or op["stride"] == 1 else 0

    return [block | {"ops": [op | {"margin": margin(op)} for op in block["ops"]]} for block in blocks]


def pools_as_convolutions(
    blocks: Blocks, arrays: dict[str, np.ndarray]
) -> tuple[Blocks, dict[str, np.ndarray]]:
    """The same network, its pools written as depthwise convolutions, which the XNNPACK backend delegates."""
    arrays = dict(arrays)

    def rewrite(block: dict, op: dict) -> dict:
        if op["kind"] != "avg_pool":
            return op
        param, channels, kernel = f"{block['name']}.{op['output']}", op["spec"]["channels"], op["kernel"]
        arrays[f"{param}/weight"] = np.full((channels, 1, kernel, kernel), 1 / kernel**2, np.float32)
        arrays[f"{param}/bias"] = np.zeros(channels, np.float32)
        return op | {"kind": "conv", "param": param}

    return [block | {"ops": [rewrite(block, op) for op in block["ops"]]} for block in blocks], arrays


class Head(torch.nn.Module):
    """The IR's blocks in NCHW."""

    def __init__(self, blocks: Blocks, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.blocks, self.convolutions = blocks, torch.nn.ModuleDict()
        for op in (op for block in blocks for op in block["ops"] if op["kind"] == "conv"):
            weight, bias = arrays[op["param"] + "/weight"], arrays[op["param"] + "/bias"]
            groups = 1 if weight.shape[1] > 1 else len(weight)
            layer = torch.nn.Conv2d(
                weight.shape[1] * groups, len(weight), op["kernel"], op["stride"], op["margin"], groups=groups
            )
            layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
            self.convolutions[op["param"].replace(".", "_")] = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tensor at the cut."""
        for block in self.blocks:
            values = {"x": x}
            for op in block["ops"]:
                values[op["output"]] = self._run(op, *(values[name] for name in op["inputs"]))
            x = values[block["output"]]
        return x

    def _run(self, op: dict, x: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
        if op["kind"] == "relu":
            return F.relu(x)
        if op["kind"] == "avg_pool":
            return F.avg_pool2d(x, op["kernel"], op["stride"], op["margin"])
        y = x + other if op["kind"] == "add" else self.convolutions[op["param"].replace(".", "_")](x)
        return F.relu(y) if op["activation"] == "relu" else y


def executorch_call(head: Head, images: torch.Tensor) -> Callable[[], np.ndarray]:
    """Post-training quantization with the XNNPACK quantizer, lowered to the XNNPACK backend."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    # A channels-last input is exported, and then refused when it runs (XNN "propagating input shapes").
    sample = images[:1].contiguous()
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.export(head, (sample,)).module(), quantizer)
    for image in images:
        prepared(image[None])
    exported = torch.export.export(convert_pt2e(prepared), (sample,))
    program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    portable_lib._unsafe_reset_threadpool(1)
    loaded = Runtime.get().load_program(program.buffer)
    method = loaded.load_method("forward")
    # The program must outlive its method, and only this closure holds it.
    return lambda _keep=loaded: method.execute([sample])[0].numpy()


def onnx_model(blocks: Blocks, arrays: dict[str, np.ndarray], shape: tuple[int, ...]) -> object:
    """The float32 model, node by node."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants, name = [], [], "input"
    for block in blocks:
        names = {"x": name}
        for op in block["ops"]:
            inputs, output = [names[item] for item in op["inputs"]], f"{block['name']}/{op['output']}"
            window = {
                "kernel_shape": [op["kernel"]] * 2, "strides": [op["stride"]] * 2, "pads": [op["margin"]] * 4
            }  # fmt: skip
            linear = output + "/linear" if op["activation"] == "relu" else output
            if op["kind"] == "conv":
                for part in ("weight", "bias"):
                    values = arrays[f"{op['param']}/{part}"]
                    constants.append(numpy_helper.from_array(values, f"{output}/{part}"))
                    inputs.append(f"{output}/{part}")
                weight = arrays[f"{op['param']}/weight"]
                groups = 1 if weight.shape[1] > 1 else len(weight)
                nodes.append(helper.make_node("Conv", inputs, [linear], group=groups, **window))
            elif op["kind"] == "avg_pool":
                nodes.append(helper.make_node("AveragePool", inputs, [linear], count_include_pad=1, **window))
            else:
                nodes.append(helper.make_node({"relu": "Relu", "add": "Add"}[op["kind"]], inputs, [linear]))
            if linear != output:
                nodes.append(helper.make_node("Relu", [linear], [output]))
            names[op["output"]] = output
        name = names[block["output"]]
    last = next(op["spec"] for op in blocks[-1]["ops"] if op["output"] == blocks[-1]["output"])
    result = (1, last["channels"], last["height"], last["width"])
    ends = (
        helper.make_tensor_value_info("input", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, result),
    )
    graph = helper.make_graph(nodes, "head", [ends[0]], [ends[1]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model


def onnxruntime_call(model: object, images: np.ndarray, folder: Path) -> Callable[[], np.ndarray]:
    """Static quantization, per channel, in the QDQ form onnxruntime recommends."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.left, None)
            return None if image is None else {"input": image[None]}

    onnx.save(model, str(folder / "float.onnx"))
    quant_pre_process(str(folder / "float.onnx"), str(folder / "prepared.onnx"))
    quantize_static(
        str(folder / "prepared.onnx"), str(folder / "int8.onnx"), Images(), quant_format=QuantFormat.QDQ,
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "int8.onnx"), options, ["CPUExecutionProvider"])
    sample = np.ascontiguousarray(images[:1])
    return lambda: session.run(None, {"input": sample})[0]


def median_us(call: Callable[[], np.ndarray], runs: int) -> float:
    """Median of ``runs`` calls, in microseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times)


def main() -> None:
    """Convert, report the quality of each, then answer rounds until standard input ends."""
    # Converters print to standard output; the answers keep it for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    folder, runs = Path(sys.argv[1]), int(sys.argv[2])
    blocks = with_margins(json.loads((folder / "network.json").read_text()))
    arrays = dict(np.load(folder / "arrays.npz"))
    images = arrays.pop("images").transpose(0, 3, 1, 2).copy()
    head = Head(blocks, arrays).eval()
    calls = {}
    converted = pools_as_convolutions(blocks, arrays)
    for pools, forms in (("", (blocks, arrays)), (", pools as convolutions", converted)):
        rewritten = Head(*forms).eval()
        calls[f"executorch int8{pools}"] = executorch_call(rewritten, torch.from_numpy(images))
        model = onnx_model(*forms, images[:1].shape)
        calls[f"onnxruntime int8{pools}"] = onnxruntime_call(model, images, folder)
    with torch.inference_mode():
        expected = head(torch.from_numpy(images[:1])).numpy()
    noise = {name: np.mean((call() - expected) ** 2) for name, call in calls.items()}
    quality = {name: float(10 * np.log10(np.mean(expected**2) / each)) for name, each in noise.items()}
    answers.write(json.dumps(quality) + "\n")
    answers.flush()
    for _ in sys.stdin:
        answers.write(json.dumps({name: median_us(call, runs) for name, call in calls.items()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
