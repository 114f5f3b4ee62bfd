"""One peer of `vbge bench` in a process of its own, which does what bench_peers.py tells it.

    python peer.py PEER PRECISION FOLDER THREADS [--eager]

An order is a line of JSON on standard input: a kind and a batch of inputs, and seconds to run them for, but once at least, or
vectors: a file to write what they come to into. The answer is a line too: the seconds of each run, and the memory of the process.
"""
import json
import os
import sys
import time

import numpy as np

import inputs


class PyTorch:
    """graphs.py's model, weights cast for bfloat16, which is faster than autocast; compiled, unless that is left out."""

    def __init__(self, precision, folder, threads, eager):
        import torch
        import graphs
        self.torch, self.type = torch, getattr(torch, precision)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        state = torch.load(os.path.join(folder, "base.pth"), mmap=True, weights_only=True)
        weights = graphs.Weights({key: value.to(self.type) for key, value in state.items()})
        self.models = [graphs.Text(weights).eval(), graphs.Picture(weights).eval()]
        if not eager:
            self.compile()

    def compile(self):
        import torch._inductor.config
        import torch.fx.experimental._config
        torch._inductor.config.freezing = True  # weights are packed once
        torch.fx.experimental._config.use_duck_shape = False  # 8 texts of 8 tokens say nothing about other batches
        self.models = [torch.compile(model) for model in self.models]

    def prepare(self, arrays):
        tensors = [self.torch.from_numpy(array) for array in arrays]
        tensors = [tensor.to(self.type) if tensor.is_floating_point() else tensor for tensor in tensors]
        for tensor in tensors:
            for dim in range(2 if tensor.dim() == 2 else 1):  # [batch, 3, side, side] or [batch, words]
                self.torch._dynamo.maybe_mark_dynamic(tensor, dim)
        model = self.models[len(tensors) - 1]
        return lambda: model(*tensors).float().numpy()


class ONNXRuntime:
    """The graphs that torch.onnx.export made, for int8 with weights quantised by channel and activations as they come."""

    def __init__(self, precision, folder, threads, eager):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        name = "-int8.onnx" if precision == "int8" else ".onnx"
        self.open = lambda graph: onnxruntime.InferenceSession(
            os.path.join(folder, graph + name), options, providers=["CPUExecutionProvider"])
        self.sessions = {}

    def prepare(self, arrays):
        graph = ["text", "picture"][len(arrays) - 1]
        session = self.sessions.get(graph) or self.sessions.setdefault(graph, self.open(graph))
        feed = dict(zip([i.name for i in session.get_inputs()], arrays))
        return lambda: session.run(None, feed)[0]


class OpenVINO:
    """The same graphs, compiled for latency: one stream, which has all threads."""

    def __init__(self, precision, folder, threads, eager):
        import openvino
        core = openvino.Core()
        options = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
                   "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        self.open = lambda graph: core.compile_model(os.path.join(folder, graph + ".onnx"), "CPU", options).create_infer_request()
        self.requests = {}

    def prepare(self, arrays):
        graph = ["text", "picture"][len(arrays) - 1]
        request = self.requests.get(graph) or self.requests.setdefault(graph, self.open(graph))
        return lambda: request.infer(arrays, share_inputs=True)[0]


def memory():
    """Bytes of the process in memory: now, and at most."""
    with open("/proc/self/status") as f:
        lines = dict(line.split(":", 1) for line in f)
    return {name: 1024 * int(lines[key].split()[0]) for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def run(once, seconds):
    times = []
    start = began = time.perf_counter()
    while not times or began - start < seconds:
        once()
        ended = time.perf_counter()
        times.append(ended - began)
        began = ended
    return times


def main(peer, precision, folder, threads, *flags):
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    runner = {"PyTorch": PyTorch, "ONNX Runtime": ONNXRuntime, "OpenVINO": OpenVINO}[peer](
        precision, folder, int(threads), "--eager" in flags)
    for line in sys.stdin:
        order = json.loads(line)
        once = runner.prepare(inputs.batch(order["kind"], order["batch"]))
        answer = {}
        if "vectors" in order:
            np.save(order["vectors"], once())
        else:
            answer["times"] = run(once, order["seconds"])
        print(json.dumps(answer | memory()), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
