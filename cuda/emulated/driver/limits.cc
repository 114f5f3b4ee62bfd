#include "limits.h"

#include <algorithm>

namespace emulated {

namespace {

// Registers are handed out to warps in this unit, and warps are spread over four equal parts of a multiprocessor
// (CUDA's cuda_occupancy.h, compute capability 7 and later).
constexpr int register_unit = 256;
constexpr int parts = 4;
constexpr int shared_unit = 128;

int up(int value, int to) { return (value + to - 1) / to * to; }

int warps_by_registers(const Entry &entry) {
    int per_warp = up(entry.registers * warp_size, register_unit);
    return registers_per_multiprocessor / parts / per_warp * parts;
}

std::string number(const char *what, long value, const char *limit, long most) {
    return std::string(what) + " is " + std::to_string(value) + ", " + limit + " is " + std::to_string(most);
}

}  // namespace

int max_threads(const Entry &entry) {
    int most = entry.max_threads ? entry.max_threads : threads_per_block;
    return std::min(most, warps_by_registers(entry) * warp_size);
}

CUresult check(const Entry &entry, const Capability &device, const Shape &shape, int shared_limit, std::string *why) {
    auto refuse = [&](CUresult code, const std::string &text) {
        *why = text;
        return code;
    };
    const long grid_limits[] = {0x7fffffff, 65535, 65535}, block_limits[] = {threads_per_block, threads_per_block, 64};
    for (int i = 0; i < 3; i++) {
        if (shape.grid[i] < 1 || shape.grid[i] > grid_limits[i]) {
            return refuse(CUDA_ERROR_INVALID_VALUE,
                          number("a side of the grid", shape.grid[i], "its limit", grid_limits[i]));
        }
        if (shape.block[i] < 1 || shape.block[i] > block_limits[i]) {
            return refuse(CUDA_ERROR_INVALID_VALUE,
                          number("a side of the block", shape.block[i], "its limit", block_limits[i]));
        }
    }
    long threads = static_cast<long>(shape.block[0]) * shape.block[1] * shape.block[2];
    if (threads > threads_per_block) {
        return refuse(CUDA_ERROR_INVALID_VALUE, number("threads", threads, "the most in a block", threads_per_block));
    }
    if (entry.max_threads && threads > entry.max_threads) {
        return refuse(CUDA_ERROR_INVALID_VALUE, number("threads", threads, "__launch_bounds__", entry.max_threads));
    }
    if (threads > max_threads(entry)) {
        return refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                      number("threads", threads, "what the registers allow", max_threads(entry)));
    }
    long dynamic = shape.dynamic_shared, together = dynamic + entry.static_shared;
    if (dynamic > shared_limit) {
        return refuse(CUDA_ERROR_INVALID_VALUE,
                      number("dynamic shared memory", dynamic, "what cuFuncSetAttribute allows", shared_limit));
    }
    if (together > device.shared_opt_in << 10) {
        return refuse(CUDA_ERROR_INVALID_VALUE,
                      number("shared memory", together, "the device's limit", device.shared_opt_in << 10));
    }
    return CUDA_SUCCESS;
}

int resident_blocks(const Entry &entry, const Capability &device, int threads, size_t dynamic_shared) {
    if (threads < 1 || threads > max_threads(entry)) return 0;
    size_t shared = entry.static_shared + dynamic_shared;
    if (shared > static_cast<size_t>(device.shared_opt_in) << 10) return 0;
    int warps = up(threads, warp_size) / warp_size;
    int block_shared = up(static_cast<int>(shared) + shared_reserved, shared_unit);
    return std::min({device.blocks_per_multiprocessor, device.threads_per_multiprocessor / warp_size / warps,
                     warps_by_registers(entry) / warps, (device.shared_per_multiprocessor << 10) / block_shared});
}

}  // namespace emulated
