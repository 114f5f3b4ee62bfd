"""Write what Pillow 13 makes of the tests' JPEGs when it decodes them at a half, a quarter and an eighth of their size.

    python make_scaled.py scaled.json         (Pillow 13.0.0)

The files are the golden ones, those of pillow.json and of pictures.zip. A line for each file and scale that Pillow reads:
mode and size after Image.draft, SHA-256 of the samples, and of the crop at 24 from within the box that draft returns, as
Image.thumbnail takes it: the last samples may lie partly outside the picture. exif24 is the crop where the file's EXIF
turns picture and box.
"""

import base64
import glob
import hashlib
import io
import json
import os
import sys
import warnings
import zipfile

from PIL import Image, ImageOps

SIDE = 24
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../../testdata/reference/golden/images/*.jpg")

warnings.simplefilter("ignore")


def files():
    for path in sorted(glob.glob(GOLDEN)):
        with open(path, "rb") as file:
            yield os.path.basename(path), file.read()
    with open(os.path.join(HERE, "pillow.json"), encoding="utf-8") as file:
        for case in json.load(file):
            if case["name"].endswith(".jpg"):
                yield case["name"], base64.b64decode(case["file"])
    with zipfile.ZipFile(os.path.join(HERE, "pictures.zip")) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".jpg"):
                yield name, archive.read(name)


def crop(im, box):
    """MODEL.md section 4, for what of im is within box."""
    w, h = box[2] - box[0], box[3] - box[1]
    size = (SIDE, int(SIDE * h / w)) if w <= h else (int(SIDE * w / h), SIDE)
    im = im.resize(size, Image.Resampling.BICUBIC, box=box)
    left, top = round((size[0] - SIDE) / 2), round((size[1] - SIDE) / 2)
    return im.crop((left, top, left + SIDE, top + SIDE)).convert("RGB")


def turned(box, size, orientation):
    """Where the box of a picture of that size lies in the turned one."""
    left, top, right, bottom = box
    if orientation in (2, 3, 7, 8):
        left, right = size[0] - right, size[0] - left
    if orientation in (3, 4, 6, 7):
        top, bottom = size[1] - bottom, size[1] - top
    return (top, left, bottom, right) if orientation >= 5 else (left, top, right, bottom)


def digest(im):
    return hashlib.sha256(im.tobytes()).hexdigest()


def scaled(file, eighths):
    im = Image.open(io.BytesIO(file))
    whole = im.size
    if min(whole) * eighths < 8 or max(whole) > 1000 * min(whole):
        return None
    _, box = im.draft(None, (whole[0] * eighths // 8, whole[1] * eighths // 8))
    orientation = im.getexif().get(0x0112, 1)
    im.load()
    assert im.size == tuple((n * eighths + 7) // 8 for n in whole), (whole, im.size)
    case = {"eighths": eighths, "mode": im.mode, "size": im.size, "samples": digest(im), "crop24": digest(crop(im, box))}
    if orientation in range(2, 9):
        case["exif24"] = digest(crop(ImageOps.exif_transpose(im), turned(box, im.size, orientation)))
    return case


def main():
    lines = []
    for name, file in files():
        for eighths in 4, 2, 1:
            try:
                case = scaled(file, eighths)
            except Exception:  # Pillow raises anything; what it refuses, TestPictures has
                continue
            if case:
                lines.append(json.dumps({"name": name, **case}))
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "cases")


main()
