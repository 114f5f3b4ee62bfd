"""TIFF files: Pillow's, and ones written tag by tag."""

import io
import struct
import zlib

import numpy as np
import pictures_jpeg
from PIL import Image

# photometric, bits, extra samples, sample format
KINDS = [(0, (1,), (), 1), (1, (1,), (), 1), (0, (2,), (), 1), (1, (2,), (), 1), (0, (4,), (), 1), (1, (4,), (), 1), (0, (8,), (), 1), (1, (8,), (), 1),
         (1, (8,), (), 2), (1, (12,), (), 1), (0, (16,), (), 1), (1, (16,), (), 1), (1, (16,), (), 1), (1, (16,), (), 2), (1, (32,), (), 1), (1, (32,), (), 2),
         (1, (32,), (), 3), (0, (32,), (), 3), (1, (8, 8), (0,), 1), (1, (8, 8), (1,), 1), (1, (8, 8), (2,), 1), (2, (8,) * 3, (), 1), (2, (8,) * 3, (), 1),
         (2, (8,) * 4, (), 1), (2, (8,) * 4, (0,), 1), (2, (8,) * 4, (1,), 1), (2, (8,) * 4, (2,), 1), (2, (8,) * 5, (2, 0), 1), (2, (8,) * 6, (1, 0, 0), 1),
         (2, (16,) * 3, (), 1), (2, (16,) * 4, (2,), 1), (2, (16,) * 4, (1,), 1), (2, (16,) * 4, (0,), 1), (3, (1,), (), 1), (3, (2,), (), 1), (3, (4,), (), 1),
         (3, (8,), (), 1), (3, (8, 8), (2,), 1), (3, (8, 8), (0,), 1), (5, (8,) * 4, (), 1), (5, (8,) * 5, (0,), 1), (5, (16,) * 4, (), 1), (6, (8,) * 3, (), 1),
         (8, (8,) * 3, (), 1), (2, (8, 8), (), 1), (1, (64,), (), 3)]
BANDS = {2: 3, 5: 4, 6: 3, 8: 3}


def rows_of(a, bits, order):
    """[h, w, c] numbers as rows of bytes."""
    h = a.shape[0]
    if bits in (16, 32, 64):
        kind = ("f" if a.dtype.kind == "f" else "i" if a.dtype.kind == "i" else "u") + str(bits // 8)
        return a.astype(order + kind).reshape(h, -1).view(np.uint8)
    if bits == 8:
        return a.astype(np.uint8).reshape(h, -1)
    wide = a.astype(">u2").reshape(h, -1, 1).view(np.uint8)
    return np.packbits(np.unpackbits(wide, axis=2)[:, :, 16 - bits:].reshape(h, -1), axis=1)


def lzw(data):
    """TIFF's LZW with codes of 9 bits alone: cleared in time."""
    bits = []
    for i, v in enumerate(data):
        if i % 200 == 0:
            bits.append(format(256, "09b"))
        bits.append(format(v, "09b"))
    text = "".join(bits) + format(257, "09b")
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


def packbits(d, data):
    out, i = bytearray(), 0
    while i < len(data):
        run = 1
        while run < 128 and i + run < len(data) and data[i + run] == data[i]:
            run += 1
        if run > 1:
            out += bytes([257 - run, data[i]])
            i += run
        else:
            n = min(d.random.randint(1, 128), len(data) - i)
            out += bytes([n - 1]) + data[i:i + n]
            i += n
        if d.chance(0.01):
            out.append(128)
    return bytes(out)


def predicted(rows, bits, bands, order):
    """Differences to the pixel before."""
    if bits not in (8, 16, 32):
        return rows
    a = rows.view(order + f"u{bits // 8}").reshape(rows.shape[0], -1, bands).copy()
    a[:, 1:] -= a[:, :-1].copy()
    return a.reshape(rows.shape[0], -1).view(np.uint8)


def predicted_float(rows, order):
    """Byte planes, the uppermost first, and then differences."""
    h, n = rows.shape
    a = rows.reshape(h, n // 4, 4)
    if order == "<":
        a = a[:, :, ::-1]
    a = a.transpose(0, 2, 1).reshape(h, n).copy()
    a[:, 1:] -= a[:, :-1].copy()
    return a


def written(d):
    w, h = d.size()
    photo, bits, extra, fmt = d.one(*KINDS)
    if d.long and len(bits) > 1:
        photo, bits, extra, fmt = 1, (8,), (), 1
    order = d.one("<", "<", ">")
    n, depth = len(bits), bits[0]
    a = d.scene(w, h, n)
    if fmt == 3:
        a = a.astype(np.float32) * d.one(1, 1.7, 0.01) - d.one(0, 20.25)
    elif fmt == 2:
        a = a.astype(np.int32) * d.one(1, 3) - d.one(0, 100)
    elif depth > 8:
        a = a.astype(np.uint32) * (d.one(1, 2, 257) if depth > 12 else d.one(1, 16))
    elif depth < 8:
        a = a >> (8 - depth)
    kinds = [f"{'MM' if order == '>' else 'II'} photometric {photo} bits {bits} extra {extra}" + (f" format {fmt}" if fmt > 1 else "")]
    comp = d.one(1, 1, 1, 5, 8, 8, 32946, 32773) if d.chance(0.95) else d.one(2, 6, 34925, 50000, 99)
    if d.chance(0.08) and depth == 8 and (photo, n) in ((1, 1), (2, 3), (5, 4), (6, 3)):
        comp = 7
    planar = 2 if d.chance(0.15) else 1
    tiled = d.chance(0.25) and not d.long
    fill = 2 if d.chance(0.08) else 1
    bw, bh = (d.one(16, 32, 48, 64), d.one(16, 32, 64)) if tiled else (w, d.one(h, h, max(h // 3, 1), 1, 7, 2**32 - 1))
    if comp == 7 and not tiled and bh < h:
        bh = max(bh // 8 * 8, 8)
    predictor = 1
    if comp in (5, 8, 32946) and d.chance(0.35):
        predictor = 3 if fmt == 3 else 2
        kinds.append(f"predictor {predictor}")
    kinds.append(f"compression {comp}")
    kinds += ["planar"] * (planar == 2) + ["tiles"] * tiled + ["fill order 2"] * (fill == 2)
    planes = [a[..., i:i + 1] for i in range(n)] if planar == 2 else [a]
    step = min(bh, h)
    data, blocks, sampling = b"", [], d.one((2, 2), (1, 1))
    for plane in planes:
        c = plane.shape[2]
        for y in range(0, h, bh if tiled else step):
            for x in range(0, w, bw):
                part = plane[y:y + (bh if tiled else step), x:x + bw]
                if tiled:
                    part = np.pad(part, ((0, bh - part.shape[0]), (0, bw - part.shape[1]), (0, 0)), "edge")
                if comp == 7:
                    space = {1: 1, 3: 3 if photo == 6 else 2, 4: 4}[c]
                    raw = pictures_jpeg.encode(part.astype(np.uint8), space, space, 80, sampling if space == 3 else (1, 1))
                    cut = pictures_jpeg.find(raw, 0xE0)
                    blocks.append(raw if cut < 0 else raw[:cut] + raw[cut + 18:])
                    continue
                rows = rows_of(part, depth, order)
                if predictor == 2:
                    rows = predicted(rows, depth, c, order)
                elif predictor == 3:
                    rows = predicted_float(rows, order)
                raw = rows.tobytes()
                packed = {5: lzw, 8: zlib.compress, 32946: zlib.compress, 32773: lambda b: packbits(d, b)}.get(comp, bytes)(raw)
                if fill == 2:
                    packed = packed.translate(bytes(int(format(i, "08b")[::-1], 2) for i in range(256)))
                blocks.append(packed)
    offsets, at = [], 8
    for b in blocks:
        offsets.append(at)
        data += b + b"\0" * (len(b) % 2)
        at += len(b) + len(b) % 2
    tags = {256: (4, [w]), 257: (4, [h]), 258: (3, list(bits)), 259: (3, [comp]), 262: (3, [photo]), 277: (3, [n]), 284: (3, [planar])}
    if tiled:
        tags |= {322: (3, [bw]), 323: (3, [bh]), 324: (4, offsets), 325: (4, [len(b) for b in blocks])}
    else:
        tags |= {273: (4, offsets), 278: (4, [bh]), 279: (4, [len(b) for b in blocks])}
    if fill == 2:
        tags[266] = (3, [2])
    if extra:
        tags[338] = (3, list(extra))
    if fmt != 1 or d.chance(0.1):
        tags[339] = (3, [fmt] * d.one(1, n))
    if predictor != 1:
        tags[317] = (3, [predictor])
    if photo == 3 and d.chance(0.98):
        tags[320] = (3, [d.random.randrange(65536) for _ in range(3 << min(depth, 8))])
    if photo == 6:
        tags[530] = (3, [1, 1])
    if d.chance(0.2):
        tags[274] = (3, [d.random.randint(0, 9)])
        kinds.append("orientation")
    if d.chance(0.1):
        how = d.one("one bits", "no samples", "missing", "more offsets", "fewer offsets", "wrong sizes", "no sizes", "unknown type", "far tag", "bytes for width", "no photometric")
        kinds.append(how)
        key, sizes = (324, 325) if tiled else (273, 279)
        if how == "one bits":
            tags[258] = (3, [depth])
        elif how == "no samples":
            del tags[277]
        elif how == "missing":
            del tags[d.one(256, 257, 258, 259, key)]
        elif how == "more offsets":
            tags[key] = (4, offsets + [d.one(8, 9, 10)])
        elif how == "fewer offsets":
            tags[key] = (4, offsets[:-1] or [8])
        elif how == "wrong sizes":
            tags[sizes] = (4, [max(s - d.one(1, 5, -3), 0) for s in tags[sizes][1]])
        elif how == "no sizes":
            del tags[sizes]
        elif how == "unknown type":
            tags[700] = (99, [0])
        elif how == "far tag":
            tags[270] = (2, [0] * 10**6)
        elif how == "bytes for width":
            tags[256] = (1, [w & 255])
        else:
            tags.pop(262)
    data = directory(tags, order, data)
    if d.chance(0.02):
        data = data[:2] + data[3:1:-1] + data[4:]
        kinds.append("odd version")
    return kinds, data


TYPES = {1: "B", 2: "B", 3: "H", 4: "I"}


def directory(tags, order, data):
    """A header, data from byte 8 on, the directory behind it."""
    at = 8 + len(data)
    entries, far = b"", b""
    base = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        body = struct.pack(order + TYPES.get(kind, "I") * len(values), *values) if len(values) < 10**6 else b"\0" * 4
        if len(body) > 4:
            where, far = struct.pack(order + "I", base + len(far)), far + body
        else:
            where = body.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + where
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, at) + data + struct.pack(order + "H", len(tags)) + entries + b"\0" * 4 + far


def pillows(d):
    w, h = d.size()
    mode = d.one("1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F", "YCbCr", "LAB")
    if d.long:
        mode = "L"
    a = d.scene(w, h, 4)
    if mode in ("I", "F"):
        im = Image.fromarray(a[..., 0].astype(np.int32 if mode == "I" else np.float32) * d.one(1, 3) - 30)
    elif mode.startswith("I;16"):
        im = Image.fromarray(a[..., 0].astype("<u2") * d.one(1, 3, 257))
        if mode == "I;16B":
            im = im.convert("I").convert("I;16B")
    elif mode == "LAB":
        im = Image.frombytes("LAB", (w, h), a[..., :3].tobytes())
    elif mode == "PA":
        im = Image.fromarray(a[..., :3]).quantize(60).convert("PA")
    elif mode == "P":
        im = Image.fromarray(a[..., :3]).quantize(d.one(7, 256))
    else:
        im = Image.fromarray(a[..., :3]).convert("RGB").convert({"RGBA": "RGB", "LA": "L"}.get(mode, mode))
        if mode in ("RGBA", "LA"):
            im.putalpha(Image.fromarray(a[..., 3]))
    options = {"compression": d.one("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate")}
    if mode == "1" and d.chance(0.7):
        options["compression"] = d.one("group3", "group4", "tiff_ccitt")
    if mode in ("L", "RGB", "CMYK", "YCbCr") and d.chance(0.25):
        options |= {"compression": "jpeg", "quality": d.random.randint(20, 98)}
    if options["compression"] in ("tiff_lzw", "tiff_adobe_deflate") and mode not in ("1", "P", "PA") and d.chance(0.3):
        options["tiffinfo"] = {317: 3 if mode == "F" else 2}
    if d.chance(0.15):
        options["tiffinfo"] = options.get("tiffinfo", {}) | {274: d.random.randint(1, 8)}
    if d.chance(0.1):
        options |= {"save_all": True, "append_images": [im.copy()]}
    if d.chance(0.1):
        options["big_tiff"] = True
    b = io.BytesIO()
    kinds = [f"Pillow's {mode}", options["compression"]] + ["predictor"] * (317 in options.get("tiffinfo", {})) + ["BigTIFF"] * ("big_tiff" in options)
    try:
        im.save(b, "TIFF", **options)
    except Exception:  # not every mode goes with every compression
        b = io.BytesIO()
        im.save(b, "TIFF")
    return kinds, b.getvalue()


def make(d):
    kinds, data = written(d) if d.chance(0.65) else pillows(d)
    if d.chance(0.1):
        data, how = d.damage(data, 4)
        kinds.append(how)
    return ", ".join(kinds), data
