"""JPEG files to the model's 224 x 224 pixels by Pillow and by vbge, beside each other: in turns, in one run, a thread each,
processor time. vbge reads them exactly and with --fast-jpeg; Pillow in full, as the original does, and after Image.draft,
which decodes at the same fraction. Results are compared before anything is timed: all samples have to be equal, exactly
to Pillow's in full and fast to those after draft.

    make build && . third_party/native/env
    PYTHON engine/pixels/testdata/bench_jpeg.py [--rounds 7] [--sizes 1500x1500,640x480] [--quality 75,85]

The pictures are photographs, from 1160 x 1430 to 4032 x 2268 pixels and the demo's leopard, fitted to each size. They are the
test files of a Go module, which `go mod download` brings once (20 MB). Exit status 1 if a result differs or
--fast-jpeg is below --at-least times Pillow on a picture of 1500 x 1500.
"""
import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile

from bench_pillow import SIDE, Vbge, crop, timed
from PIL import Image, ImageOps, features

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
MODULE = "github.com/bep/imagemeta@v1.0.1"
PHOTOGRAPHS = {"street": "hugo-issue-12669.jpg", "harbour": "outofbounds-issue-34.jpg", "animal": "hugo-issue-8996.jpg",
               "camera": "metadata-extractor/nikonMakernoteType2b.jpg", "portrait": "smoke/upstream66.jpg"}
ENOUGH = SIDE * 3 // 2  # what --fast-jpeg leaves of the shorter side


def photographs():
    yield "leopard", os.path.join(ROOT, "docs/demo/leopard.jpg")
    module = subprocess.run(["go", "mod", "download", "-json", MODULE], cwd="/", stdout=subprocess.PIPE, check=True)
    folder = json.loads(module.stdout)["Dir"]
    for name, path in PHOTOGRAPHS.items():
        yield name, os.path.join(folder, "testdata/images", path)


def encoded(im, size, quality):
    file = io.BytesIO()
    ImageOps.fit(im.convert("RGB"), size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=quality)
    return file.getvalue()


def whole(file):
    return crop(Image.open(io.BytesIO(file)))


def draft(file):
    """The crop of the picture at a fraction of its size, whose last samples may lie partly outside it."""
    im = Image.open(io.BytesIO(file))
    w, h = im.size
    eighths = min(k for k in (1, 2, 4, 8) if k == 8 or min(w, h) * k >= ENOUGH * 8)
    im.draft(None, (w * eighths // 8, h * eighths // 8))
    box = 0, 0, w * eighths / 8, h * eighths / 8
    w, h = (SIDE, int(SIDE * h / w)) if w <= h else (int(SIDE * w / h), SIDE)
    im = im.resize((w, h), Image.Resampling.BICUBIC, box=box)
    left, top = round((w - SIDE) / 2), round((h - SIDE) / 2)
    return im.crop((left, top, left + SIDE, top + SIDE)).convert("RGB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default="640x480,1500x1500,4000x3000")
    parser.add_argument("--quality", default="75,85,95")
    parser.add_argument("--at-least", type=float, default=3, help="times Pillow that --fast-jpeg has to be at 1500x1500")
    options = parser.parse_args()
    cases, failed = [], False
    with tempfile.TemporaryDirectory() as folder:
        vbge = Vbge(folder)
        for name, path in photographs():
            im = Image.open(path)
            im.load()
            for size in options.sizes.split(","):
                for quality in map(int, options.quality.split(",")):
                    file = encoded(im, tuple(map(int, size.split("x"))), quality)
                    label = f"{name}-{size}-{quality}"
                    with open(os.path.join(folder, label), "wb") as out:
                        out.write(file)
                    for mode, pillow in ("exact", whole), ("fast", draft):
                        if vbge.ask(mode, label, 0) != hashlib.sha256(pillow(file).tobytes()).hexdigest():
                            failed = True
                            print(f"{label}: the results differ, {mode}")
                    os.remove(os.path.join(folder, label))
                    cases.append((label, file, max(1, int(0.03 / timed(lambda file=file: whole(file), 1))), {}))
        for _ in range(options.rounds):
            for label, file, times, took in cases:
                took.setdefault("whole", []).append(timed(lambda file=file: whole(file), times))
                took.setdefault("exact", []).append(float(vbge.ask("exact", label, times)))
                took.setdefault("draft", []).append(timed(lambda file=file: draft(file), times))
                took.setdefault("fast", []).append(float(vbge.ask("fast", label, times)))
        vbge.process.stdin.close()
        vbge.process.wait()
    print(f"Pillow {Image.__version__} with libjpeg-turbo {features.version('libjpeg_turbo')}, median of {options.rounds} rounds, "
          "milliseconds of processor time")
    print(f"{'JPEG-size-quality':26}{'kB':>6}{'Pillow':>9}{'vbge':>9}{'ratio':>7}{'Pillow, draft':>15}{'--fast-jpeg':>13}{'ratio':>7}{'to Pillow':>11}")
    for label, file, _, took in cases:
        ms = {way: 1e3 * statistics.median(seconds) for way, seconds in took.items()}
        ratio = ms["whole"] / ms["fast"]
        failed |= "1500x1500" in label and ratio < options.at_least
        print(f"{label:26}{len(file) >> 10:6}{ms['whole']:9.2f}{ms['exact']:9.2f}{ms['whole'] / ms['exact']:7.1f}"
              f"{ms['draft']:15.2f}{ms['fast']:13.2f}{ms['draft'] / ms['fast']:7.1f}{ratio:11.1f}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
