"""Accesses to shared memory that a warp cannot do at once, as cuxray 0.6.0 finds them in a cubin.

It follows addresses through the code as far as it can; what it cannot follow is not reported."""

import glob
import json
import os
import subprocess
import sys

ARCHITECTURE = 90  # addresses are the source's: one architecture speaks for all


def faults(fatbin, tools, packages, bounds, folder):
    """Yields a line for each kernel with conflicts; tools is the folder of cuobjdump, bounds {kernel: (threads, blocks)}."""
    environment = dict(os.environ, PATH=tools + os.pathsep + os.environ["PATH"], PYTHONPATH=packages)
    extract = [os.path.join(tools, "cuobjdump"), "-xelf", f"sm_{ARCHITECTURE}", os.path.abspath(fatbin)]
    subprocess.run(extract, check=True, capture_output=True, cwd=folder, env=environment)
    (cubin,) = glob.glob(os.path.join(folder, f"*.sm_{ARCHITECTURE}.cubin"))
    for threads in sorted({bound[0] for bound in bounds.values() if bound[0]}):
        gate = ["gate", "--no-cache", "--json", "--threads", str(threads), cubin, "bank_ways<=1"]
        ran = subprocess.run([sys.executable, "-m", "cuxray", *gate], capture_output=True, text=True, env=environment)
        if ran.returncode not in (0, 1):
            raise RuntimeError(f"cuxray {' '.join(gate)}: {ran.stderr}")
        for violation in json.loads(ran.stdout)["violations"]:
            kernel = violation["kernel"]
            if bounds.get(kernel, (threads,))[0] == threads:
                yield f"{kernel} on sm_{ARCHITECTURE} has bank conflicts: {violation['reason']}"
