#!/usr/bin/env python3
"""Checks what the compiled kernels take of a multiprocessor, and prints it.

    gates.py [FATBIN...]    all of cuda/kernels if none is named

For every kernel and every architecture that it was compiled for, read from the cubins that ship:
no stack, no local memory, no spilled register, no bank conflicts, and as many blocks resident as the
kernel states with __launch_bounds__(threads, blocks). Exit status 1: some kernel does not hold this; it is named.
"""

import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

import bank_conflicts
import occupancy

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
TOOLS = os.path.join(ROOT, "third_party/native/cuda/bin")
CUXRAY = os.path.join(ROOT, "third_party/native/cuxray")
REPORTS = os.path.join(ROOT, "build/cuda")

Bounds = collections.namedtuple("Bounds", "threads blocks")
Usage = collections.namedtuple("Usage", "registers stack shared local")


def cuobjdump(what, fatbin):
    environment = dict(os.environ, PATH=TOOLS + os.pathsep + os.environ["PATH"])  # it calls nvdisasm
    command = [os.path.join(TOOLS, "cuobjdump"), what, fatbin]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def stated(fatbin):
    """{kernel: Bounds} from the PTX: None for what __launch_bounds__ does not say."""
    bounds = {}
    for name, directives in re.findall(r"\.entry (\w+)\(.*?\)(.*?)\{", cuobjdump("-ptx", fatbin), re.DOTALL):
        threads = re.search(r"\.maxntid (\d+), 1, 1", directives)
        blocks = re.search(r"\.minnctapersm (\d+)", directives)
        bounds[name] = Bounds(threads and int(threads[1]), blocks and int(blocks[1]))
    return bounds


def used(fatbin):
    """{(architecture, kernel): Usage} from the cubins."""
    usage, architecture, kernel = {}, None, None
    for line in cuobjdump("-res-usage", fatbin).splitlines():
        if match := re.match(r"arch = sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r" Function (\w+):", line):
            kernel = match[1]
        elif match := re.match(r"  REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+) ", line):
            registers, stack, shared, local = map(int, match.groups())
            if architecture >= 90:  # counted there by the compiler, before by the device
                shared -= occupancy.RESERVED_SHARED
            usage[architecture, kernel] = Usage(registers, stack, max(shared, 0), local)
    return usage


def spilled(report):
    """{(architecture, kernel): bytes} from what ptxas -v said, with 0 for kernels that did not spill."""
    bytes_of, key = {}, None
    if not os.path.exists(report):
        return bytes_of
    with open(report, encoding="utf-8") as file:
        for line in file:
            if match := re.search(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", line):
                key = int(match[2]), match[1]
            elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
                bytes_of[key] = int(match[1]) + int(match[2])
    return bytes_of


def faults(architecture, bounds, usage, spills):
    """Yields what is wrong with one kernel on one architecture."""
    if usage.stack or usage.local:
        yield f"uses local memory: stack {usage.stack} bytes, local {usage.local} bytes"
    if spills is None:
        yield "ptxas did not report on it: build again with `make build-cuda`"
    elif spills:
        yield f"spills registers: {spills} bytes"
    if not bounds or not bounds.threads or not bounds.blocks:
        yield "does not state its occupancy: give it __launch_bounds__(threads, blocks)"
        return
    resident = occupancy.blocks(architecture, bounds.threads, usage.registers, usage.shared)
    wanted = min(bounds.blocks, occupancy.blocks_by_warps(architecture, bounds.threads))
    if resident < wanted:
        yield (
            f"{resident} blocks of {bounds.threads} threads fit on a multiprocessor, {wanted} are stated: "
            f"{usage.registers} registers, {usage.shared} bytes of shared memory"
        )


def check(fatbin, report, rows):
    """Yields the faults of all kernels of a fatbin, and adds a line for each kernel to rows."""
    bounds, usage, spills = stated(fatbin), used(fatbin), spilled(report)
    if not usage:
        yield f"{fatbin}: there is no kernel in it"
    if ".extern .shared" in cuobjdump("-ptx", fatbin):
        yield f"{fatbin}: its shared memory is sized by the launch: state it as an array, for this gate to see it"
    for architecture in occupancy.MULTIPROCESSORS.keys() - {architecture for architecture, _ in usage}:
        yield f"{fatbin}: it was not compiled for sm_{architecture}"
    if usage.keys() != spills.keys():
        yield f"{report} is not about {fatbin}: build again with `make build-cuda`"
    for kernel in sorted({kernel for _, kernel in usage}):
        row = {}
        for architecture in sorted(a for a, k in usage if k == kernel):
            u, b = usage[architecture, kernel], bounds.get(kernel)
            for fault in faults(architecture, b, u, spills.get((architecture, kernel))):
                yield f"{kernel} on sm_{architecture} {fault}"
            if b and b.threads:
                row[architecture] = (u, occupancy.blocks(architecture, b.threads, u.registers, u.shared))
        rows.append((kernel, bounds.get(kernel), row))
    if any(u.shared for (architecture, _), u in usage.items() if architecture == bank_conflicts.ARCHITECTURE):
        with tempfile.TemporaryDirectory() as folder:
            yield from bank_conflicts.faults(fatbin, TOOLS, CUXRAY, bounds, folder)


def print_table(rows):
    architectures = list(occupancy.MULTIPROCESSORS)
    print("registers a thread / resident blocks on a multiprocessor, as the cubins have it")
    print(f"{'kernel':32} {'threads':>7} {'stated':>6} {'shared':>7}", *(f"{'sm_%d' % a:>8}" for a in architectures))
    for kernel, bounds, row in rows:
        cells = [f"{row[a][0].registers:>4}/{row[a][1]:<3}" if a in row else "-" for a in architectures]
        shared = max((u.shared for u, _ in row.values()), default=0)
        threads, blocks = bounds or (None, None)
        print(f"{kernel:32} {threads or '-':>7} {blocks or '-':>6} {shared:>7}", *(f"{cell:>8}" for cell in cells))


def main(fatbins):
    fatbins = fatbins or sorted(glob.glob(os.path.join(ROOT, "cuda/kernels/*.fatbin")))
    if not fatbins:
        sys.exit("gates.py: cuda/kernels has no fatbin: `make build-cuda` makes them")
    rows, wrong = [], []
    for fatbin in fatbins:
        report = os.path.join(REPORTS, os.path.basename(fatbin).replace(".fatbin", ".ptxas"))
        wrong += check(fatbin, report, rows)
    print_table(rows)
    for fault in wrong:
        print("gate:", fault)
    print(f"{len(rows)} kernels, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
