// Device memory and pinned host memory: allocating, releasing, asking.
#include <algorithm>
#include <cstdint>

#include "stream.h"

using namespace emulated;

namespace {

// What all contexts on a device have allocated.
size_t used_on(int device) {
    size_t used = 0;
    for (const auto &context : driver().contexts) {
        if (context->alive && context->device == device) used += context->memory.used();
    }
    return used;
}

uint64_t address_of(const void *at) { return reinterpret_cast<uint64_t>(at); }

}  // namespace

API cuMemAlloc(CUdeviceptr *address, size_t bytes) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!address || !bytes) return CUDA_ERROR_INVALID_VALUE;
    CUctx_st &context = call.current();
    if (context.faults.next_allocation_fails()) return CUDA_ERROR_OUT_OF_MEMORY;
    size_t capacity = context.settings.memory, used = used_on(context.device);
    if (bytes > capacity || used + Memory::bytes_of(bytes) > capacity) return CUDA_ERROR_OUT_OF_MEMORY;
    *address = context.memory.allocate(bytes);
    return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

// Waits for all streams, as the real one does.
API cuMemFree(CUdeviceptr address) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!address) return CUDA_SUCCESS;
    CUctx_st &context = call.current();
    CUresult result = finish_all(&context, call.lock());
    if (result != CUDA_SUCCESS) return result;
    switch (context.memory.release(address)) {
    case Memory::Released::well:
        return CUDA_SUCCESS;
    case Memory::Released::unknown:
        return call.misused(CUDA_ERROR_INVALID_VALUE, "0x%llx is no allocation, or was freed before", address);
    case Memory::Released::overrun:
        context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    return context.broken;
}

API cuMemGetInfo(size_t *available, size_t *total) {
    Call call(__func__);
    if (!call) return call.result();
    const CUctx_st &context = call.current();
    *total = context.settings.memory;
    *available = *total - std::min(*total, used_on(context.device));
    return CUDA_SUCCESS;
}

API cuMemAllocHost(void **at, size_t bytes) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!at || !bytes) return CUDA_ERROR_INVALID_VALUE;
    uint64_t address = call.current().pinned.allocate(bytes);
    *at = reinterpret_cast<void *>(address);
    return address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

API cuMemFreeHost(void *at) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    CUctx_st &context = call.current();
    CUresult result = finish_all(&context, call.lock());
    if (result != CUDA_SUCCESS) return result;
    switch (context.pinned.release(address_of(at))) {
    case Memory::Released::well:
        return CUDA_SUCCESS;
    case Memory::Released::unknown:
        return call.misused(CUDA_ERROR_INVALID_VALUE, "%p was not allocated as pinned in this context", at);
    case Memory::Released::overrun:
        context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    return context.broken;
}
