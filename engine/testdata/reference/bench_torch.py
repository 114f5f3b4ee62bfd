"""Images a second of the full-size model in float32: PyTorch beside `vbge bench`, round by round.

    python bench_torch.py [--vbge bin/vbge] [--batch 8] [--seconds 10] [--rounds 3]

Both run the same architecture with the same seed-0 weights on as many threads as there are cores.
PyTorch runs twice: reference.py as it stands, and with its fused operations (linear, layer norm,
scaled dot-product attention, GELU, SiLU), which is what a careful user would write. Rounds are
interleaved, so that a machine that slows down slows down all of them; the medians are compared.
`make bench-torch` prepares the virtual environment and calls this.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

import make_checkpoint
import reference


class Fused(reference.Model):
    """The same model in PyTorch's fused operations."""

    def _linear(self, x, key, bias=True):
        return F.linear(x, self.w[key + ".weight"], self.w[key + ".bias"] if bias else None)

    def _norm(self, x, key, eps):
        return F.layer_norm(x, x.shape[-1:], self.w[key + ".weight"], self.w[key + ".bias"], eps)

    @staticmethod
    def _attend(q, k, v, bias=None):
        return F.scaled_dot_product_attention(q, k, v, bias, scale=1.0).transpose(1, 2).flatten(2)

    def _vision_block(self, x, key):
        cfg = self.cfg["vision"]
        eps, width = cfg["ln_eps"], cfg["head_width"]
        y = self._norm(x, key + "norm1", eps)
        q = F.linear(y, self.w[key + "attn.q_proj.weight"], self.w[key + "attn.q_bias"])
        k = self._linear(y, key + "attn.k_proj", bias=False)
        v = F.linear(y, self.w[key + "attn.v_proj.weight"], self.w[key + "attn.v_bias"])
        q, k, v = (self._heads(t, width) for t in (q, k, v))
        q, k = (torch.cat([t[:, :, :1], reference.rotate(t[:, :, 1:], self.cos, self.sin)], dim=2) for t in (q, k))
        y = self._norm(self._attend(q * width ** -0.5, k, v), key + "attn.inner_attn_ln", eps)
        x = x + self._linear(y, key + "attn.proj")
        y = self._norm(x, key + "norm2", eps)
        y = F.silu(self._linear(y, key + "mlp.w1")) * self._linear(y, key + "mlp.w2")
        return x + self._linear(self._norm(y, key + "mlp.ffn_ln", eps), key + "mlp.w3")

    def _bert(self, x, mask):
        cfg = self.cfg["text"]
        bias = None if mask.all() else (1.0 - mask)[:, None, None, :] * -65504.0
        width = cfg["hidden"] // cfg["heads"]
        for i in range(cfg["layers"]):
            key = f"bge_encoder.layer.{i}."
            q, k, v = (self._heads(self._linear(x, key + "attention.self." + n), width)
                       for n in ("query", "key", "value"))
            y = self._linear(self._attend(q / math.sqrt(width), k, v, bias), key + "attention.output.dense")
            x = self._norm(x + y, key + "attention.output.LayerNorm", cfg["ln_eps"])
            y = F.gelu(self._linear(x, key + "intermediate.dense"))
            x = self._norm(x + self._linear(y, key + "output.dense"), key + "output.LayerNorm", cfg["ln_eps"])
        return x


def torch_rate(model, pixels, ids, seconds):
    """Images a second over whole batches, for at least that many seconds."""
    batches, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        model.mm_from_ids(pixels, ids, torch.ones(ids.shape))
        batches += 1
    return batches * len(pixels) / (time.perf_counter() - start)


def vbge_rate(binary, batch, seconds, threads):
    out = subprocess.run(
        [binary, "bench", "--model", "random", "--kinds", "image", "--batches", str(batch), "--rounds", "1",
         "--time", f"{seconds}s", "--threads", str(threads), "--precision", "float32", "--json"],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    row, = json.loads(out)["rows"]
    return row["per_second"]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--vbge", help="the binary to compare with; PyTorch alone without it")
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--seconds", type=int, default=10, help="of each measurement")
    ap.add_argument("--rounds", type=int, default=3)
    a = ap.parse_args()

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    state = make_checkpoint.build(reference.BASE, 0)
    models = {"torch, reference.py": reference.Model(state, reference.BASE),
              "torch, fused": Fused(state, reference.BASE)}
    pixels = torch.randn(a.batch, 3, reference.BASE["image_size"], reference.BASE["image_size"])
    ids = torch.tensor([[101, 102]] * a.batch)                  # the text "": [CLS] [SEP]

    with torch.inference_mode():
        warm = [m.mm_from_ids(pixels, ids, torch.ones(ids.shape)) for m in models.values()]
        difference = (warm[0] - warm[1]).abs().max().item()
        if difference > 5e-6:
            sys.exit(f"the two PyTorch models differ by {difference:.1e}: not the same model")
        sides = {name: (lambda m=m: torch_rate(m, pixels, ids, a.seconds)) for name, m in models.items()}
        if a.vbge:
            sides["vbge"] = lambda: vbge_rate(a.vbge, a.batch, a.seconds, threads)
        print(f"torch {torch.__version__}, {threads} threads, float32, batch {a.batch}, "
              f"{a.rounds} rounds of {a.seconds} s; images a second:", flush=True)
        rates = {name: [] for name in sides}
        for i in range(a.rounds):
            for name, measure in sides.items():
                rates[name].append(measure())
            print(f"round {i + 1}: " + ", ".join(f"{name} {rates[name][-1]:.2f}" for name in rates), flush=True)

    medians = {name: statistics.median(r) for name, r in rates.items()}
    print("median:  " + ", ".join(f"{name} {m:.2f}" for name, m in medians.items()))
    if a.vbge:
        best = max((n for n in medians if n != "vbge"), key=medians.get)
        print(f"vbge / {best}: {medians['vbge'] / medians[best]:.2f}")


if __name__ == "__main__":
    main()
