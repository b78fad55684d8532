"""One runtime and one model in one process: answers a line on standard input with times of single runs.

Usage: python latency_worker.py RUNTIME FILE THREADS SIDE CHANNELS
It imports nothing of eyespot, so that it runs in an environment that holds only the runtimes. Every runtime
gets the same picture of 320 x 240 and is timed from its pixels to the probabilities. All but `onnx-whole`,
which has it in the graph, prepare it with OpenCV.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

Run = Callable[[np.ndarray], np.ndarray]

SIDE, CHANNELS = (int(text) for text in sys.argv[4:6])
WARM_UP = 5


def prepare(image: np.ndarray) -> np.ndarray:
    """What the graph of the artifact does, with OpenCV: float32 [1, h, w, c], 0 to 1."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if CHANNELS == 1:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.multiply(small, np.float32(1 / 255), dtype=np.float32)[None]


def session(path: str, threads: int) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def onnx_whole(path: str, threads: int) -> Run:
    run = session(path, threads).run  # type: ignore[attr-defined]
    return lambda image: run(None, {"image": image[None]})[0]


def onnx_network(path: str, threads: int) -> Run:
    run = session(path, threads).run  # type: ignore[attr-defined]
    return lambda image: run(None, {"network_input": prepare(image)})[0]


def litert(path: str, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], prepare(image))
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    return run


def openvino(path: str, threads: int) -> Run:
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape([1, SIDE, SIDE, CHANNELS])
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
    hints["INFERENCE_PRECISION_HINT"] = "f32"  # it would take bfloat16 where the processor has it
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    return lambda image: next(iter(request.infer([prepare(image)]).values()))


def opencv(path: str, threads: int) -> Run:
    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(path)

    def run(image: np.ndarray) -> np.ndarray:
        network.setInput(prepare(image))
        return network.forward()

    return run


def keras(path: str, threads: int) -> Run:
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    model = keras.models.load_model(path, compile=False)
    call = tensorflow.function(lambda x: model(x, training=False))  # faster than `predict`, which is for many
    return lambda image: call(prepare(image)).numpy()


def openvino_int8(path: str, threads: int) -> Run:
    import nncf
    import openvino as ov

    model = ov.Core().read_model(path)
    model.reshape([1, SIDE, SIDE, CHANNELS])
    chance = np.random.default_rng(0)
    pictures = [chance.random((1, SIDE, SIDE, CHANNELS), np.float32) for _ in range(16)]
    quantised = nncf.quantize(model, nncf.Dataset(pictures), subset_size=len(pictures))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
    request = ov.Core().compile_model(quantised, "CPU", settings).create_infer_request()
    return lambda image: next(iter(request.infer([prepare(image)]).values()))


RUNTIMES: dict[str, Callable[[str, int], Run]] = {
    "onnx-whole": onnx_whole,
    "onnx-network": onnx_network,
    "litert": litert,
    "openvino": openvino,
    "openvino-int8": openvino_int8,
    "opencv": opencv,
    "keras": keras,
}


def main() -> None:
    runtime, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    cv2.setNumThreads(1)  # a resize to at most 299 pixels does not pay for more
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for answers
        run = RUNTIMES[runtime](path, threads)
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (9, 9), 0)
    for _ in range(WARM_UP):
        answer = run(image)
    print(json.dumps(np.asarray(answer, np.float64).reshape(-1).tolist()), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            started = time.perf_counter()
            run(image)
            times.append(time.perf_counter() - started)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
