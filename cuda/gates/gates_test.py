#!/usr/bin/env python3
"""Shows that every gate can fail: compiles the kernels of testdata and looks at what is said of them."""

import os
import subprocess
import tempfile
import unittest

import bank_conflicts
import gates
import occupancy

NVCC = os.path.join(gates.TOOLS, "nvcc")


def flags():
    """What cuda/CMakeLists.txt compiles kernels with."""
    with open(os.path.join(gates.REPORTS, "nvcc-flags"), encoding="utf-8") as file:
        return file.read().split()


def source(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata", name)


def compiled(name, folder, lenient=False):
    """Returns nvcc's exit status and the paths of fatbin and report; lenient: warnings are only warnings."""
    arguments = flags()
    if lenient:
        arguments = [a for a in arguments if a not in ("-Werror", "all-warnings")]
        arguments[arguments.index("-v,-warn-spills,-warn-lmem-usage")] = "-v"
    fatbin, report = os.path.join(folder, "k.fatbin"), os.path.join(folder, "k.ptxas")
    with open(report, "w", encoding="utf-8") as said:
        status = subprocess.run([NVCC, *arguments, source(name), "-o", fatbin], stderr=said, check=False).returncode
    return status, fatbin, report


class Gates(unittest.TestCase):
    def test_build_refuses_spills(self):
        with tempfile.TemporaryDirectory() as folder:
            status, _, report = compiled("bad.cu", folder)
            with open(report, encoding="utf-8") as file:
                said = file.read()
        self.assertNotEqual(status, 0)
        self.assertIn("Registers are spilled to local memory in function 'spills'", said)
        self.assertIn("Local memory used for function 'spills'", said)

    def test_every_fault_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            status, fatbin, report = compiled("bad.cu", folder, lenient=True)
            self.assertEqual(status, 0)
            said = list(gates.check(fatbin, report, []))
        for architecture in occupancy.MULTIPROCESSORS:
            for kernel, fault in [
                ("spills", "spills registers"),
                ("spills", "uses local memory"),
                ("indexes", "uses local memory"),
                ("crowds", "blocks of 128 threads fit on a multiprocessor"),
                ("collides", "has bank conflicts: bank_ways=32"),
                ("states_nothing", "does not state its occupancy"),
            ]:
                if kernel == "collides" and architecture != bank_conflicts.ARCHITECTURE:
                    continue
                with self.subTest(architecture=architecture, kernel=kernel, fault=fault):
                    start = f"{kernel} on sm_{architecture} "
                    of_kernel = [line for line in said if line.startswith(start)]
                    self.assertTrue(any(fault in line for line in of_kernel), of_kernel)
        self.assertFalse([line for line in said if line.startswith("good ")])

    def test_dynamic_shared_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            status, fatbin, report = compiled("dynamic.cu", folder)
            self.assertEqual(status, 0)
            said = list(gates.check(fatbin, report, []))
        self.assertEqual([line for line in said if "sized by the launch" not in line], [])
        self.assertEqual(len(said), 1)

    def test_another_compilation_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            status, fatbin, _ = compiled("dynamic.cu", folder)
            self.assertEqual(status, 0)
            report = os.path.join(folder, "other.ptxas")
            with open(report, "w", encoding="utf-8"):
                pass
            said = list(gates.check(fatbin, report, []))
        self.assertTrue(any("is not about" in line for line in said), said)


class Occupancy(unittest.TestCase):
    # By hand, each by another limit: architecture, threads, registers, shared bytes, blocks.
    CASES = [
        (80, 128, 144, 40960, 3),  # registers
        (80, 256, 32, 0, 8),  # threads
        (80, 32, 16, 0, 32),  # blocks
        (80, 256, 33, 0, 6),  # 33 registers count as 40
        (86, 1024, 32, 0, 1),  # 48 warps hold one block of 32
        (90, 128, 32, 49152, 4),  # shared memory: 4 * (48 + 1) KiB of 228
        (120, 128, 32, 49152, 2),  # and of 100
    ]

    def test_blocks(self):
        for architecture, threads, registers, shared, blocks in self.CASES:
            with self.subTest(architecture=architecture, threads=threads, registers=registers, shared=shared):
                self.assertEqual(occupancy.blocks(architecture, threads, registers, shared), blocks)


if __name__ == "__main__":
    unittest.main()
