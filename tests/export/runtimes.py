"""Both TFLite runtimes with a choice of kernels, for comparison with the references."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np

# LiteRT first: the other order breaks its import.
RUNTIMES = [name for name in ("ai_edge_litert", "tflite_runtime") if importlib.util.find_spec(name)]
DEFAULT, BUILTIN, REFERENCE = "AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"


def interpreter(runtime, model, kernels=DEFAULT):
    module = importlib.import_module(f"{runtime}.interpreter")
    made = module.Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=getattr(module.OpResolverType, kernels),
    )
    made.allocate_tensors()
    return made


def run(runtime, model, batch, kernels=DEFAULT):
    """(n, height, width, channels) in and out, one sample at a time."""
    made = interpreter(runtime, model, kernels)
    source, target = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]
    results = []
    for sample in batch:
        made.set_tensor(source, sample[None])
        made.invoke()
        results.append(made.get_tensor(target))
    return np.concatenate(results)


def sqnr(signal, other):
    """Signal to noise in dB."""
    noise = np.mean(np.square(signal - other))
    return 10 * np.log10(np.mean(np.square(signal)) / max(noise, 1e-20))
