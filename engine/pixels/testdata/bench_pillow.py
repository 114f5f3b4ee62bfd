"""Resize, crop, convert and normalise by Pillow and numpy, and by vbge, beside each other: in turns, in one run, a thread
each, from decoded samples to the model's input. What counts is processor time, so that other work on the machine matters
little. Results are compared before anything is timed.

    make build && . third_party/native/env
    PYTHON engine/pixels/testdata/bench_pillow.py [--rounds 9] [--modes RGB,L] [--sizes 1500x1500,640x480]

PYTHON has Pillow 13 and numpy; third_party/setup --torch makes one. Without the native build's environment (VBGE_TAGS) it is
plain Go that is measured. Exit status 1 if a result differs or a ratio of medians is below --at-least.
"""
import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32).reshape(3, 1, 1)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32).reshape(3, 1, 1)
BANDS = {"RGB": 3, "RGBA": 4, "LA": 2, "L": 1, "I;16": 1, "CMYK": 4, "P": 1}


def picture(mode, width, height, random):
    """Slopes with grain, which is all that matters: no time depends on the samples."""
    shape = (height, width, BANDS[mode])
    slope = np.linspace(0, 200, width)[None, :, None] + random.integers(0, 56, shape)
    if mode == "I;16":
        return Image.fromarray((slope[..., 0] * 257).astype(np.uint16))
    im = Image.frombytes(mode, (width, height), slope.astype(np.uint8).tobytes())
    if mode == "P":
        im.putpalette(random.integers(0, 256, 768, np.uint8).tobytes())
    return im


def samples(im):
    """What readSamples of beside_test.go reads."""
    return (bytes(im.getpalette("RGB")) if im.mode == "P" else b"") + im.tobytes()


def crop(im):
    """MODEL.md section 4."""
    w, h = im.size
    w, h = (SIDE, int(SIDE * h / w)) if w <= h else (int(SIDE * w / h), SIDE)
    im = im.resize((w, h), Image.Resampling.BICUBIC)
    left, top = round((w - SIDE) / 2), round((h - SIDE) / 2)
    return im.crop((left, top, left + SIDE, top + SIDE)).convert("RGB")


def normalise(im):
    x = np.asarray(im).transpose(2, 0, 1).astype(np.float32)
    return np.ascontiguousarray((x / np.float32(255) - MEAN) / STD)


def timed(f, times):
    began = time.process_time()
    for _ in range(times):
        f()
    return (time.process_time() - began) / times


class Vbge:
    """The package's test binary, which answers lines."""

    def __init__(self, folder):  # where the pictures are, and the binary
        tags = os.environ.get("VBGE_TAGS", "")
        package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
        binary = os.path.join(folder, "pixels.test")
        subprocess.run(["go", "test", "-c", "-tags", tags, "-o", binary, "."], cwd=package, check=True)
        environment = dict(os.environ, VBGE_BESIDE_PILLOW=folder, GOMAXPROCS="1")
        self.process = subprocess.Popen([binary, "-test.run=^$", "-test.bench=BesidePillow", "-test.benchtime=1x"], cwd=package,
                                        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("answer "):
                return line.split()[1]
        sys.exit("the test binary ended: " + str(self.process.wait()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--modes", default=",".join(BANDS))
    parser.add_argument("--sizes", default="64x64,300x200,640x480,1500x1500,1000x3000,4000x3000")
    parser.add_argument("--at-least", type=float, default=1.3, help="the ratio that every row has to reach")
    options = parser.parse_args()
    random, cases, missed = np.random.default_rng(1), [], 0
    with tempfile.TemporaryDirectory() as folder:
        vbge = Vbge(folder)
        for size in options.sizes.split(","):
            for mode in options.modes.split(","):
                width, height = map(int, size.split("x"))
                name, im = f"{mode}-{size}", picture(mode, width, height, random)
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(samples(im))
                vbge.ask("load", name, width, height, mode)
                os.remove(os.path.join(folder, name))
                if vbge.ask("sum", name) != hashlib.sha256(normalise(crop(im)).tobytes()).hexdigest():
                    missed += 1
                    print(f"{name}: the results differ")
                cases.append((name, im, max(1, int(0.02 / timed(lambda: crop(im), 3))), {}))
        for _ in range(options.rounds):
            for name, im, times, took in cases:
                for step, ours in {"crop": lambda: crop(im), "normalise": lambda: normalise(crop(im))}.items():
                    took.setdefault(("Pillow", step), []).append(timed(ours, times))
                    took.setdefault(("vbge", step), []).append(float(vbge.ask(step, name, times)))
        vbge.process.stdin.close()
        vbge.process.wait()
    print(f"Pillow {Image.__version__}, numpy {np.__version__}, median of {options.rounds} rounds, milliseconds of processor time")
    print(f"{'':17}{'resize, crop, convert':>26}{'and normalise':>26}")
    print(f"{'picture':17}{'Pillow':>9}{'vbge':>9}{'ratio':>8}{'Pillow':>9}{'vbge':>9}{'ratio':>8}")
    for name, _, _, took in cases:
        line = f"{name:17}"
        for step in "crop", "normalise":
            theirs, ours = (1e3 * statistics.median(took[who, step]) for who in ("Pillow", "vbge"))
            line += f"{theirs:9.3f}{ours:9.3f}{theirs / ours:8.2f}"
            missed += theirs / ours < options.at_least
        print(line)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
