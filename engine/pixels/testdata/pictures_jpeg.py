"""JPEG files: Pillow's, libjpeg's with any sampling, and both with their markers changed."""

import ctypes
import io
import os
import struct
import subprocess
import tempfile

import numpy as np
import pictures_png
from PIL import Image

GREY, RGB, YCC, CMYK, YCCK = 1, 2, 3, 4, 5  # libjpeg's colour spaces


def library():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encode_jpeg.c")
    path = os.path.join(tempfile.mkdtemp(), "encode_jpeg.so")
    subprocess.check_call(["gcc", "-O1", "-w", "-shared", "-fPIC", "-o", path, source, "-ljpeg"])
    lib = ctypes.CDLL(path)
    lib.encode.restype = ctypes.c_ulong
    return lib


LIB = library()
FREE = ctypes.CDLL(None).free
FREE.argtypes = [ctypes.c_void_p]


def encode(a, space, jpeg_space, quality, sampling, progressive=0, arithmetic=0, restart=0, interleave=1):
    h, w, c = a.shape
    out = ctypes.c_void_p()
    flat = (ctypes.c_int * 8)(*(list(sampling) + [1] * 8)[:8])
    n = LIB.encode(np.ascontiguousarray(a).ctypes.data_as(ctypes.c_void_p), w, h, c, space, jpeg_space, quality, flat, progressive, arithmetic, restart,
                   interleave, ctypes.byref(out))
    data = ctypes.string_at(out.value, n) if n else b""
    if out.value:
        FREE(out.value)
    return data


SAMPLINGS = {
    "4:4:4": (1, 1, 1, 1, 1, 1), "4:2:2": (2, 1, 1, 1, 1, 1), "4:2:0": (2, 2, 1, 1, 1, 1), "4:4:0": (1, 2, 1, 1, 1, 1), "4:1:1": (4, 1, 1, 1, 1, 1),
    "4:1:0": (4, 2, 1, 1, 1, 1), "1x4": (1, 4, 1, 1, 1, 1), "2x1 mixed": (2, 2, 2, 1, 1, 1), "1x2 mixed": (2, 2, 1, 2, 1, 1), "2x2 chroma": (2, 2, 2, 2, 1, 1),
    "chroma larger": (1, 1, 2, 2, 1, 1), "3x1": (3, 1, 1, 1, 1, 1), "3x2 over 2x1": (3, 2, 2, 1, 1, 1), "3x3": (3, 3, 1, 1, 1, 1), "1x3": (1, 3, 1, 1, 1, 1),
    "4x2 over 2x1": (4, 2, 2, 1, 2, 1), "2x2 all": (2, 2, 2, 2, 2, 2), "1x1 and 2x1": (1, 1, 2, 1, 1, 1),
}


def segment(marker, body, length=None):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2 if length is None else length) + body


def lossless(a):
    """SOF3, predictor 1: one Huffman code of 8 bits for every category."""
    h, w, c = a.shape
    table = segment(0xC4, bytes([0]) + bytes([0] * 7 + [17] + [0] * 8) + bytes(range(17)))
    frame = segment(0xC3, struct.pack(">BHHB", 8, h, w, c) + b"".join(bytes([i + 1, 0x11, 0]) for i in range(c)))
    scan = segment(0xDA, bytes([c]) + b"".join(bytes([i + 1, 0]) for i in range(c)) + bytes([1, 0, 0]))
    v = a.astype(np.int32)
    guess = np.full_like(v, 128)
    guess[:, 1:] = v[:, :-1]
    guess[1:, 0] = v[:-1, 0]
    bits = []
    for diff in (v - guess).reshape(-1):
        n = int(abs(diff)).bit_length()
        bits.append(format(n, "08b"))
        if n:
            bits.append(format(int(diff) if diff > 0 else int(diff) + (1 << n) - 1, f"0{n}b"))
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    body = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + table + frame + scan + body + b"\xff\xd9"


def base(d):
    w, h = d.size()
    space = d.one(*["YCC"] * 6, "grey", "grey", "RGB", "CMYK", "YCCK")
    c = {"grey": 1, "CMYK": 4, "YCCK": 4}.get(space, 3)
    if d.long:
        space, c = "grey", 1
    a = d.scene(w, h, c)
    quality = d.random.randint(5, 98)
    progressive, restart = int(d.chance(0.35)), d.one(0, 0, 0, 1, 2, 7)
    if w * h < 900 and d.chance(0.03):
        return "lossless", lossless(a)
    if space == "YCC" and d.chance(0.25):
        b = io.BytesIO()
        Image.fromarray(a).save(b, "JPEG", quality=quality, subsampling=d.one(0, 1, 2), progressive=bool(progressive), optimize=d.chance(0.5))
        return "Pillow's" + ", progressive" * progressive, b.getvalue()
    kinds = [space]
    name = d.one(*SAMPLINGS) if d.chance(0.6) else d.one("4:4:4", "4:2:2", "4:2:0")
    sampling = list(SAMPLINGS[name])
    if c == 1:
        sampling = d.one([1, 1], [1, 1], [2, 2], [2, 1])
        name = f"{sampling[0]}x{sampling[1]}"
    elif c == 4:
        sampling += d.one(sampling[:2], [1, 1])
    kinds.append(name)
    arithmetic = int(d.chance(0.06))
    interleave = int(d.chance(0.9))
    kinds += ["progressive"] * progressive + ["arithmetic"] * arithmetic + ["restarts"] * bool(restart) + ["scan each"] * (not interleave and not progressive)
    spaces = {"YCC": (RGB, YCC), "grey": (GREY, GREY), "RGB": (RGB, RGB), "CMYK": (CMYK, CMYK), "YCCK": (CMYK, YCCK)}[space]
    return ", ".join(kinds), encode(a, *spaces, quality, sampling, progressive, arithmetic, restart, interleave)


def find(data, *markers):
    """Where the first of the markers stands in front of the first scan; -1 if nowhere."""
    i = 2
    while i + 4 <= len(data) and data[i] == 0xFF:
        if data[i + 1] in markers:
            return i
        if data[i + 1] == 0xDA:
            return -1
        i += 2 + struct.unpack(">H", data[i + 2:i + 4])[0]
    return -1


SOF = [0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA]


def change(d, data):
    """One change of markers."""
    b = bytearray(data)
    sof, sos = find(data, *SOF), find(data, 0xDA)
    how = d.one("EXIF", "EXIF", "EXIF", "EXIF twice", "XMP", "ICC", "Adobe", "Adobe", "no JFIF", "no Adobe", "no EOI", "junk before marker", "fill bytes", "12 bits",
                "two SOF", "wrong height", "height 0 and DNL", "wrong length", "2 components", "no tables", "RST in header", "JFIF short", "two pictures", "no SOI",
                "wrong restart", "DRI", "comment", "MPF", "trailing EOI cut", "scan cut and EOI", "unknown marker", "16-bit tables", "short DQT")
    at = 2
    if how == "EXIF":
        o = d.random.randint(0, 9)
        b[at:at] = segment(0xE1, b"Exif\0\0" * d.one(1, 1, 1, 2) + pictures_png.exif(o, d.one("II", "MM"))[: d.one(99, 99, 99, 14, 3)])
        return f"EXIF {o}", bytes(b)
    if how == "EXIF twice":
        e = pictures_png.exif(d.random.randint(1, 8))
        b[at:at] = segment(0xE1, b"Exif\0\0" + e[:15]) + segment(0xE1, b"Exif\0\0" + e[15:])
    elif how == "XMP":
        b[at:at] = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<a><tiff:Orientation>%d</tiff:Orientation></a>" % d.random.randint(0, 9))
    elif how == "ICC":
        p = b"ICC_PROFILE\0" + bytes([1, d.one(1, 2)]) + d.random.randbytes(300)
        b[at:at] = segment(0xE2, p if d.chance(0.9) else p[:12])
    elif how == "Adobe":
        t = d.one(0, 1, 2, 3, 255)
        adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([t]) if d.chance(0.9) else b"Adobe")
        old = find(data, 0xE0)
        if old > 0 and d.chance(0.8):
            del b[old:old + 18]
        b[at:at] = adobe
        return f"Adobe {t}", bytes(b)
    elif how in ("no JFIF", "no Adobe"):
        old = find(data, 0xE0 if how == "no JFIF" else 0xEE)
        if old > 0:
            del b[old:old + 2 + struct.unpack(">H", data[old + 2:old + 4])[0]]
    elif how in ("no EOI", "trailing EOI cut"):
        del b[len(b) - d.one(1, 2):]
    elif how == "junk before marker":
        b[sof:sof] = d.random.randbytes(d.random.randint(1, 9)).replace(b"\xff", b"\0")
    elif how == "fill bytes":
        b[sof:sof] = b"\xff" * d.random.randint(1, 5)
    elif how == "12 bits":
        b[sof + 4] = d.one(12, 16, 7)
    elif how == "two SOF":
        b[sof:sof] = b[sof:sof + 2 + struct.unpack(">H", data[sof + 2:sof + 4])[0]]
    elif how == "wrong height":
        b[sof + 5:sof + 7] = struct.pack(">H", d.random.randint(1, 2 * struct.unpack(">H", data[sof + 5:sof + 7])[0]))
    elif how == "height 0 and DNL":
        b[-2:] = segment(0xDC, bytes(b[sof + 5:sof + 7])) + b"\xff\xd9"
        b[sof + 5:sof + 7] = b"\0\0"
    elif how == "wrong length":
        i = d.one(sof, sos, find(data, 0xDB), find(data, 0xC4))
        b[i + 3] ^= d.one(1, 2, 8)
    elif how == "2 components":
        b[sof + 9] = 2
    elif how == "no tables":
        i = find(data, d.one(0xDB, 0xC4))
        if i > 0:
            del b[i:i + 2 + struct.unpack(">H", data[i + 2:i + 4])[0]]
    elif how == "RST in header":
        b[sof:sof] = d.one(b"\xff\xd3", b"\xff\xd8", b"\xff\xd9", b"\xff\x01", b"\xff\0")
    elif how == "JFIF short":
        b[at:at] = segment(0xE0, b"JFIF\0\1\1"[: d.one(5, 6, 7)])
    elif how == "two pictures":
        b += bytes(b)
    elif how == "no SOI":
        del b[:2]
    elif how == "wrong restart":
        i = bytes(b).find(b"\xff\xd1")
        if i > 0:
            b[i + 1] = d.one(0xD0, 0xD3, 0xD7)
    elif how == "DRI":
        b[sof:sof] = segment(0xDD, struct.pack(">H", d.random.randint(1, 9)))
    elif how == "comment":
        b[sof:sof] = segment(0xFE, d.random.randbytes(d.random.randint(0, 200)), d.one(None, None, 1, 0))
    elif how == "MPF":
        b[at:at] = segment(0xE2, b"MPF\0" + pictures_png.exif(1))
    elif how == "scan cut and EOI":
        del b[d.random.randint(sos + 12, max(len(b) - 2, sos + 12)):]
        b += b"\xff\xd9"
    elif how == "unknown marker":
        b[sof:sof] = segment(d.one(0x02, 0xBF, 0xF1, 0xDE, 0xDF, 0xC8, 0xCC), b"\0\0")
    elif how == "16-bit tables":
        i = find(data, 0xDB)
        body = b[i + 4:i + 4 + 65]
        b[i:i + 2 + struct.unpack(">H", data[i + 2:i + 4])[0]] = segment(0xDB, b"".join(bytes([0x10 | t]) + b"".join(bytes([0, v]) for v in body[1:]) for t in range(4)))
    elif how == "short DQT":
        b[at:at] = segment(0xDB, bytes(40))
    return how, bytes(b)


def make(d):
    kind, data = base(d)
    if not data:
        return "empty", data
    if d.chance(0.4):
        how, data = change(d, data)
        kind += ", " + how
    if d.chance(0.15):
        data, how = d.damage(data, 3)
        kind += ", " + how
    return kind, data
