"""Draw small pictures of the kinds that the golden ones lack, and write what Pillow 13 makes of them.

    python make_pillow.py pillow.json         (Pillow 13.0.0, numpy)

Per file: its bytes, Pillow's mode and size, the SHA-256 of its crops at 24 and 50; of JPEGs the crop at 24 itself, to
measure other decoders by.
"""

import base64
import hashlib
import io
import json
import struct
import sys
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(7)


def scene(w, h, c=3):
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([128 + 100 * np.sin(x / (5 + i) + y / (9 - i)) for i in range(c)], -1) + rng.normal(0, 4, (h, w, c))
    return a.clip(0, 255).astype(np.uint8)


files = {}


def save(name, im, fmt, **k):
    b = io.BytesIO()
    im.save(b, fmt, **k)
    files[name] = b.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(name, w, h, depth, colour, rows, extra=b"", end=True, inter=0):
    body = zlib.compress(b"".join(b"\0" + r for r in rows), 9)
    files[name] = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, inter))
        + extra
        + chunk(b"IDAT", body[: len(body) // 2])
        + chunk(b"IDAT", body[len(body) // 2 :])
        + (chunk(b"IEND", b"") if end else b"")
    )


def packed(a, bits):
    out = []
    for row in a:
        s = "".join(format(int(v), "0%db" % bits) for v in row)
        s += "0" * (-len(s) % 8)
        out.append(bytes(int(s[i : i + 8], 2) for i in range(0, len(s), 8)))
    return out


g = scene(41, 33, 1)[..., 0]
for bits in (1, 2, 4):
    png(f"gray{bits}.png", 41, 33, bits, 0, packed(g >> (8 - bits), bits))
png("gray8_trns.png", 41, 33, 8, 0, [r.tobytes() for r in g], chunk(b"tRNS", struct.pack(">H", int(g[5, 5]))))
png("gray2_trns.png", 41, 33, 2, 0, packed(g >> 6, 2), chunk(b"tRNS", b"\0\1"))
png(
    "gray16_trns.png",
    41,
    33,
    16,
    0,
    [(r.astype(">u2") * 3).tobytes() for r in g],
    chunk(b"tRNS", struct.pack(">H", 300)),
)
png("gray16_dark.png", 41, 33, 16, 0, [(r.astype(">u2") * 1).astype(">u2").tobytes() for r in g])
c = scene(37, 45)
png("rgb_trns.png", 37, 45, 8, 2, [r.tobytes() for r in c], chunk(b"tRNS", struct.pack(">HHH", *map(int, c[3, 3]))))
c16 = (c.astype(np.uint16) << 8) + rng.integers(0, 256, c.shape).astype(np.uint16)
png("rgb16_low.png", 37, 45, 16, 2, [r.astype(">u2").tobytes() for r in c16])
c4 = scene(37, 45, 4)
c416 = (c4.astype(np.uint16) << 8) + rng.integers(0, 256, c4.shape).astype(np.uint16)
png("rgba16.png", 37, 45, 16, 6, [r.astype(">u2").tobytes() for r in c416])
png("la16.png", 37, 45, 16, 4, [r.astype(">u2").tobytes() for r in c416[..., :2]])
png("no_end.png", 37, 45, 8, 2, [r.tobytes() for r in c], end=False)
pal = scene(16, 1)[0][:11]
png("short_palette.png", 41, 33, 4, 3, packed(g >> 4, 4), chunk(b"PLTE", pal.tobytes()))
png("palette2.png", 41, 33, 2, 3, packed(g >> 6, 2), chunk(b"PLTE", pal[:4].tobytes()) + chunk(b"tRNS", b"\0\x80"))
png("palette1.png", 41, 33, 1, 3, packed(g >> 7, 1), chunk(b"PLTE", pal[:2].tobytes()))


# Adam7 by hand
def adam7(name, a, depth, colour):
    h, w = a.shape[:2]
    raw = b""
    for x0, y0, dx, dy in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        s = a[y0::dy, x0::dx]
        for r in s:
            raw += b"\0" + r.tobytes()
    files[name] = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 1))
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


adam7("adam7_rgb.png", c, 8, 2)
adam7("adam7_rgba.png", c4, 8, 6)
adam7("adam7_gray.png", g, 8, 0)


# GIF
def gif(name, im, **k):
    save(name, im, "GIF", **k)


gif("gray_ramp.gif", Image.fromarray(g, "L"), optimize=False)
gif("interlaced.gif", Image.fromarray(c).quantize(40), interlace=1)
gif("plain.gif", Image.fromarray(c).quantize(40), interlace=0)
f = bytearray(files["plain.gif"])


def shift_frame(f, canvas, x, y, trans=None):
    f = bytearray(f)
    f[6:10] = struct.pack("<HH", *canvas)
    i = 13 + (3 << ((f[10] & 7) + 1))
    while f[i] == 0x21:
        i += 2
        while f[i]:
            i += f[i] + 1
        i += 1
    assert f[i] == 0x2C
    f[i + 1 : i + 5] = struct.pack("<HH", x, y)
    if trans is not None:
        f[i:i] = b"\x21\xf9\x04\x01\0\0" + bytes([trans]) + b"\0"
    return bytes(f)


files["offset_frame.gif"] = shift_frame(f, (60, 70), 9, 14)
files["offset_transparent.gif"] = shift_frame(f, (60, 70), 9, 14, 7)
files["frame_past_canvas.gif"] = shift_frame(f, (30, 30), 9, 14)
# local palette
lp = bytearray(files["plain.gif"])
n = 3 << ((lp[10] & 7) + 1)
bits = lp[10] & 7
palb = bytes(lp[13 : 13 + n])
rest = bytes(lp[13 + n :])
i = 0
head = bytearray(lp[:13])
head[10] = 0
assert rest[0] == 0x2C
files["local_palette.gif"] = bytes(head) + rest[:9] + bytes([0x80 | bits]) + palb + rest[10:]
files["no_palette.gif"] = bytes(head) + rest
# BMP
save("gray.bmp", Image.fromarray(g, "L"), "BMP")
save("bilevel.bmp", Image.fromarray(g, "L").convert("1"), "BMP")
save("rgba.bmp", Image.fromarray(c4, "RGBA"), "BMP")
save("p8.bmp", Image.fromarray(c).quantize(200), "BMP")


def bmp(name, w, h, bits, data, comp=0, info=40, masks=b"", top=False, colours=0, palette=b"", gap=0):
    hd = struct.pack("<IiiHHIIiiII", info, w, -h if top else h, 1, bits, comp, len(data), 0, 0, colours, 0) + masks
    hd += b"\0" * (info - len(hd)) if info > 40 else b""
    off = 14 + len(hd) + len(palette) + gap
    files[name] = b"BM" + struct.pack("<IHHI", off + len(data), 0, 0, off) + hd + palette + b"\0" * gap + data


bgr = c[..., ::-1]
pad = lambda r: r + b"\0" * (-len(r) % 4)
bmp("top_down.bmp", 37, 45, 24, b"".join(pad(r.tobytes()) for r in bgr), top=True)
bmp("gap.bmp", 37, 45, 24, b"".join(pad(r.tobytes()) for r in bgr[::-1]), gap=22)
x = np.dstack([bgr, c4[..., 3]])
bmp("bgrx32.bmp", 37, 45, 32, x[::-1].tobytes())
bmp("bgrx32_v4.bmp", 37, 45, 32, x[::-1].tobytes(), info=108)
bmp(
    "bgra32_v5.bmp",
    37,
    45,
    32,
    x[::-1].tobytes(),
    comp=3,
    info=124,
    masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000),
)
bmp(
    "p4.bmp",
    41,
    33,
    4,
    b"".join(pad(r) for r in packed(g >> 4, 4)[::-1]),
    palette=b"".join(bytes(p[::-1]) + b"\0" for p in scene(16, 1)[0]),
)
bmp("p1.bmp", 41, 33, 1, b"".join(pad(r) for r in packed(g >> 7, 1)[::-1]), palette=b"\x10\x20\x30\0\xf0\xe0\xd0\0")
bmp(
    "p8_few.bmp",
    41,
    33,
    8,
    b"".join(pad(r.tobytes()) for r in (g >> 5)[::-1]),
    colours=8,
    palette=b"".join(bytes(p[::-1]) + b"\0" for p in scene(8, 1)[0]),
)
# JPEG, other kinds
im = Image.fromarray(scene(59, 47))
save("444.jpg", im, "JPEG", quality=85, subsampling=0)
save("rgb_space.jpg", im, "JPEG", quality=90, keep_rgb=True)
save("odd_420.jpg", im, "JPEG", quality=70, subsampling=2)
save("odd_422p.jpg", im, "JPEG", quality=70, subsampling=1, progressive=True)
save("tiny_1x1.jpg", Image.fromarray(scene(1, 1)), "JPEG", subsampling=2)
save("two_2x3.jpg", Image.fromarray(scene(2, 3)), "JPEG", subsampling=2)
save("wide_3x200.jpg", Image.fromarray(scene(200, 3)), "JPEG", subsampling=2)
save("restart.jpg", im, "JPEG", quality=80, restart_marker_rows=1)
# WebP
save("alpha_lossy.webp", Image.fromarray(scene(51, 40, 4), "RGBA"), "WEBP", quality=60)
save("alpha_lossy_q.webp", Image.fromarray(scene(51, 40, 4), "RGBA"), "WEBP", quality=60, alpha_quality=40, method=6)
save("odd.webp", Image.fromarray(scene(1, 7)), "WEBP")
save("even.webp", Image.fromarray(scene(32, 18)), "WEBP", quality=30)
save("lossless.webp", im, "WEBP", lossless=True)
save("anim.webp", im, "WEBP", save_all=True, append_images=[Image.fromarray(scene(59, 47))], duration=50)
a = Image.fromarray(scene(51, 40, 4), "RGBA")
save(
    "anim_alpha.webp",
    a,
    "WEBP",
    save_all=True,
    append_images=[Image.fromarray(scene(51, 40, 4), "RGBA")],
    duration=50,
    quality=50,
)
save("exif.webp", im, "WEBP", exif=Image.Exif().tobytes() or b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
# move a frame on its canvas: widen VP8X canvas, offset in ANMF
f = bytearray(files["anim_alpha.webp"])
i = f.index(b"VP8X") + 8
f[i + 4 : i + 10] = (70 - 1).to_bytes(3, "little") + (64 - 1).to_bytes(3, "little")
j = f.index(b"ANMF") + 8
f[j : j + 6] = (3).to_bytes(3, "little") + (5).to_bytes(3, "little")
files["anim_offset.webp"] = bytes(f)
f = bytearray(files["anim.webp"])
i = f.index(b"VP8X") + 8
f[i + 4 : i + 10] = (70 - 1).to_bytes(3, "little") + (64 - 1).to_bytes(3, "little")
files["anim_small_frame.webp"] = bytes(f)


# more than twice as high as wide, and shrunk: Pillow 13 takes the rows first
save("tall_rgb.png", Image.fromarray(scene(61, 170)), "PNG")
save("tall_rgba.png", Image.fromarray(scene(61, 170, 4), "RGBA"), "PNG")
save("tall_la.png", Image.fromarray(scene(61, 170, 2), "LA"), "PNG")
save("tall_gray.png", Image.fromarray(scene(61, 170, 1)[..., 0], "L"), "PNG")
png("tall_gray16.png", 61, 170, 16, 0, [r.astype(">u2").tobytes() for r in scene(61, 170, 1)[..., 0]])


def crop(b, S):
    im = Image.open(io.BytesIO(b))
    w, h = im.size
    mode = im.mode
    size = im.size
    nw, nh = (S, int(S * h / w)) if w <= h else (int(S * w / h), S)
    r = im.resize((nw, nh), Image.BICUBIC) if (nw, nh) != (w, h) else im
    l, t = round((nw - S) / 2), round((nh - S) / 2)
    return mode, size, np.asarray(r.crop((l, t, l + S, t + S)).convert("RGB"))


out = []
for name, b in sorted(files.items()):
    rec = {"name": name, "file": base64.b64encode(b).decode()}
    for S in (24, 50):
        mode, size, px = crop(b, S)
        rec["mode"] = mode
        rec["size"] = size
        rec[f"crop{S}"] = hashlib.sha256(px.tobytes()).hexdigest()
        if S == 24 and name.endswith(".jpg"):
            rec["rgb24"] = base64.b64encode(px.tobytes()).decode()
    out.append(rec)
json.dump(out, open(sys.argv[1], "w"), indent=0)
