"""Load what `vbge export` wrote with PyTorch and safetensors, and hold it against the checkpoint it came from.

    python check_export.py CHECKPOINT EXPORT.pth EXPORT.safetensors

CHECKPOINT is what the model folder was converted from. Every tensor that inference uses has to be there bit for bit,
under the same name, in the same shape and, in the .pth, in the same order; the rotary buffers of the .pth share two
storages. Prints what was compared; fails on the first difference.
"""
import sys

import torch
from safetensors.torch import load_file

UNUSED = ("bge_pooler.", "model_visual.logit_scale", "model_visual.visual.norm.", "model_visual.visual.head.")


def main():
    original, zipped, safe = sys.argv[1:]
    want = torch.load(original, weights_only=True)
    want = {k.removeprefix("module."): v for k, v in want.get("state_dict", want).items() if not k.endswith("position_ids")}
    pth = torch.load(zipped, weights_only=True)
    forms = {"torch.load": pth, "torch.load, mapped": torch.load(zipped, weights_only=True, mmap=True), "safetensors": load_file(safe)}
    assert list(pth) == list(want), "other names, or another order"
    for form, state in forms.items():
        assert set(state) == set(want), form
        for name, tensor in want.items():
            got = state[name]
            assert got.shape == tensor.shape and got.dtype == tensor.dtype, (form, name, got.shape, got.dtype)
            assert name.startswith(UNUSED) or torch.equal(got, tensor), (form, name)
        print(f"{form}: {len(state)} tensors, {sum(not n.startswith(UNUSED) for n in state)} compared bit for bit")
    ropes = [t.untyped_storage().data_ptr() for n, t in pth.items() if "rope.freqs_" in n]
    assert len(set(ropes)) == min(2, len(ropes)), f"{len(ropes)} rotary buffers in {len(set(ropes))} storages"


main()
