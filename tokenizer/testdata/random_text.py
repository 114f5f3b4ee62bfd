"""Random Unicode texts with the words and ids that the Python reference makes of them (TestRandomWords, TestRandomIDs).

    python3.11 random_text.py VOCAB [--count 1000] [--seed 1] [--longest 300] | gzip -n > random.jsonl.gz

VOCAB is bert-base-uncased's vocab.txt (make setup). One JSON object a line: text, words (a special token is the word
of its name), and ids by VOCAB without truncation. To compare with another file than the stored one:

    go test -v -run TestRandom ./tokenizer -args -random /tmp/other.jsonl.gz
"""
import argparse
import json
import os
import random
import sys
import types
import unicodedata

for absent in ("torch", "numpy", "PIL"):        # reference.py imports them; its tokenizer needs none
    sys.modules[absent] = types.ModuleType(absent)
sys.modules["PIL"].Image = None
sys.modules["torch"].no_grad = lambda: lambda function: function
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../engine/testdata/reference"))
from reference import WordPiece  # noqa: E402

assert unicodedata.unidata_version == "14.0.0"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
MARKS = [c for c in SCALARS if unicodedata.category(chr(c))[0] == "M"]
ORDERED = [c for c in SCALARS if unicodedata.combining(chr(c))]
KEPT = [c for c in ORDERED if unicodedata.category(chr(c)) != "Mn"]     # their order shows in the words
DECOMPOSED = [c for c in SCALARS if unicodedata.normalize("NFD", chr(c)) != chr(c)]
CASED = [c for c in SCALARS if chr(c).lower() != chr(c)]
PUNCTUATION = [c for c in SCALARS if unicodedata.category(chr(c))[0] == "P"]
SPACES = [c for c in SCALARS if chr(c).isspace() or unicodedata.category(chr(c)) in ("Cc", "Cf", "Zs", "Zl", "Zp")]
CJK = [*range(0x3400, 0x3500), *range(0x4DB0, 0x5000), *range(0x9FF0, 0xA010), *range(0xF900, 0xFB00),
       *range(0x20000, 0x20040), *range(0x2F800, 0x2FA20), *range(0x2B810, 0x2B830), *range(0x2CEA0, 0x2CEC0)]
HANGUL = [*range(0x1100, 0x1200), *range(0xAC00, 0xD7B0)]
POOLS = (SCALARS, range(0x250), range(0x3000), MARKS, ORDERED, KEPT, DECOMPOSED, CASED, PUNCTUATION, SPACES, CJK, HANGUL)


def pieces(rng, words, longest):
    """One text: runs drawn from a few pools, with words, marks, specials and over-long words strewn in."""
    pools = rng.sample(POOLS, rng.randint(1, 4))
    left = rng.choice((3, 10, 10, 30, 30, 100, longest))
    while left > 0:
        kind = rng.random()
        if kind < 0.08:
            out = rng.choice(WordPiece.SPECIAL)
        elif kind < 0.10:
            out = rng.choice(WordPiece.SPECIAL)[rng.randint(0, 1):rng.randint(3, 7)].swapcase()
        elif kind < 0.25:
            out = rng.choice(words).removeprefix("##")
            out = rng.choice((out, out.upper(), out.title(), out + " "))
        elif kind < 0.30:
            out = "e" + "".join(chr(rng.choice(ORDERED + KEPT * 20)) for _ in range(rng.randint(1, 12)))
        elif kind < 0.31:
            out = rng.choice("a\u00e9\u0430\U0001d165") * rng.choice((49, 50, 51, 99, 100, 101, 150))
        elif kind < 0.40:
            out = " "
        else:
            pool = rng.choice(pools)
            out = "".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 8)))
        yield out[:left]
        left -= len(out)


def words_of(tokenizer, text):
    for part in tokenizer._special.split(text):
        if part in tokenizer.SPECIAL:
            yield part
        else:
            yield from tokenizer.words("".join(ch.lower() for ch in part))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("vocab")
    ap.add_argument("--count", type=int, default=1000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--longest", type=int, default=300)
    args = ap.parse_args()
    tokenizer = WordPiece.from_file(args.vocab)
    rng = random.Random(args.seed)
    for _ in range(args.count):
        text = "".join(pieces(rng, tokenizer.tokens, args.longest))
        json.dump({"text": text, "words": list(words_of(tokenizer, text)), "ids": tokenizer.encode(text)}, sys.stdout,
                  separators=(",", ":"))
        print()


main()
