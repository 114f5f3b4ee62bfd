"""Writes pools.txt: the kinds of code points that random strings are drawn from (make_strings.py, random_test.go).

    python3.11 make_pools.py

A line is a kind and its ranges. A string takes a range first and then a code point in it, so that short ranges count as
much as long ones. The kinds follow Unicode 14.0, which the reference's ids depend on; they are stored so that every
Python and Go draw the same strings.
"""
import os
import unicodedata

assert unicodedata.unidata_version == "14.0.0", "Python 3.11 has Unicode 14.0"

EDGES = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
         (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F)]                  # BERT's ideographs
POOLS = {
    "ascii": [(0x00, 0x1F), (0x20, 0x7E), (0x41, 0x5A), (0x61, 0x7A), (0x7F, 0x7F)],
    "latin": [(0x80, 0x24F), (0x1E00, 0x1EFF)],
    "alphabets": [(0x250, 0x8FF), (0x900, 0x109F), (0x10A0, 0x1FFF), (0xA4D0, 0xABFF), (0x10000, 0x11FFF)],
    "planes": [(0, 0xD7FF), (0xE000, 0xFFFF), *((plane << 16, plane << 16 | 0xFFFF) for plane in range(1, 17))],
    "ideographs": [*EDGES, *((edge - 3, edge + 3) for first, last in EDGES for edge in (first, last)),
                   (0x2E80, 0x30FF), (0x2EBF0, 0x2EE5F), (0x30000, 0x323AF)],
    "hangul": [(0x1100, 0x11FF), (0x1161, 0x1175), (0x11A7, 0x11C2), (0xA960, 0xA97F), (0xAC00, 0xD7A3), (0xD7A4, 0xD7FF)],
    "private": [(0xE000, 0xF8FF), (0xF0000, 0xFFFFF), (0x100000, 0x10FFFF)],
    "emoji": [(0x1F300, 0x1FAFF), (0x2600, 0x27BF), (0x1F3FB, 0x1F3FF), (0x200D, 0x200D), (0xFE00, 0xFE0F), (0xE0020, 0xE007F)],
    # Assigned by Unicode 15.0 to 17.0: nothing yet in 14.0.
    "newest": [(0x10D40, 0x10D8F), (0x105C0, 0x105FF), (0x10940, 0x1095F), (0x11380, 0x113E2), (0x11BC0, 0x11BFF),
               (0x11DB0, 0x11DEF), (0x11F00, 0x11F5F), (0x13460, 0x143FF), (0x16100, 0x1613F), (0x16D40, 0x16D7F),
               (0x16EA0, 0x16EDF), (0x1CC00, 0x1CEBF), (0x1E4D0, 0x1E4FF), (0x1E5D0, 0x1E5FF), (0x1E6C0, 0x1E6FF),
               (0x1FA75, 0x1FAFF), (0x2EBF0, 0x2EE5D), (0x31350, 0x33479), (0xA7CB, 0xA7DD), (0x1C89, 0x1C8A), (0x20C1, 0x20C1)],
}
KINDS = {
    "marks": lambda ch: unicodedata.category(ch)[0] == "M",
    "ordered": lambda ch: unicodedata.combining(ch) > 0,
    # Those whose canonical order shows in the words, because they are not dropped.
    "kept": lambda ch: unicodedata.combining(ch) > 0 and unicodedata.category(ch) != "Mn",
    "decomposed": lambda ch: unicodedata.normalize("NFD", ch) != ch,
    "composed": lambda ch: unicodedata.normalize("NFC", ch) != ch,
    "cased": lambda ch: ch.lower() != ch,
    "lengthening": lambda ch: len(ch.lower()) > 1 or len(ch.lower().encode()) != len(ch.encode()),
    "punctuation": lambda ch: unicodedata.category(ch)[0] == "P",
    "spaces": lambda ch: ch.isspace() or unicodedata.category(ch) in ("Cc", "Cf", "Zs", "Zl", "Zp"),
    "unassigned": lambda ch: unicodedata.category(ch) == "Cn",
}


def ranges(belongs):
    found = []
    for c in range(0x110000):
        if not 0xD800 <= c <= 0xDFFF and belongs(chr(c)):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


pools = {**POOLS, **{name: ranges(belongs) for name, belongs in KINDS.items()}}
with open(os.path.join(os.path.dirname(__file__), "pools.txt"), "w") as f:
    for name, kind in pools.items():
        f.write(f"{name}: {' '.join(f'{a:X}-{b:X}' for a, b in kind)}\n")
