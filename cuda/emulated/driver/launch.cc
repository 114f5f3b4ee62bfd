// Launches of kernels: their limits, their parameters, their execution by the interpreter.
#include <algorithm>
#include <cstring>
#include <thread>

#include "library_kernel.h"
#include "limits.h"
#include "module.h"
#include "stream.h"

using namespace emulated;

namespace {

using Parameters = std::shared_ptr<std::vector<unsigned char>>;

// The parameters as the kernel finds them, from an array of pointers to each.
Parameters take_parameters(const Call &call, const Code &code, void **each) {
    auto taken = std::make_shared<std::vector<unsigned char>>(code.body->parameter_bytes);
    const char *name = code.entry.name.c_str();
    for (size_t i = 0; i < code.entry.parameters.size(); i++) {
        if (!each || !each[i]) {
            call.misused(CUDA_ERROR_INVALID_VALUE, "%s: parameter %zu of %zu is missing", name, i,
                         code.entry.parameters.size());
            return nullptr;
        }
        memcpy(taken->data() + code.entry.parameters[i].offset, each[i],
               static_cast<size_t>(code.entry.parameters[i].size));
    }
    return taken;
}

std::string triple(const unsigned *sides) {
    return "[" + std::to_string(sides[0]) + "," + std::to_string(sides[1]) + "," + std::to_string(sides[2]) + "]";
}

void trace(Queue &queue, const Entry &entry, const Shape &shape, const ptx::Counters &counted) {
    queue.context->trace.write(
        queue.context->device, queue.number,
        "\"kind\":\"kernel\",\"name\":\"" + entry.name + "\",\"grid\":" + triple(shape.grid) +
            ",\"block\":" + triple(shape.block) +
            ",\"shared\":" + std::to_string(shape.dynamic_shared + static_cast<unsigned>(entry.static_shared)) +
            ",\"loaded\":" + std::to_string(counted.loaded) + ",\"stored\":" + std::to_string(counted.stored) +
            ",\"mma_flops\":" + std::to_string(counted.mma_flops) +
            ",\"fma_flops\":" + std::to_string(counted.fma_flops));
}

// A graph may launch what has been unloaded since it was captured.
bool still_loaded(const CUctx_st &context, CUfunction function, const Code &code) {
    Lock lock(driver().lock);
    if (is_loaded(context, function)) return true;
    fprintf(stderr, "emulated driver: %s is launched by a graph and its module has been unloaded\n",
            code.entry.name.c_str());
    return false;
}

// NaN as float32, bfloat16 and float16, within what a kernel wrote.
void write_nan(uint64_t address) { poison(reinterpret_cast<void *>(address & ~uint64_t(3)), 4); }

CUresult run(Queue &queue, const Code &code, const Shape &shape, const Parameters &parameters, bool spoil) {
    CUctx_st &context = *queue.context;
    ptx::Launch launch;
    std::copy(shape.grid, shape.grid + 3, launch.grid);
    std::copy(shape.block, shape.block + 3, launch.block);
    launch.dynamic_shared = shape.dynamic_shared;
    launch.parameters = parameters->data();
    ptx::Machine machine;
    machine.seed = context.settings.seed;
    machine.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    machine.range = [&](uint64_t address, uint64_t *from, uint64_t *to) {
        return context.memory.range(address, from, to);
    };
    try {
        ptx::Counters counted = ptx::run(*code.body, launch, machine);
        trace(queue, code.entry, shape, counted);
        if (spoil && counted.written) write_nan(counted.written);
        return CUDA_SUCCESS;
    } catch (const ptx::Error &error) {
        fprintf(stderr, "emulated driver: %s: %s\n", code.entry.name.c_str(), error.what());
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
}

CUresult run_library(Queue &queue, const LibraryKernel &kernel, bool spoil) {
    CUctx_st &context = *queue.context;
    try {
        std::string fields =
            kernel.run([&](uint64_t address, size_t bytes) { return context.memory.holds(address, bytes); });
        context.trace.write(context.device, queue.number, fields);
        if (spoil) write_nan(kernel.result);
        return CUDA_SUCCESS;
    } catch (const std::runtime_error &error) {
        fprintf(stderr, "emulated driver: %s: %s\n", kernel.name.c_str(), error.what());
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
}

}  // namespace

extern "C" CUresult vbge_emulated_launch(CUstream stream, const LibraryKernel &kernel) {
    Call call(kernel.name.c_str());
    if (!call) return call.result();
    auto execute = [kernel](Queue &queue, bool spoil) { return run_library(queue, kernel, spoil); };
    return submit(call, stream, {Work::Kind::kernel, kernel.name, execute});
}

API cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void **parameters, void **) {
    Call call(__func__);
    if (!call) return call.result();
    if (!function_of(call, function)) return CUDA_ERROR_INVALID_HANDLE;
    Shape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
    std::string why;
    CUresult result =
        check(function->code->entry, call.current().capability, shape, function->dynamic_shared_limit, &why);
    if (result != CUDA_SUCCESS) return call.misused(result, "%s: %s", function->code->entry.name.c_str(), why.c_str());
    Parameters taken = take_parameters(call, *function->code, parameters);
    if (!taken) return CUDA_ERROR_INVALID_VALUE;
    auto execute = [=, code = function->code](Queue &queue, bool spoil) {
        if (!still_loaded(*queue.context, function, *code)) return CUDA_ERROR_INVALID_HANDLE;
        return run(queue, *code, shape, taken, spoil);
    };
    Work work{Work::Kind::kernel, function->code->entry.name, execute};
    return submit(call, stream, std::move(work));
}

API cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
    Call call(__func__);
    if (!call) return call.result();
    if (!function_of(call, function)) return CUDA_ERROR_INVALID_HANDLE;
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
        return call.misused(CUDA_ERROR_NOT_SUPPORTED, "attribute %d is not emulated", attribute);
    }
    int most = (call.current().capability.shared_opt_in << 10) - function->code->entry.static_shared;
    if (value < 0 || value > most) {
        return call.misused(CUDA_ERROR_INVALID_VALUE, "%s: %d bytes of dynamic shared memory, at most %d",
                            function->code->entry.name.c_str(), value, most);
    }
    function->dynamic_shared_limit = value;
    return CUDA_SUCCESS;
}

API cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function) {
    Call call(__func__);
    if (!call) return call.result();
    if (!function_of(call, function)) return CUDA_ERROR_INVALID_HANDLE;
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = max_threads(function->code->entry);
        break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
        *value = function->code->entry.static_shared;
        break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
        *value = function->code->entry.local;
        break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
        *value = function->code->entry.registers;
        break;
    default:
        return call.misused(CUDA_ERROR_NOT_SUPPORTED, "attribute %d is not emulated", attribute);
    }
    return CUDA_SUCCESS;
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function, int threads, size_t dynamic_shared) {
    Call call(__func__);
    if (!call) return call.result();
    if (!function_of(call, function)) return CUDA_ERROR_INVALID_HANDLE;
    *blocks = resident_blocks(function->code->entry, call.current().capability, threads, dynamic_shared);
    return CUDA_SUCCESS;
}
