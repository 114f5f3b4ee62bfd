"""Write what torch.save makes of one state_dict, in both containers and all pickle protocols, and what PyTorch reads in it.

    ~/.cache/vbge/torch-2.15.0/bin/python weights/pth/testdata/make_forms.py

forms/*.pth hold the state_dict below; forms.json lists each tensor's type, shape and elements as torch.load returns
them. The zips hold a bare storage besides, which torch writes into a legacy stream but does
not read there. refused/*.pth hold what is no dense tensor: PyTorch reads it, this package says by name what it is. old_views.pth
is the legacy format with storages that are parts of others, which early versions of torch wrote: written here by hand, its
content in forms.json again from torch.load.
"""
import collections
import json
import os
import pickle
import shutil
import struct
import warnings

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def with_attribute(x):
    x.note = "an attribute, which torch.save keeps"
    return x


def state():
    torch.manual_seed(0)
    matrix, row, empty = torch.randn(3, 4), torch.arange(10.0), torch.empty(0)
    s = collections.OrderedDict(
        matrix=matrix, again=matrix, transposed=matrix.t(), window=matrix[1:, 1:3], step=row[1::3],
        expanded=torch.randn(1, 3).expand(4, 3), overlapping=torch.as_strided(row, (3, 3), (1, 1), 2),
        parameter=nn.Parameter(torch.randn(2, 2).half()), tagged=with_attribute(nn.Parameter(torch.randn(2))),
        attributed=with_attribute(torch.randn(2)), scalar=torch.tensor(1.5), empty=empty, empty_int=empty.view(torch.int32),
        no_rows=torch.empty(0, 3, dtype=torch.bfloat16))
    for dtype, name in NAMES.items():
        s["of_" + name] = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    s["ünïcode 視覺"] = torch.ones(1)
    s["long" * 80] = torch.ones(1)
    s.update(epoch=3, rate=0.5, big=1 << 70, none=None, yes=True, size=torch.Size([2, 3]), device=torch.device("cpu"),
             dtype=torch.float16, set={1, 2}, frozen=frozenset([1]), bytes=b"ab", array=bytearray(b"ab"), complex=1j,
             counter=collections.Counter("aab"), list=[1, [2, (3,)]], nested={"a": matrix, 7: ()})
    s._metadata = collections.OrderedDict({"": {"version": 1}})
    return s


class Subclass(torch.Tensor):
    pass


def refused():
    a = torch.ones(2, 2)
    complex_numbers = torch.zeros(2, dtype=torch.complex64)
    return {"sparse": a.to_sparse(), "sparse_csr": a.to_sparse_csr(), "quantised": torch.quantize_per_tensor(a, 0.1, 0, torch.qint8),
            "meta": a.to("meta"), "nested": torch.nested.nested_tensor([a]), "uint16": torch.zeros(2, dtype=torch.uint16),
            "float8": torch.zeros(2, dtype=torch.float8_e4m3fn), "complex": complex_numbers, "negated": complex_numbers.conj().imag,
            "subclass": a.as_subclass(Subclass), "numpy": a.numpy(), "module": nn.Linear(2, 2)}


def listed(path):
    content = torch.load(path, weights_only=False)          # True does not read protocols 4 and 5
    content = content.get("state_dict", content)
    return [{"name": k, "dtype": NAMES[v.dtype], "shape": list(v.shape),
             "data": v.detach().clone(memory_format=torch.contiguous_format).flatten().view(torch.uint8).numpy().tobytes().hex() if v.numel() else ""}
            for k, v in content.items() if isinstance(v, torch.Tensor)]


class Call:
    """Pickles as a call of function, a storage as its persistent id."""
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Storage(tuple):
    pass


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return tuple(obj) if isinstance(obj, Storage) else None


def write_old_views(path):
    root = ("storage", torch.FloatStorage, "5", "cpu", 12)
    part, other = Storage(root + (("6", 4, 8),)), Storage(root + (("7", 0, 3),))

    def tensor(storage, offset, size, stride):
        return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, collections.OrderedDict())
    content = collections.OrderedDict(whole=tensor(Storage(root + (None,)), 0, (3, 4), (4, 1)), part=tensor(part, 2, (2, 3), (3, 1)),
                                      turned=tensor(part, 0, (2, 3), (1, 2)), other=tensor(other, 1, (2,), (1,)))
    with open(path, "wb") as f:
        for obj in (torch.serialization.MAGIC_NUMBER, torch.serialization.PROTOCOL_VERSION, {"little_endian": True}):
            pickle.dump(obj, f, protocol=2)
        Pickler(f, protocol=2).dump(content)
        pickle.dump(["5"], f, protocol=2)
        f.write(struct.pack("<q12f", 12, *range(12)))


def main():
    warnings.simplefilter("ignore")
    for folder in ("forms", "refused"):
        shutil.rmtree(os.path.join(HERE, folder), ignore_errors=True)
        os.makedirs(os.path.join(HERE, folder))
    for protocol in (2, 3, 4, 5):
        for container in ("legacy", "zip"):
            path = os.path.join(HERE, "forms", f"{container}_protocol{protocol}.pth")
            content = state()
            if container == "zip":
                content["storage"] = torch.ones(2).untyped_storage()
            torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=container == "zip")
            if protocol > 2 or container == "zip":
                assert read == listed(path), path
            read = listed(path)
    for name, value in refused().items():
        legacy = name not in ("subclass", "module")
        torch.save({"a": value}, os.path.join(HERE, "refused", name + ".pth"), _use_new_zipfile_serialization=not legacy)
    old = os.path.join(HERE, "old_views.pth")
    write_old_views(old)
    with open(os.path.join(HERE, "forms.json"), "w") as f:
        json.dump({"forms": read, "old_views": listed(old)}, f, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
