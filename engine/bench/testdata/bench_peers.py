"""vbge beside PyTorch, ONNX Runtime and OpenVINO at each precision: the same full-size model, weights, inputs and threads.

    bench_peers.sh [--quick] [--threads N] [--rounds 3] [--seconds 1] [--kinds image,text32] [--batches 1,8] [--out docs/benchmarks]

Results are compared first: float32 ones that are further from PyTorch's than LARGEST_DISTANCE end the run. Then all take turns, on
each kind and batch and round by round, so that a machine that slows down slows down all of them. Each peer keeps a process, and may
use no processor while it is not its turn; vbge is started for each of its turns. The figures go to peers.json, and from there
into a table and a plot (report.py). `make bench-peers` prepares the environment and calls this.
"""
import argparse
import datetime
import json
import os
import platform
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata

import numpy as np

import report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../../..")
PICTURE = os.path.join(ROOT, "docs/images/leopard.jpg")
VBGE = "vbge"
SIDES = [("PyTorch", "float32"), ("ONNX Runtime", "float32"), ("OpenVINO", "float32"), (VBGE, "float32"),
         ("PyTorch", "bfloat16"), ("OpenVINO", "bfloat16"), (VBGE, "bfloat16"),
         ("ONNX Runtime", "int8"), (VBGE, "int8")]
REFERENCE = SIDES[0]
KINDS = ["image", "pair", "text8", "text32", "text128", "text512"]
LARGEST_DISTANCE = 1e-4  # 1 - cosine, of float32 vectors
LARGEST_IDLE = 0.02      # of a processor, by all peers that wait
LONGEST = 900            # seconds without an answer
COMPARED = 8             # inputs of vbge's in a batch


class Peer:
    """A process of peer.py."""

    def __init__(self, side, folder, threads, *flags):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "peer.py"), *side, folder, str(threads), *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.name = " ".join(side)

    def ask(self, kind, batch, **what):
        """What is seconds or vectors: see peer.py."""
        order = {"kind": kind, "batch": batch, **what}
        self.process.stdin.write(json.dumps(order) + "\n")
        ready, _, _ = select.select([self.process.stdout], [], [], LONGEST)
        answer = self.process.stdout.readline() if ready else ""
        if not answer:
            sys.exit(f"{self.name} gave no answer to {order}")
        return json.loads(answer)

    def processor_seconds(self):
        """Of all its threads until now."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Bench:
    def __init__(self, a):
        self.a, self.model = a, os.path.join(a.folder, "model")
        self.sides = [side for side in SIDES if side[0] != VBGE or self.has(side[1])]
        self.peers = {}
        self.idle, self.waited = 0.0, 0.0

    # ---- vbge

    def vbge(self, precision, kinds, batches, seconds, *flags):
        out = subprocess.run(
            [self.a.vbge, "bench", "--model", self.model, "--kinds", ",".join(kinds), "--batches", ",".join(map(str, batches)),
             "--rounds", "1", "--time", f"{seconds}s", "--device", "cpu", "--threads", str(self.a.threads),
             "--precision", precision, "--json", *flags], check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out)

    def has(self, precision):
        try:
            self.vbge(precision, ["text8"], [1], 0)
            return True
        except subprocess.CalledProcessError as e:
            if precision == "float32":
                raise
            print(f"vbge {precision} is left out: status {e.returncode}", file=sys.stderr)
            return False

    # ---- results

    def compare(self):
        """Every batch once, which warms the peers up too. The smallest cosine to REFERENCE by side and kind."""
        want, rows = {}, []
        for side in self.sides:
            with tempfile.TemporaryDirectory() as folder:
                if side[0] == VBGE:
                    self.vbge(side[1], self.a.kinds, [COMPARED], 0, "--vectors", folder)
                else:
                    self.peers[side] = Peer(side, self.a.folder, self.a.threads)
                for kind in self.a.kinds:
                    batches = [COMPARED] if side[0] == VBGE else self.a.batches
                    cosines = []
                    for batch in batches:
                        path = os.path.join(folder, f"{kind}-{batch}.npy")
                        if side in self.peers:
                            self.peers[side].ask(kind, batch, vectors=path)
                        got = np.load(path).astype(np.float64)
                        got /= np.linalg.norm(got, axis=1, keepdims=True)
                        if side == REFERENCE and len(got) > len(want.get(kind, "")):
                            want[kind] = got
                        n = min(len(got), len(want[kind]))
                        cosines += np.sum(got[:n] * want[kind][:n], axis=1).tolist()
                    rows.append({"side": side, "kind": kind, "smallest": min(cosines), "mean": statistics.fmean(cosines)})
                    if side[1] == "float32" and 1 - min(cosines) > LARGEST_DISTANCE:
                        sys.exit(f"{' '.join(side)}: a {kind} has a cosine of {min(cosines)} to PyTorch's: not the same model")
                print(f"{' '.join(side)}: smallest cosine {min(r['smallest'] for r in rows if r['side'] == side):.6f}", flush=True)
        return rows

    # ---- speed

    def turn(self, side, kind, batch):
        """Inputs a second: of the median run in the turn."""
        before = {other: peer.processor_seconds() for other, peer in self.peers.items() if other != side}
        began = time.monotonic()
        if side[0] == VBGE:
            rate = self.vbge(side[1], [kind], [batch], self.a.seconds)["rows"][0]["per_second"]
        else:
            rate = batch / statistics.median(self.peers[side].ask(kind, batch, seconds=self.a.seconds)["times"])
        self.waited += time.monotonic() - began
        self.idle += sum(self.peers[other].processor_seconds() - used for other, used in before.items())
        return rate

    def measure(self):
        rows = [{"kind": kind, "batch": batch, "rates": [[] for _ in self.sides]} for kind in self.a.kinds for batch in self.a.batches]
        for number in range(self.a.rounds):
            for row in rows:
                for i in range(len(self.sides)):
                    at = (i + number) % len(self.sides)
                    row["rates"][at].append(self.turn(self.sides[at], row["kind"], row["batch"]))
                print(f"round {number + 1}, {row['kind']}, batch {row['batch']}: " + ", ".join(
                    f"{' '.join(side)} {row['rates'][i][-1]:.2f}" for i, side in enumerate(self.sides)), flush=True)
        return rows

    # ---- start and memory

    def start(self, side):
        """Seconds from nothing to the vector of one picture, and bytes in memory over batches of eight."""
        began = time.monotonic()
        if side[0] == VBGE:
            line = json.dumps({"image": PICTURE})
            subprocess.run([self.a.vbge, "embed", "--model", self.model, "--precision", side[1], "--device", "cpu",
                            "--threads", str(self.a.threads)], input=line, check=True, stdout=subprocess.DEVNULL, text=True)
            first = time.monotonic() - began
            return {"seconds": first, **self.memory(side[1])}
        peer = Peer(side, self.a.folder, self.a.threads, "--eager")
        peer.ask("image", 1, seconds=0)
        first = time.monotonic() - began
        answer = peer.ask("image", 8, seconds=1)
        peer.end()
        return {"seconds": first, "resident": answer["resident"], "peak": answer["peak"]}

    def memory(self, precision):
        """Bytes of vbge in memory, by looking at it while it works: the last and the largest."""
        process = subprocess.Popen(
            [self.a.vbge, "bench", "--model", self.model, "--kinds", "image", "--batches", "8", "--rounds", "1", "--time", "2s",
             "--device", "cpu", "--threads", str(self.a.threads), "--precision", precision], stdout=subprocess.DEVNULL)
        seen = {"VmRSS": 0, "VmHWM": 0}
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status") as f:
                seen |= {key: 1024 * int(rest.split()[0]) for key, rest in (line.split(":", 1) for line in f) if key in seen}
            time.sleep(0.05)
        if process.returncode:
            sys.exit(f"vbge bench ended with status {process.returncode}")
        return {"resident": seen["VmRSS"], "peak": seen["VmHWM"]}

    def starts(self):
        rows = []
        for side in self.sides:
            runs = [self.start(side) for _ in range(self.a.rounds)]
            rows.append({"side": side, **{key: [run[key] for run in runs] for key in runs[0]}})
            print(f"{' '.join(side)}: {statistics.median(rows[-1]['seconds']):.2f} s to the first vector", flush=True)
        return rows

    def quality(self):
        precisions = ",".join(side[1] for side in self.sides if side[0] == VBGE)
        out = subprocess.run([self.a.vbge, "bench", "quality", "--precisions", precisions, "--threads", str(self.a.threads), "--json"],
                             check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
        return json.loads(out)


def machine():
    with open("/proc/cpuinfo") as f:
        lines = dict(line.split(":", 1) for line in f if ":" in line)
    lines = {key.strip(): value.strip() for key, value in lines.items()}
    wanted = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8"]
    return {"processor": f"{lines['model name']} (family {lines['cpu family']}, model {lines['model']})",
            "instructions": [flag for flag in wanted if flag in lines["flags"].split()], "system": platform.platform(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}


def busy():
    """Processor seconds of the whole machine until now."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, interrupts, soft, steal, *_ = map(int, f.readline().split()[1:])
    return (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")


def own():
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def arguments():
    threads = len(os.sched_getaffinity(0))
    names = lambda text: text.split(",")  # noqa: E731
    numbers = lambda text: [int(n) for n in text.split(",")]  # noqa: E731
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder", help="where graphs.py and vbge convert have put the model")
    ap.add_argument("--vbge", default=os.path.join(ROOT, "bin/vbge"))
    ap.add_argument("--threads", type=int, default=threads)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--seconds", type=float, default=1, help="of each turn, which is one run at least")
    ap.add_argument("--kinds", type=names, default=KINDS)
    ap.add_argument("--batches", type=numbers, default=[1, 8, 32])
    ap.add_argument("--quick", action="store_true", help="images and texts of 32 tokens, one and eight at a time")
    ap.add_argument("--out", help="folder for peers.json, .md and .svg (docs/benchmarks; with --quick build/bench-peers)")
    a = ap.parse_args()
    a.out = a.out or os.path.join(ROOT, "build/bench-peers" if a.quick else "docs/benchmarks")
    if a.quick:
        a.kinds, a.batches = ["image", "text32"], [1, 8]
    return a


def main():
    a, began, others = arguments(), time.monotonic(), busy()
    bench = Bench(a)
    result = {"date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}", "machine": machine(), "threads": a.threads,
              "rounds": a.rounds, "seconds": a.seconds, "sides": bench.sides,
              "versions": {"vbge": subprocess.run([a.vbge, "version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1],
                           **{name: metadata.version(package) for name, package in
                              (("PyTorch", "torch"), ("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino"))}}}
    try:
        result |= {"cosines": bench.compare(), "rates": bench.measure()}
    finally:
        for peer in bench.peers.values():
            peer.end()
    result |= {"starts": bench.starts(), "quality": bench.quality()}
    took = time.monotonic() - began
    result |= {"minutes": took / 60, "idle": bench.idle / bench.waited,
               "others": max(0.0, busy() - others - own()) / took / os.cpu_count()}
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "peers.json"), "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    report.write(a.out)
    if bench.idle > LARGEST_IDLE * bench.waited:
        sys.exit(f"peers that waited used {bench.idle:.1f} s of processors in {bench.waited:.0f} s: they slowed the others down")


if __name__ == "__main__":
    main()
