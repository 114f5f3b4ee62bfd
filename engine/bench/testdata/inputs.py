"""The inputs of `vbge bench`, drawn by the recipe of engine/bench/input.go: input i is the same in every batch."""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../testdata/reference"))
import reference  # noqa: E402

MOST = 32  # inputs that are drawn, and the largest batch
WORDS = {"image": 2, "pair": 16}  # [CLS] and [SEP] counted
_drawn = {}


def draw(i, count):
    """The first numbers of SplitMix64 from the state i * 2^32."""
    with np.errstate(over="ignore"):
        z = np.uint64(i << 32) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def draw_all(kind):
    cfg = reference.BASE
    side, words = cfg["image_size"], WORDS.get(kind) or int(kind.removeprefix("text"))
    samples = 3 * side * side if kind in WORDS else 0
    drawn = np.stack([draw(i, samples + words) for i in range(MOST)])
    ids = (drawn[:, samples:] % np.uint64(cfg["text"]["vocab_size"])).astype(np.int64)
    if not samples:
        return [ids]
    mean, std = (np.array(cfg[name], np.float32).reshape(3, 1, 1) for name in ("mean", "std"))
    pixels = (drawn[:, :samples] >> np.uint64(56)).astype(np.float32).reshape(MOST, side, side, 3).transpose(0, 3, 1, 2)
    return [np.ascontiguousarray((pixels / np.float32(255) - mean) / std), ids]


def batch(kind, size):
    """What a model takes of image, pair or text128: [pixels,] ids, each [size, ...]. No padding: all are equally long."""
    if kind not in _drawn:
        _drawn[kind] = draw_all(kind)
    return [array[:size] for array in _drawn[kind]]
