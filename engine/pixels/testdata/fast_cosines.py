"""What decoding JPEGs at a fraction of their size does to embeddings: smallest and mean cosine to those of exact pixels.

    PYTHON engine/pixels/testdata/fast_cosines.py --model build/demo/model [--every 10] [--vbge bin/vbge]

The pictures are the demo's, and the photographs of bench_jpeg.py, fitted to each size and encoded with quality 85.
--fast-jpeg leaves one and a half times the model's side; beside it stands what leaving once and twice the side would do,
decoded and cropped by Pillow. "left" is how many times the side is left at that size. "rounding" is of exact crops of which
one sample in eight is one level lower, to read the cosines of photographs by, which the demo's model has never seen.
"""
import argparse
import glob
import io
import json
import os
import subprocess
import tempfile

import numpy as np
from bench_jpeg import ROOT, encoded, photographs
from PIL import Image

SIZES = "450x450,643x643,1500x1500,4000x3000"
SIDES = {"once": 1, "--fast-jpeg": 1.5, "twice": 2}  # that are left


def crop(file, side, eighths):
    """MODEL.md section 4, of the picture at a fraction of its size, whose last samples may lie partly outside it."""
    im = Image.open(io.BytesIO(file))
    w, h = im.size
    im.draft(None, (w * eighths // 8, h * eighths // 8))
    box = 0, 0, w * eighths / 8, h * eighths / 8
    w, h = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    im = im.resize((w, h), Image.Resampling.BICUBIC, box=box)
    left, top = round((w - side) / 2), round((h - side) / 2)
    return im.crop((left, top, left + side, top + side)).convert("RGB")


def scale(shorter, enough):
    return min(k for k in (1, 2, 4, 8) if k == 8 or shorter * k >= enough * 8)


def rounded(im, random):
    a = np.asarray(im)
    return Image.fromarray(a - ((random.integers(0, 8, a.shape) == 0) & (a > 0)).astype(np.uint8))


def embeddings(options, paths, *flags):
    lines = "".join(json.dumps({"image": path}) + "\n" for path in paths)
    out = subprocess.run([options.vbge, "embed", "--model", options.model, *flags], input=lines, stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    return np.array([json.loads(line)["embedding"] for line in out.splitlines()], np.float64)


def row(label, images, size, side, options, folder):
    random = np.random.default_rng(1)
    ways = {way: [] for way in ("exact", "rounding", *SIDES)}
    for i, im in enumerate(images):
        file = encoded(im, size, 85)
        paths = {way: os.path.join(folder, f"{i}-{way}.{'jpg' if way == '--fast-jpeg' else 'png'}") for way in ways}
        with open(paths["--fast-jpeg"], "wb") as out:
            out.write(file)
        exact = crop(file, side, 8)
        exact.save(paths["exact"], compress_level=0)
        rounded(exact, random).save(paths["rounding"], compress_level=0)
        for way in "once", "twice":
            crop(file, side, scale(min(size), SIDES[way] * side)).save(paths[way], compress_level=0)
        for way in ways:
            ways[way].append(paths[way])
    exact = embeddings(options, ways.pop("exact"))
    line = f"{label:24}{len(images):9}"
    for way, paths in ways.items():
        cosines = (exact * embeddings(options, paths, *(["--fast-jpeg"] if way == "--fast-jpeg" else []))).sum(1)
        line += f"{cosines.min():10.5f}{cosines.mean():9.5f}"
        if way in SIDES:
            line += f"{min(size) * scale(min(size), SIDES[way] * side) / 8 / side:6.1f}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--vbge", default=os.path.join(ROOT, "bin/vbge"))
    parser.add_argument("--every", type=int, default=10, help="of the demo's 900 pictures")
    parser.add_argument("--sizes", default=SIZES)
    options = parser.parse_args()
    with open(os.path.join(options.model, "config.json"), encoding="utf-8") as file:
        side = json.load(file)["image_size"]
    sources = {"demo": sorted(glob.glob(os.path.join(ROOT, "docs/demo/images/*.jpg")))[::options.every],
               "photographs": [path for _, path in photographs()]}
    print(f"{'smallest, mean cosine':24} pictures{'rounding':>19}" + "".join(f"{way:>19}  left" for way in SIDES))
    for name, paths in sources.items():
        for size in options.sizes.split(","):
            with tempfile.TemporaryDirectory() as folder:
                images = (Image.open(path).convert("RGB") for path in paths)
                row(f"{name} at {size}", list(images), tuple(map(int, size.split("x"))), side, options, folder)


if __name__ == "__main__":
    main()
