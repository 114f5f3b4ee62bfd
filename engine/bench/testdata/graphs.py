"""The full-size model for the peers of bench_peers.py, from the weights that `vbge bench --model random` draws.

    python graphs.py FOLDER

writes base.pth, vocab.txt, picture.onnx (images and pairs) and text.onnx by torch.onnx.export, and both quantised by ONNX
Runtime.
"""
import os
import sys

import torch

import inputs  # noqa: F401: finds the reference
import fused
import make_checkpoint
import reference


class Weights(torch.nn.Module):
    """A state dict whose tensors are a module's buffers, which compilers and exporters take for constants."""

    def __init__(self, state):
        super().__init__()
        for key, value in state.items():
            self.register_buffer(key.replace(".", "/"), value)

    def __contains__(self, key):
        return hasattr(self, key.replace(".", "/"))

    def __getitem__(self, key):
        return getattr(self, key.replace(".", "/"))


class Equal(fused.Fused):
    """The model on inputs of one length, which need no mask."""

    @staticmethod
    def _bias(mask):
        return None


class Picture(torch.nn.Module):
    """Images and pairs: [b, 3, 224, 224] and [b, words] to [b, 768]."""

    def __init__(self, weights):
        super().__init__()
        self.weights, self.model = weights, Equal(weights, reference.BASE)

    def forward(self, pixels, ids):
        return self.model.mm_from_ids(pixels, ids, torch.ones(ids.shape))


class Text(torch.nn.Module):
    """[b, words] to [b, 768]."""

    def __init__(self, weights):
        super().__init__()
        self.weights, self.model = weights, Equal(weights, reference.BASE)

    def forward(self, ids):
        return self.model.text_from_ids(ids, torch.ones(ids.shape))


def write_vocabulary(path):
    """Any vocabulary of the right size: the demo's words, then names."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/demo/vocab.txt"), encoding="utf-8") as f:
        words = f.read().splitlines()
    words += [f"[unused{i}]" for i in range(reference.BASE["text"]["vocab_size"] - len(words))]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(words) + "\n")


def export(model, example, names, path):
    any_size = torch.export.Dim.DYNAMIC
    shapes = tuple({0: any_size, 1: any_size} if name == "ids" else {0: any_size} for name in names)
    torch.onnx.export(model.eval(), example, path, dynamo=True, dynamic_shapes=shapes, input_names=names,
                      output_names=["embeddings"], external_data=False, verbose=False)


def quantise(source, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(source, path, per_channel=True, weight_type=QuantType.QInt8)


def main(folder):
    def place(name):
        print(f"writing {name}", file=sys.stderr, flush=True)
        return os.path.join(folder, name)

    write_vocabulary(place("vocab.txt"))
    state = make_checkpoint.build(reference.BASE, 0)
    torch.save(state, place("base.pth"))
    weights = Weights(state)
    pixels, ids = torch.zeros(4, 3, 224, 224), torch.ones(4, 6, dtype=torch.long)
    export(Picture(weights), (pixels, ids), ["pixels", "ids"], place("picture.onnx"))
    export(Text(weights), (ids,), ["ids"], place("text.onnx"))
    for name in ("picture", "text"):
        quantise(os.path.join(folder, name + ".onnx"), place(name + "-int8.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])
