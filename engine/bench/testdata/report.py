"""The table and the plot of what bench_peers.py measured.

    python report.py FOLDER

reads peers.json there and writes peers.md and peers.svg.
"""
import json
import os
import statistics
import sys

PRECISIONS = ["float32", "bfloat16", "int8"]
NAMES = {"image": "images", "pair": "pairs: image and 16 tokens"}
COLOURS = {"vbge": "#2f81f7", "PyTorch": "#e0823d", "ONNX Runtime": "#8a63d2", "OpenVINO": "#1a9c8c"}
INK = "#7a828b"  # on white and on black
PLOTTED = ["image", "pair", "text32"]


def name(kind):
    return NAMES.get(kind) or f"texts of {kind.removeprefix('text')} tokens"


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def spread(values):
    return f"{number(statistics.median(values))} ({number(min(values))}..{number(max(values))})"


def table(head, rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def speed(r, precision):
    """Inputs a second at a precision: peers, vbge, and what vbge is to the best of them."""
    at = [i for i, side in enumerate(r["sides"]) if side[1] == precision]
    names = [r["sides"][i][0] for i in at]
    rows = []
    for row in r["rates"]:
        rates = {r["sides"][i][0]: row["rates"][i] for i in at}
        medians = {n: statistics.median(v) for n, v in rates.items()}
        ours = medians.pop("vbge", None)
        ratio = f"**{ours / max(medians.values()):.2f}**" if ours and medians else ""
        rows.append([name(row["kind"]), row["batch"], *map(spread, rates.values()), ratio])
    return f"### {precision}\n\n" + table(["inputs a second", "batch", *names, "vbge / best peer"], rows)


def distances(r):
    rows = []
    for side in r["sides"]:
        of = [row for row in r["cosines"] if row["side"] == side]
        rows.append([*side, f"{min(row['smallest'] for row in of):.6f}", f"{statistics.fmean(row['mean'] for row in of):.6f}"])
    return "### Cosine to PyTorch in float32\n\nOn the inputs that are timed, before they are.\n\n" + table(
        ["", "precision", "smallest", "mean"], rows)


def quality(r):
    tasks = list(dict.fromkeys(s["task"] for row in r["quality"] for s in row.get("recall") or []))
    rows = []
    for row in r["quality"]:
        recall = {s["task"]: s for s in row.get("recall") or []}
        rows.append([row["inputs"], row["precision"], row["vectors"], f"{row['smallest_cosine']:.6f}", f"{row['mean_cosine']:.6f}",
                     *(f"{100 * recall[t]['recall_at_1']:.1f}, {100 * recall[t]['recall_at_9']:.1f}" if t in recall else "" for t in tasks)])
    return ("### Quality of vbge by precision\n\n`vbge bench quality`: cosines to the original's float32 vectors on the golden inputs"
            " of the full-size model, to its own on the demo's catalogue; recall@1 and @9 on the demo's queries, in percent.\n\n"
            + table(["inputs", "precision", "vectors", "smallest cosine", "mean cosine", *tasks], rows))


def starts(r):
    megabytes = lambda values: f"{statistics.median(values) / 1e6:.0f}"  # noqa: E731
    return ("### Start and memory\n\nFrom starting the process to the vector of its first picture, files in the page cache; then"
            " MB in memory over batches of eight pictures, and the most until then. PyTorch is not compiled here.\n\n"
            + table(["", "precision", "seconds", "resident", "peak"],
                    [[*row["side"], spread(row["seconds"]), megabytes(row["resident"]), megabytes(row["peak"])] for row in r["starts"]]))


def markdown(r):
    m = r["machine"]
    versions = ", ".join(f"{program} {version}" for program, version in r["versions"].items())
    return f"""# vbge beside its peers

Written by `make bench-peers`; [benchmarks.md](../benchmarks.md#beside-other-engines) says how it measures. {r['date']}, {m['processor']},
{', '.join(m['instructions'])}, {r['threads']} threads, {m['memory'] / 1e9:.0f} GB, {m['system']}. {versions}.
Medians (and range) of {r['rounds']} rounds, {r['minutes']:.0f} minutes; other programs used {100 * r['others']:.1f} % of the machine, peers that
waited {100 * r['idle']:.1f} % of a processor.

![inputs a second at each precision](peers.svg)

""" + "\n".join([*(speed(r, p) for p in PRECISIONS), distances(r), quality(r), starts(r)])


class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=11, anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{INK}">{text}</text>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="2" fill="{colour}"/>')

    def line(self, x, y, length):
        self.parts.append(f'<path d="M{x:.1f} {y - 3:.1f}v6m0 -3h{length:.1f}m0 -3v6" stroke="{INK}" fill="none"/>')

    def svg(self, width, height, title):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
                f'font-family="system-ui, sans-serif"><title>{title}</title>\n' + "\n".join(self.parts) + "\n</svg>\n")


BAR, GAP, HEAD = 13, 8, 30  # of a panel: a bar with its margin, between precisions, and above


def panel(drawing, r, row, x, y, width):
    """Bars of one kind and batch, by precision; each panel has its own scale."""
    drawing.text(x, y + 12, f"{name(row['kind'])}, batch {row['batch']}", 12, weight="600")
    largest = max(max(rates) for rates in row["rates"])
    y += HEAD
    for precision in PRECISIONS:
        sides = [(side, rates) for side, rates in zip(r["sides"], row["rates"]) if side[1] == precision]
        for i, (side, rates) in enumerate(sides):
            if i == 0:
                drawing.text(x + 50, y + 9, precision, 10, "end")
            scale = (width - 100) / largest
            median = statistics.median(rates)
            drawing.bar(x + 56, y, median * scale, BAR - 3, COLOURS[side[0]])
            drawing.line(x + 56 + min(rates) * scale, y + BAR / 2 - 1.5, (max(rates) - min(rates)) * scale)
            drawing.text(x + 62 + max(rates) * scale, y + 9, number(median), 10, weight="600" if side[0] == "vbge" else "normal")
            y += BAR
        y += GAP


def plot(r):
    rows = [row for row in r["rates"] if row["kind"] in PLOTTED]
    columns = len({row["batch"] for row in rows})
    width, height = 300, HEAD + BAR * len(r["sides"]) + GAP * len(PRECISIONS) + 14
    drawing, x = Drawing(), 8
    for program, colour in COLOURS.items():
        drawing.bar(x, 8, 12, 10, colour)
        drawing.text(x + 17, 17, f"{program} {r['versions'][program]}" if program != "vbge" else program)
        x += 150
    drawing.text(8, 36, f"Inputs a second, {r['threads']} threads of {r['machine']['processor']}: medians and range of {r['rounds']} rounds in turns", 11)
    for i, row in enumerate(rows):
        panel(drawing, r, row, 8 + width * (i % columns), 52 + height * (i // columns), width)
    lines = -(-len(rows) // columns)
    return drawing.svg(max(16 + width * columns, 616), 52 + height * lines, "Inputs a second: vbge beside PyTorch, ONNX Runtime and OpenVINO")


def write(folder):
    with open(os.path.join(folder, "peers.json")) as f:
        r = json.load(f)
    for path, text in (("peers.md", markdown(r)), ("peers.svg", plot(r))):
        with open(os.path.join(folder, path), "w", encoding="utf-8") as f:
            f.write(text)
    print(os.path.join(folder, "peers.md"))


if __name__ == "__main__":
    write(*sys.argv[1:])
