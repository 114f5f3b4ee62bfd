"""Images a second of the full-size model in PyTorch on a GPU, as a careful user would run it:
float16, fused attention, layer norm and GELU, compiled, one batch after another without waiting.

    python bench_torch_cuda.py [--device cuda:0] [--batches 1 8 32 80] [--seconds 3]

`vbge gpu-check` starts it, beside its own measurements of the same weights on the same device. It prints
one JSON object a line: version, batch, per_second. `--device cpu --eager` tries the script out.
"""
import argparse
import json
import time

import torch

import make_checkpoint
import reference
from fused import Fused


def rate(embed, batch, device, seconds):
    """Images a second, pixels copied from pinned memory for every batch."""
    side = reference.BASE["image_size"]
    pixels = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, device="cpu")  # not the default device
    if device.type == "cuda":
        pixels = pixels.pin_memory()
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(3):
        embed(pixels)
    wait()
    batches, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(5):
            embed(pixels)
        wait()
        batches += 5
    return batches * batch / (time.perf_counter() - start)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--device", type=torch.device, default=torch.device("cuda:0"))
    ap.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 80])
    ap.add_argument("--seconds", type=float, default=3)
    ap.add_argument("--eager", action="store_true", help="do not compile")
    a = ap.parse_args()

    dtype = torch.float16 if a.device.type == "cuda" else torch.float32
    torch.set_default_device(a.device)
    with torch.device("cpu"):
        state = make_checkpoint.build(reference.BASE, 0)
    state = {k: v.to(a.device, dtype if v.is_floating_point() else None) for k, v in state.items()}
    model = Fused(state, reference.BASE)
    mean, std = (torch.tensor(reference.BASE[k]).view(3, 1, 1) for k in ("mean", "std"))

    def forward(pixels):
        x = ((pixels.float() / 255 - mean) / std).to(dtype)
        ids = torch.tensor([[101, 102]]).expand(len(pixels), -1)
        return model.mm_from_ids(x, ids, torch.ones(ids.shape, dtype=dtype))

    compiled = forward if a.eager else torch.compile(forward)

    with torch.inference_mode():
        for batch in a.batches:
            per_second = rate(lambda p: compiled(p.to(a.device, non_blocking=True)), batch, a.device, a.seconds)
            print(json.dumps({"version": torch.__version__, "batch": batch, "per_second": per_second}), flush=True)


if __name__ == "__main__":
    main()
