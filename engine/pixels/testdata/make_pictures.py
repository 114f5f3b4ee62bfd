"""Generate pictures of every kind that vbge reads or refuses, and write what Pillow makes of them.

    python make_pictures.py --seed 1 --count 2000 --out DIR     (Pillow 13.0.0, numpy; gcc and libjpeg's headers)

DIR/manifest.jsonl has a line a picture: name, kind, Pillow's mode and size, and the SHA-256 of its crops at 64 and 224 (the
second not of the longest ones, which would take Pillow gigabytes); "refused" instead where Image.open, resize, crop or
convert fails. exif64 is the crop after ImageOps.exif_transpose where that changes it. --sample N --store FILE.zip keeps N
small ones, as the tests do; of what holds a JPEG then rgb24 too, a crop itself, to measure other decoders by. The kinds are
in pictures_*.py. The tests' pictures.zip is of --seed 6 --count 1500 --sample 200.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import signal
import warnings
import zipfile

import numpy as np
import pictures_jpeg
import pictures_png
import pictures_small
import pictures_tiff
from PIL import Image, ImageOps

warnings.simplefilter("ignore")

KINDS = [(30, pictures_jpeg.make, "jpg"), (25, pictures_png.make, "png"), (18, pictures_tiff.make, "tif"),
         (10, pictures_small.gif, "gif"), (9, pictures_small.webp, "webp"), (8, pictures_small.bmp, "bmp")]


class Draw:
    """Random pictures; everything that is random in a file comes from here."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.long = False

    def one(self, *choices):
        return self.random.choice(choices)

    def chance(self, p):
        return self.random.random() < p

    def size(self):
        """Sides from 1 to 4,000, most of them small; now and then 65,535 on 1."""
        self.long = False
        t = self.random.random()
        if t < 0.003:
            self.long = True
            return self.one((1, 65535), (65535, 1), (1, 30000), (30000, 2))
        top = 48 if t < 0.7 else 200 if t < 0.96 else 900 if t < 0.995 else 4000
        return self.random.randint(1, top), self.random.randint(1, top)

    def scene(self, w, h, c):
        """uint8 [h, w, c]: slopes, waves, edges and grain."""
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        out = np.empty((h, w, c), np.uint8)
        for i in range(c):
            a, b = self.random.uniform(2, 30), self.random.uniform(2, 30)
            v = 128 + 100 * np.sin(x / a + y / b + i)
            v += 60 * ((x // 7 + y // 5) % 2) * self.random.random()
            v += self.rng.normal(0, self.one(0, 3, 20), (h, w))
            out[..., i] = v.clip(0, 255)
        return out

    def damage(self, data, keep=8):
        """Truncated, flipped or longer bytes, and what was done."""
        data = bytearray(data)
        n = len(data)
        how = self.one("truncated", "truncated tail", "flipped", "flipped", "junk behind")
        if how == "truncated":
            del data[self.random.randint(min(keep, n), n):]
        elif how == "truncated tail":
            del data[max(n - self.random.randint(1, 40), 0):]
        elif how == "flipped":
            for _ in range(self.random.randint(1, 3)):
                if n > keep:
                    data[self.random.randrange(keep, n)] ^= 1 << self.random.randrange(8)
        else:
            data += self.random.randbytes(self.random.randint(1, 300))
        return bytes(data), how


def crop(im, side):
    w, h = im.size
    new = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    left, top = round((new[0] - side) / 2), round((new[1] - side) / 2)
    return np.asarray(im.resize(new, Image.BICUBIC).crop((left, top, left + side, top + side)).convert("RGB"))


def digest(pixels):
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def timed_out(*_):
    raise TimeoutError("Pillow took over 60 seconds")


def judge(path, rgb):
    """What Pillow does with the file, as the original uses it."""
    signal.alarm(60)
    try:
        with Image.open(path) as im:
            out = {"mode": im.mode, "size": list(im.size)}
            out["crop64"] = digest(crop(im, 64))
        if max(out["size"]) <= 100 * min(out["size"]):
            with Image.open(path) as im:
                out["crop224"] = digest(crop(im, 224))
        if rgb:
            with Image.open(path) as im:
                out["rgb24"] = base64.b64encode(crop(im, 24).tobytes()).decode()
        if out["size"][0] * out["size"][1] < 1 << 20:
            try:
                with Image.open(path) as im:
                    turned = digest(crop(ImageOps.exif_transpose(im), 64))
            except Exception:  # broken EXIF, which vbge ignores
                turned = out["crop64"]
            if turned != out["crop64"]:
                out["exif64"] = turned
        return out
    except Exception as e:
        return {"refused": f"{type(e).__name__}: {e}"[:200]}
    finally:
        signal.alarm(0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=2000)
    p.add_argument("--out", required=True)
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--store")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    Image.init()
    signal.signal(signal.SIGALRM, timed_out)
    d, lines = Draw(a.seed), []
    for i in range(a.count):
        (_, make, ext), = d.random.choices(KINDS, [k[0] for k in KINDS])
        kind, data = make(d)
        name = f"{i:05d}.{ext}"
        path = os.path.join(a.out, name)
        with open(path, "wb") as f:
            f.write(data)
        lines.append({"name": name, "kind": f"{ext}: {kind}", **judge(path, a.store and (ext == "jpg" or ", jpeg" in kind or "compression 7" in kind))})
    with open(os.path.join(a.out, "manifest.jsonl"), "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)
    if a.store:
        store(a, lines)
    refused = sum("refused" in line for line in lines)
    print(f"{a.count} pictures of {len({line['kind'] for line in lines})} kinds, seed {a.seed}; Pillow refuses {refused}")


def store(a, lines):
    """Keep some small ones, as they come."""
    small = [line for line in lines if 100 < os.path.getsize(os.path.join(a.out, line["name"])) < 1800]
    random.Random(a.seed).shuffle(small)
    kept = sorted(small[: a.sample], key=lambda line: line["name"])
    with zipfile.ZipFile(a.store, "w", zipfile.ZIP_DEFLATED) as z:
        def add(name, data):
            z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
        add("manifest.jsonl", "".join(json.dumps(line) + "\n" for line in kept))
        for line in kept:
            with open(os.path.join(a.out, line["name"]), "rb") as f:
                add(line["name"], f.read())


if __name__ == "__main__":
    main()
