"""Write random state_dicts as torch.save does, sound and damaged, with what torch.load reads in each.

    ~/.cache/vbge/torch-2.15.0/bin/python weights/pth/testdata/make_damaged.py --seed 3 --out DIR
    VBGE_CHECKPOINTS=DIR go test -run TestDamaged -v ./weights/pth

DIR/NAME.pth has beside it NAME.json: the tensors in the form of forms.json, or {"refused": why} where PyTorch says why not.
Names begin with "sound" or "damaged"; a damaged file is a sound one with one to three bytes changed or its end cut off.
"""
import argparse
import collections
import json
import os
import random
import resource
import warnings

import torch

from make_forms import NAMES, listed


def tensor(r):
    """A random window of a random storage: contiguous, sliced, permuted, expanded, or of overlapping rows."""
    shape = [r.choice((0, 1, 1, 2, 3, 5)) for _ in range(r.randrange(5))]
    # No booleans: PyTorch makes 1 of whatever other byte a damaged one is, as soon as it copies it.
    x = torch.rand(shape).mul(200).sub(100).to(r.choice([t for t in NAMES if t != torch.bool]))
    kind = r.randrange(6)
    if kind == 0 and shape:
        x = x.permute(r.sample(range(len(shape)), len(shape)))
    elif kind == 1 and shape and shape[0] > 1:
        x = x[r.randrange(shape[0])::r.randrange(1, 3)]
    elif kind == 2 and x.numel() < 10:          # a tensor larger than its file is refused
        x = x.expand([r.randrange(1, 4)] + shape)
    elif kind == 3 and x.numel() > 4:
        x = x.flatten().as_strided((2, 3), (1, r.randrange(2)), r.randrange(2))
    elif kind == 4 and x.is_floating_point():
        x = torch.nn.Parameter(x, requires_grad=r.random() < 0.5)
    return x


def state(r):
    s = collections.OrderedDict()
    for i in range(r.randrange(1, 12)):
        s[f"{r.choice(('layer', 'ü', 'block.weight'))}.{i}"] = r.choice(list(s.values())) if s and r.random() < 0.2 else tensor(r)
    if r.random() < 0.5:
        s._metadata = collections.OrderedDict({"": {"version": 1}})
    if r.random() < 0.3:
        s["epoch"] = r.randrange(1 << 40)
    return {"state_dict": s, "note": "wrapped"} if r.random() < 0.2 else s


def damage(r, content):
    content = bytearray(content)
    if r.random() < 0.1:
        return content[:r.randrange(len(content))]
    for _ in range(r.randrange(1, 4)):
        i = r.randrange(len(content))
        content[i] = r.choice((content[i] ^ 1 << r.randrange(8), r.randrange(256), content[r.randrange(len(content))]))
    return content


def note(path):
    """In a process of its own: damaged files make torch.load raise anything, take all memory, or crash."""
    said = path[:-len(".pth")] + ".json"
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        try:
            says = {"tensors": listed(path)}
            if not all(isinstance(t["name"], str) for t in says["tensors"]):
                says = {"refused": "a key that is no string, here alone"}
        except BaseException as why:
            says = {"refused": f"{type(why).__name__}: {why}"[:300]}
        with open(said, "w") as f:
            json.dump(says, f)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        with open(said, "w") as f:
            json.dump({"refused": "a crash"}, f)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--count", type=int, default=100)
    ap.add_argument("--damaged", type=int, default=20, help="of each")
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)                    # threads do not survive a fork
    os.makedirs(a.out, exist_ok=True)
    r = random.Random(a.seed)
    torch.manual_seed(a.seed)
    for i in range(a.count):
        path = os.path.join(a.out, f"sound{i}.pth")
        torch.save(state(r), path, pickle_protocol=r.randrange(2, 6), _use_new_zipfile_serialization=r.random() < 0.5)
        note(path)
        with open(path, "rb") as f:
            content = f.read()
        for k in range(a.damaged):
            path = os.path.join(a.out, f"damaged{i}_{k}.pth")
            with open(path, "wb") as f:
                f.write(damage(r, content))
            note(path)


if __name__ == "__main__":
    main()
