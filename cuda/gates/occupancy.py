"""How many blocks of a kernel fit on a multiprocessor: the CUDA programming guide's table of limits
per compute capability, and the rounding of CUDA's occupancy calculator (cuda_occupancy.h)."""

from dataclasses import dataclass

REGISTERS = 65536  # on a multiprocessor of every device below
REGISTER_UNIT = 256  # a warp's registers are rounded up to this
SCHEDULERS = 4  # each has a quarter of the registers and runs whole warps
SHARED_UNIT = 128  # bytes
RESERVED_SHARED = 1024  # bytes of every block, for the system


@dataclass(frozen=True)
class Multiprocessor:
    warps: int
    blocks: int
    shared: int  # bytes


MULTIPROCESSORS = {
    80: Multiprocessor(warps=64, blocks=32, shared=164 << 10),
    86: Multiprocessor(warps=48, blocks=16, shared=100 << 10),
    89: Multiprocessor(warps=48, blocks=24, shared=100 << 10),
    90: Multiprocessor(warps=64, blocks=32, shared=228 << 10),
    100: Multiprocessor(warps=64, blocks=32, shared=228 << 10),
    120: Multiprocessor(warps=48, blocks=24, shared=100 << 10),
}


def round_up(value, unit):
    return -(-value // unit) * unit


def blocks_by_warps(architecture, threads):
    """The most blocks that there can be, whatever they use."""
    limits = MULTIPROCESSORS[architecture]
    return min(limits.blocks, limits.warps // (round_up(threads, 32) // 32))


def blocks(architecture, threads, registers, shared):
    """The blocks that fit, with registers a thread and shared bytes a block (the system's not counted)."""
    limits = MULTIPROCESSORS[architecture]
    warps = round_up(threads, 32) // 32
    warps_by_registers = REGISTERS // SCHEDULERS // round_up(registers * 32, REGISTER_UNIT) * SCHEDULERS
    by_shared = limits.shared // round_up(shared + RESERVED_SHARED, SHARED_UNIT)
    return min(blocks_by_warps(architecture, threads), warps_by_registers // round_up(warps, SCHEDULERS), by_shared)
