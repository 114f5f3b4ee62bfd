"""PNG files, written chunk by chunk."""

import struct
import zlib

import numpy as np

MODES = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (2, 3), (4, 3), (8, 3), (8, 4), (16, 4), (8, 6), (16, 6)]
BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body, crc=None, length=None):
    crc = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body) if length is None else length) + kind + body + struct.pack(">I", crc)


def packed(a, depth):
    """[h, w, c] samples of so many bits as rows of bytes."""
    h = a.shape[0]
    if depth == 16:
        return a.astype(">u2").reshape(h, -1).view(np.uint8)
    if depth == 8:
        return a.astype(np.uint8).reshape(h, -1)
    bits = np.unpackbits(a.astype(np.uint8).reshape(h, -1, 1), axis=2)[:, :, 8 - depth:]
    return np.packbits(bits.reshape(h, -1), axis=1)


def filtered(d, rows, bpp):
    """Every row by a filter of its own."""
    out, above = [], np.zeros(rows.shape[1], np.int32)
    only = d.one(None, 0, 1, 2, 3, 4)
    for row in rows.astype(np.int32):
        f = d.random.randrange(5) if only is None else only
        left = np.concatenate([np.zeros(bpp, np.int32), row[:-bpp]])[: len(row)]
        corner = np.concatenate([np.zeros(bpp, np.int32), above[:-bpp]])[: len(row)]
        p = left + above - corner
        pa, pb, pc = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
        guess = [0, left, above, (left + above) // 2, paeth][f]
        out.append(bytes([f]) + ((row - guess) & 255).astype(np.uint8).tobytes())
        above = row
    return b"".join(out)


def exif(orientation, order="II"):
    e = "<" if order == "II" else ">"
    return order.encode() + struct.pack(e + "HIH", 42, 8, 1) + struct.pack(e + "HHIHHI", 274, 3, 1, orientation, 0, 0)


def extras(d, colour, depth):
    """Chunks before the pixels that a reader may stumble over, and their names."""
    c, kinds = b"", []

    def add(name, data):
        nonlocal c
        c += data
        kinds.append(name)
    if d.chance(0.3):
        n = {0: 2, 2: 6, 3: d.random.randint(1, 1 << min(depth, 8)), 4: 2, 6: 6}[colour]
        add("tRNS", chunk(b"tRNS", d.random.randbytes(n if d.chance(0.9) else d.random.randint(0, 8))))
    if d.chance(0.1):
        add("gAMA", chunk(b"gAMA", struct.pack(">I", d.one(45455, 100000, 0))[: d.one(4, 4, 4, 3)]))
    if d.chance(0.1):
        add("iCCP", chunk(b"iCCP", b"icc\0" + bytes([d.one(0, 0, 0, 1)]) + zlib.compress(bytes(d.one(100, 3000, 1 << 21)))))
    if d.chance(0.1):
        text = zlib.compress(b"x" * d.one(10, 5000, (1 << 20) + 1, 1 << 20))
        add("zTXt", chunk(b"zTXt", b"Comment\0" + bytes([d.one(0, 0, 0, 3)]) + (text if d.chance(0.8) else text[: len(text) // 2])))
    if d.chance(0.1):
        add("text", chunk(b"tEXt", b"Title\0caf\xe9") + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x tiff:Orientation=\"%d\"/>" % d.random.randint(0, 9)))
    if d.chance(0.15):
        o = d.random.randint(0, 9)
        add("eXIf", chunk(b"eXIf", exif(o, d.one("II", "MM"))[: d.one(100, 100, 100, 12)]))
    if d.chance(0.05):
        raw = (b"Exif\0\0" + exif(d.random.randint(1, 8))).hex().encode()
        add("raw profile", chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      26\n" + raw + b"\n")))
    if d.chance(0.06):
        add("private", chunk(d.one(b"prVt", b"ABCD", b"ab_9"), d.random.randbytes(20)))
    if d.chance(0.03):
        add("wrong ancillary CRC", chunk(b"tEXt", b"a\0b", crc=1))
    if d.chance(0.02):
        add("wrong name", chunk(d.one(b"a b ", b"\xff\xfe\xfd\xfc"), b""))
    if d.chance(0.04):
        add(*d.one(("short pHYs", chunk(b"pHYs", b"\0" * 8)), ("short cHRM", chunk(b"cHRM", b"\0" * 31)), ("sRGB", chunk(b"sRGB", d.one(b"", b"\0"))),
                   ("IHDR again", chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 0)))))
    return c, kinds


def make(d):
    w, h = d.size()
    depth, colour = d.one(*MODES)
    if d.long and colour not in (0, 3):
        depth, colour = 8, 0
    bands = BANDS[colour]
    a = d.scene(w, h, bands).astype(np.uint16)
    if depth == 16:
        a = a * d.one(1, 2, 257) if d.chance(0.7) else (a << 8) + d.rng.integers(0, 256, a.shape, np.uint16)
    elif depth < 8:
        a >>= 8 - depth
    interlaced = d.chance(0.3) and not d.long
    bpp = max(bands * depth // 8, 1)
    kinds = [f"depth {depth} colour {colour}"]
    if interlaced:
        raw = b"".join(filtered(d, packed(a[y0::dy, x0::dx], depth), bpp) for x0, y0, dx, dy in PASSES if a[y0::dy, x0::dx].size)
        kinds.append("interlaced")
    else:
        raw = filtered(d, packed(a, depth), bpp)
    plte = b""
    if colour == 3:
        n = (1 << depth) if d.chance(0.5) else d.random.randint(0, 1 << depth)
        body = d.random.randbytes(3 * n + d.one(0, 0, 0, 0, 1, 2))
        if d.chance(0.03):
            body = d.random.randbytes(800)
        plte = b"" if d.chance(0.04) else chunk(b"PLTE", body)
        if len(body) // 3 < 1 << depth:
            kinds.append("short palette")
    elif d.chance(0.05) and colour != 0:
        plte = chunk(b"PLTE", d.random.randbytes(30))
    more, names = extras(d, colour, depth)
    kinds += names
    t = d.random.random()
    if t < 0.04:
        keep = d.random.randint(0, len(raw))
        if d.chance(0.6) and not interlaced:
            keep -= keep % (len(raw) // h)
        raw = raw[:keep]
        kinds.append("short pixels")
    elif t < 0.08:
        raw += d.random.randbytes(d.random.randint(1, 5000))
        kinds.append("long pixels")
    elif t < 0.09:
        raw = bytes([d.random.randint(5, 255)]) + raw[1:]
        kinds.append("wrong filter")
    body = zlib.compress(raw, d.random.randint(0, 9))
    t = d.random.random()
    if t < 0.03:
        body = body[:-4] + b"\1\2\3\4"
        kinds.append("wrong Adler")
    elif t < 0.06:
        body = body[: -d.random.randint(1, 8)]
        kinds.append("no Adler")
    elif t < 0.07:
        body += d.random.randbytes(50)
        kinds.append("junk in IDAT")
    header = struct.pack(">IIBBBBB", w, h, depth, colour, d.one(*[0] * 40, 1), d.one(*[0] * 60, 1), int(interlaced))
    if d.chance(0.01):
        header = struct.pack(">IIBBBBB", *d.one((0, h), (w, 0), (2**31 - 1, 2**31 - 1), (40000, 40000)), depth, colour, 0, 0, 0)
    cut = sorted(d.random.randint(0, len(body)) for _ in range(d.one(0, 0, 1, 3)))
    idat, last = b"", 0
    for at in cut + [len(body)]:
        crc = None
        if d.chance(0.03):
            crc = 5
            kinds.append("wrong IDAT CRC")
        idat += chunk(b"IDAT", body[last:at], crc)
        last = at
        if at != len(body) and d.chance(0.02):
            idat += chunk(b"tEXt", b"in\0between")
            kinds.append("IDATs apart")
    ahead, tail = b"", b""
    if d.chance(0.06):  # animated
        kinds.append("APNG")
        fw, fh, fx, fy = (w, h, 0, 0) if d.chance(0.6) else (d.random.randint(1, w), d.random.randint(1, h), 0, d.one(0, 1))
        control = struct.pack(">IIIIIHHBB", d.one(0, 0, 0, 1), fw, fh, fx, fy, 1, 10, d.one(0, 1, 2), 0)
        ahead = chunk(b"acTL", struct.pack(">II", d.one(1, 2, 2, 0), 0)) + (chunk(b"fcTL", control) if d.chance(0.7) else b"")
        tail = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, w, h, 0, 0, 1, 10, 0, 0)) + chunk(b"fdAT", struct.pack(">I", 2) + body)
    if d.chance(0.06):
        tail += d.one(chunk(b"tEXt", b"after\0x", crc=d.one(None, 7)), chunk(b"tRNS", b"\0"), chunk(b"IDAT", b"more"), chunk(b"abCd", b"xyz", length=400),
                      chunk(b"eXIf", exif(d.random.randint(1, 8))), chunk(b"zTXt", b"k\0\1x"))
        kinds.append("chunk behind")
    if d.chance(0.95):
        tail += chunk(b"IEND", b"")
    else:
        kinds.append("no IEND")
    crc = 9 if d.chance(0.01) else None
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header, crc) + ahead + (plte + more if d.chance(0.8) else more + plte) + idat + tail
    if d.chance(0.12):
        data, how = d.damage(data)
        kinds.append(how)
    return ", ".join(kinds), data
