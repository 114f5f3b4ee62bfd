"""GIF, WebP and BMP files."""

import io
import struct

import numpy as np
import pictures_png
from PIL import Image


def blocks(data, size=255):
    return b"".join(bytes([len(data[i:i + size])]) + data[i:i + size] for i in range(0, len(data), size))


def lzw(indices, bits, end=True, clear_each=0):
    """GIF's LZW codes, joined."""
    clear, out, have, n = 1 << bits, bytearray(), 0, 0
    width, table, nxt = bits + 1, {}, clear + 2

    def put(code):
        nonlocal have, n
        have |= code << n
        n += width
        while n >= 8:
            out.append(have & 255)
            have >>= 8
            n -= 8
    put(clear)
    prefix = None
    for count, v in enumerate(indices):
        if prefix is None:
            prefix = v
            continue
        key = (prefix, v)
        if key in table:
            prefix = table[key]
            continue
        put(prefix)
        if nxt < 4096:
            table[key] = nxt
            if nxt == 1 << width and width < 12:
                width += 1
            nxt += 1
        if nxt >= 4096 and clear_each >= 0 or clear_each > 0 and count % clear_each == 0:
            put(clear)
            width, table, nxt = bits + 1, {}, clear + 2
        prefix = v
    if prefix is not None:
        put(prefix)
    if end:
        put(clear + 1)
    if n:
        out.append(have & 255)
    return bytes(out)


def gif(d):
    w, h = d.size()
    t = d.random.random()
    if t < 0.25:  # Pillow's
        a = d.scene(w, h, 3)
        frames = [Image.fromarray(a if i == 0 else d.scene(w, h, 3)).quantize(d.one(2, 7, 40, 256)) for i in range(d.one(1, 1, 3))]
        b = io.BytesIO()
        frames[0].save(b, "GIF", save_all=True, append_images=frames[1:], interlace=d.one(0, 1), optimize=False, disposal=d.one(0, 1, 2),
                       **({"transparency": 1} if d.chance(0.3) else {}))
        data, kinds = b.getvalue(), ["Pillow's"] + ["animated"] * (len(frames) > 1)
    else:
        bits = d.one(2, 3, 4, 5, 6, 7, 8)
        a = d.scene(w, h, 1)[..., 0] >> (8 - bits)
        kinds, interlaced = [f"{bits} bits"], d.chance(0.4)
        fw, fh, x, y, canvas = w, h, 0, 0, (w, h)
        if d.chance(0.3):
            x, y = d.random.randint(0, 20), d.random.randint(0, 20)
            canvas = (w + d.random.randint(-5, 40), h + d.random.randint(-5, 40))
            canvas = (min(max(canvas[0], 0), 65535), min(max(canvas[1], 0), 65535))
            x, y = min(x, 65535 - w), min(y, 65535 - h)
            kinds.append("frame elsewhere")
        rows = [r for s, t in ((0, 8), (4, 8), (2, 4), (1, 2)) for r in range(s, h, t)] if interlaced else range(h)
        indices = [int(v) for r in rows for v in a[r]]
        if interlaced:
            kinds.append("interlaced")
        code = bits
        if d.chance(0.08):
            code = d.one(0, 1, 9, 10, 12, 13, 255)
            kinds.append(f"codes of {code}")
        elif d.chance(0.1):
            code = 8
        clear_each = d.one(0, 0, 0, 50, -1)
        codes = lzw(indices, max(min(code, 11), bits), d.chance(0.85), clear_each)
        if d.chance(0.05):
            codes = d.random.randbytes(len(codes))
            kinds.append("random codes")
        if d.chance(0.06):
            codes = codes[: d.random.randint(0, len(codes))]
            kinds.append("truncated codes")

        def palette(n):
            ramp = d.chance(0.1)
            return bytes(v for i in range(2 << n) for v in (i, i, i)) if ramp else d.random.randbytes(3 * (2 << n))
        flags, table = 0, b""
        n = bits - 1 if d.chance(0.7) else d.random.randint(0, 7)
        if n < bits - 1:
            kinds.append("short palette")
        if d.chance(0.8):
            flags, table = 0x80 | n, palette(n)
        frame = b"," + struct.pack("<HHHH", x, y, fw if d.chance(0.97) else 0, fh)
        local = b""
        if d.chance(0.25) or not flags and d.chance(0.7):
            m = bits - 1 if d.chance(0.8) else d.random.randint(0, 7)
            frame += bytes([0x80 | m | 0x40 * interlaced])
            local = palette(m)
            kinds.append("local palette")
        else:
            frame += bytes([0x40 * interlaced])
        ext = b""
        if d.chance(0.35):
            ext += b"!\xf9" + d.one(*[b"\4" + bytes([d.one(0, 1, 5, 9, 13), 3, 0, d.random.randrange(1 << bits)]) + b"\0"] * 8, b"\2\1\0\0", b"\0", b"\3\1\0\0\0")
            kinds.append("control")
        if d.chance(0.2):
            ext += d.one(b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0", b"!\xfe\5hello\0", b"!\xff\x0bNETSCAPE2.0\0", b"!\1\0", b"junk", b"!\xfe\0")
            kinds.append("extension")
        body = blocks(codes, d.one(255, 255, 60, 1))
        tail = d.one(b"\0;", b"\0;", b"\0;", b"\0", b"", b"\0" + frame + local + bytes([code]) + body + b"\0;", b"\0" + d.random.randbytes(60))
        data = b"GIF89a" + struct.pack("<HHBBB", *canvas, flags, 0, 0) + table + ext + frame + local + bytes([code]) + body + tail
    if d.chance(0.15):
        data, how = d.damage(data)
        kinds.append(how)
    return ", ".join(kinds), data


def webp(d):
    w, h = d.size()
    if d.long:
        w, h = min(w, 16383), min(h, 16383)
    alpha, lossless = d.chance(0.4), d.chance(0.4)
    mode = "RGBA" if alpha else "RGB"
    im = Image.fromarray(d.scene(w, h, 4 if alpha else 3), mode)
    kinds = [mode, "lossless" if lossless else "lossy"]
    options = {"lossless": lossless, "quality": d.random.randint(0, 100), "method": d.random.randint(0, 4), "alpha_quality": d.one(0, 30, 90, 100), "exact": d.chance(0.5)}
    if d.chance(0.2):
        options |= {"exif": b"Exif\0\0" * d.one(0, 1) + pictures_png.exif(d.random.randint(0, 9), d.one("II", "MM"))}
        kinds.append("EXIF")
    if d.chance(0.1):
        options |= {"icc_profile": d.random.randbytes(301)}
        kinds.append("ICC")
    if d.chance(0.05):
        options |= {"xmp": b'<x tiff:Orientation="%d"/>' % d.random.randint(1, 8)}
        kinds.append("XMP")
    if d.chance(0.2) and max(w, h) < 300:
        options |= {"save_all": True, "append_images": [Image.fromarray(d.scene(w, h, 4 if alpha else 3), mode)], "duration": 50, "background": (1, 2, 3, 4)}
        kinds.append("animated")
    b = io.BytesIO()
    im.save(b, "WEBP", **options)
    data = bytearray(b.getvalue())
    if d.chance(0.15):
        how = d.one("VP8X size", "flags", "RIFF size", "chunk size", "unknown chunk", "frame moved", "wrong size", "no VP8X alpha", "chunk behind", "odd chunk")
        kinds.append(how)
        x = data.find(b"VP8X")
        if how == "VP8X size" and x > 0:
            data[x + 12:x + 18] = struct.pack("<I", w + d.one(0, 1, 30))[:3] + struct.pack("<I", h + d.one(0, 1, 30))[:3]
        elif how == "flags" and x > 0:
            data[x + 8] ^= d.one(2, 4, 8, 16, 32, 1)
        elif how == "no VP8X alpha" and x > 0:
            data[x + 8] &= ~16
        elif how == "RIFF size":
            data[4:8] = struct.pack("<I", max(len(data) - 8 + d.one(-20, -2, -1, 1, 2, 100, 2**31), 0))
        elif how == "chunk size":
            i = max(data.find(b"VP8 "), data.find(b"VP8L"))
            data[i + 4:i + 8] = struct.pack("<I", max(struct.unpack("<I", data[i + 4:i + 8])[0] + d.one(-3, -1, 1, 9, 1 << 30), 0))
        elif how in ("unknown chunk", "odd chunk", "chunk behind"):
            i = len(data) if how == "chunk behind" else 30 if x > 0 else 12
            data[i:i] = d.one(b"abcd", b"ICCP", b"EXIF", b"XMP ") + (b"\5\0\0\0hello\0" if how != "odd chunk" else b"\5\0\0\0hello")
            data[4:8] = struct.pack("<I", len(data) - 8)
        elif how == "frame moved" and b"ANMF" in data:
            i = data.find(b"ANMF") + 8
            data[i:i + 6] = bytes([d.random.randint(0, 4), 0, 0, d.random.randint(0, 4), 0, 0])
            data[x + 12:x + 18] = struct.pack("<I", w + d.one(0, 9))[:3] + struct.pack("<I", h + d.one(0, 9))[:3]
        elif how == "wrong size":
            i = data.find(b"VP8 ")
            if i > 0:
                data[i + 14:i + 16] = struct.pack("<H", d.random.randint(1, w + 3))
    data = bytes(data)
    if d.chance(0.2):
        data, how = d.damage(data, 12)
        kinds.append(how)
    return ", ".join(kinds), data


MASKS = [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
         (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0), (0xFF, 0xFF00, 0xFF0000, 0), (0x3FF00000, 0xFFC00, 0x3FF, 0)]


def runs(d, a, four):
    """Run-length codes, with jumps and plain runs among them."""
    out = bytearray()
    for row in a[::-1]:
        x = 0
        while x < len(row):
            n = min(d.random.randint(1, 12), len(row) - x)
            if n >= 3 and d.chance(0.4):
                part = [int(v) for v in row[x:x + n]]
                body = bytes(part) if not four else bytes((part[i] << 4) | (part[i + 1] if i + 1 < n else 0) for i in range(0, n, 2))
                out += bytes([0, n]) + body + b"\0" * (len(body) % 2)
            elif d.chance(0.03) and x + n < len(row):
                out += bytes([0, 2, n, 0])
            else:
                out += bytes([n + (d.chance(0.01) * 9), int(row[x]) * (17 if four else 1)])
            x += n
        if d.chance(0.97):
            out += b"\0\0"
    return bytes(out) + (b"\0\1" if d.chance(0.9) else b"")


def bmp(d):
    w, h = d.size()
    bits = d.one(1, 4, 8, 8, 16, 24, 24, 32, 32)
    if d.long and bits > 8:
        bits = 8
    info = d.one(12, 40, 40, 40, 40, 52, 56, 64, 108, 124)
    comp, masks, kinds = 0, b"", [f"{bits} bits, header {info}"]
    top = d.chance(0.25) and info > 12
    if bits in (16, 24, 32) and info > 12 and d.chance(0.5):
        comp = 3
        m = d.one(*MASKS) if bits == 32 else d.one((0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0), (0xF00, 0xF0, 0xF, 0)) if bits == 16 else (0xFF0000, 0xFF00, 0xFF, 0)
        masks = struct.pack("<IIII", *m)[: 12 if info == 40 else 16]
        kinds.append("masks %x %x %x %x" % m)
    if bits <= 8:
        index = d.scene(w, h, 1)[..., 0] >> (8 - bits)
        rows = pictures_png.packed(index[..., None], bits)
    else:
        rows = d.scene(w, h, bits // 8).reshape(h, -1)
    if not top:
        rows = rows[::-1]
    pad = b"\0" * (-rows.shape[1] % 4)
    data = b"".join(r.tobytes() + pad for r in rows)
    if bits in (4, 8) and info > 12 and d.chance(0.35) and not d.long:
        comp = 2 if bits == 4 else 1
        data = runs(d, index if not top else index[::-1], bits == 4)
        kinds.append("runs")
    elif d.chance(0.2):
        data = data[: len(data) - len(pad)]
        kinds.append("no last padding")
    colours, palette, step = 0, b"", 3 if info == 12 else 4
    if bits <= 8:
        n = 1 << bits
        if info > 12 and d.chance(0.3):
            colours = n = d.one(1, 2, 16, 1 << bits, d.random.randint(1, 256), 300)
            kinds.append("colours given")
        kind = d.one("random", "random", "ramp", "black and white")
        if kind == "ramp":
            palette = b"".join(bytes([i & 255] * 3 + [0] * (step - 3)) for i in range(n))
        elif kind == "black and white":
            palette = b"".join(bytes([255 * (i & 1)] * 3 + [0] * (step - 3)) for i in range(n))
        else:
            palette = d.random.randbytes(n * step)
        kinds.append(kind)
    if top:
        kinds.append("top down")
    if info == 12:
        head = struct.pack("<IHHHH", 12, w & 65535, h & 65535, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", info, w, -h if top else h, 1, bits, comp, len(data), d.one(0, 2835), 2835, colours, 0)
        head += (masks + b"\0" * 100)[: max(info - 40, 0)] if info != 40 else b""
    extra = masks if info == 40 else b""
    gap = b"\0" * d.one(0, 0, 0, 2, 22)
    offset = 14 + len(head) + len(extra) + len(palette) + len(gap)
    if d.chance(0.08):
        offset = d.one(0, 14 + len(head), offset + 5)
        kinds.append("other offset")
    data = b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + extra + palette + gap + data
    if d.chance(0.15):
        data, how = d.damage(data, 2)
        kinds.append(how)
    return ", ".join(kinds), data
