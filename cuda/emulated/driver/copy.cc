// Copies and fills.
//
// A copy from or to pinned memory is as lazy as a kernel: the host's bytes are read or written when it is executed. A
// copy from pageable memory takes the bytes during the call, one to it waits until they are there.
#include <cstring>
#include <memory>
#include <vector>

#include "capture.h"
#include "stream.h"

using namespace emulated;

namespace {

void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(address); }

bool on_device(const Call &call, CUdeviceptr address, size_t bytes) {
    if (call.current().memory.holds(address, bytes)) return true;
    call.misused(CUDA_ERROR_INVALID_VALUE, "%zu bytes at 0x%llx are not within one device allocation", bytes, address);
    return false;
}

// Whether a host range is wholly pinned or wholly not; what begins pinned and ends elsewhere is an overrun.
bool sound_on_host(const Call &call, const void *at, size_t bytes) {
    if (!starts_pinned(at) || is_pinned(at, bytes)) return true;
    call.misused(CUDA_ERROR_INVALID_VALUE, "%zu bytes at %p reach beyond their pinned allocation", bytes, at);
    return false;
}

// When it is executed, as part of a graph perhaps, the device memory may be gone.
CUresult still_on_device(Queue &queue, CUdeviceptr address, size_t bytes) {
    if (queue.context->memory.holds(address, bytes)) return CUDA_SUCCESS;
    fprintf(stderr, "emulated driver: a copy or fill of %zu bytes at 0x%llx, which has been freed\n", bytes, address);
    return CUDA_ERROR_ILLEGAL_ADDRESS;
}

CUresult still_pinned(const void *at, size_t bytes) {
    Lock lock(driver().lock);
    if (is_pinned(at, bytes)) return CUDA_SUCCESS;
    fprintf(stderr, "emulated driver: a copy of %zu bytes at %p, which is no longer pinned\n", bytes, at);
    return CUDA_ERROR_ILLEGAL_ADDRESS;
}

void trace(Queue &queue, const char *kind, const char *name, size_t bytes) {
    std::string fields = std::string("\"kind\":\"") + kind + "\"";
    if (name) fields += std::string(",\"name\":\"") + name + "\"";
    queue.context->trace.write(queue.context->device, queue.number, fields + ",\"bytes\":" + std::to_string(bytes));
}

// host: where the bytes are; keep: what owns them if the call has taken a copy.
Work copy_in(CUdeviceptr to, const void *host, size_t bytes, const std::shared_ptr<std::vector<char>> &keep) {
    auto run = [=](Queue &queue, bool) {
        CUresult result = still_on_device(queue, to, bytes);
        if (result == CUDA_SUCCESS && !keep) result = still_pinned(host, bytes);
        if (result != CUDA_SUCCESS) return result;
        memcpy(pointer(to), keep ? keep->data() : host, bytes);
        trace(queue, "copy", "in", bytes);
        return result;
    };
    return {Work::Kind::copy, "a copy to the device", run};
}

Work copy_out(void *host, CUdeviceptr from, size_t bytes, bool pinned) {
    auto run = [=](Queue &queue, bool) {
        CUresult result = still_on_device(queue, from, bytes);
        if (result == CUDA_SUCCESS && pinned) result = still_pinned(host, bytes);
        if (result != CUDA_SUCCESS) return result;
        memcpy(host, pointer(from), bytes);
        trace(queue, "copy", "out", bytes);
        return result;
    };
    return {Work::Kind::copy, "a copy to the host", run};
}

Work copy_within(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    auto run = [=](Queue &queue, bool) {
        CUresult result = still_on_device(queue, from, bytes);
        if (result == CUDA_SUCCESS) result = still_on_device(queue, to, bytes);
        if (result != CUDA_SUCCESS) return result;
        memcpy(pointer(to), pointer(from), bytes);
        trace(queue, "copy", "device", bytes);
        return result;
    };
    return {Work::Kind::copy, "a copy within the device", run};
}

// Pageable memory cannot be captured here: a graph would keep an address that nobody vouches for.
CUresult refuse_pageable(const Call &call, CUstream stream) {
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (!queue->capture) return CUDA_SUCCESS;
    return call.misused(invalidate(*queue->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
                        "capturing a copy of pageable memory");
}

bool overlap(CUdeviceptr a, CUdeviceptr b, size_t bytes) { return a < b + bytes && b < a + bytes; }

}  // namespace

API cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    if (!bytes) return CUDA_SUCCESS;
    if (!on_device(call, to, bytes) || !sound_on_host(call, from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (is_pinned(from, bytes)) return submit(call, stream, copy_in(to, from, bytes, nullptr));
    CUresult result = refuse_pageable(call, stream);
    if (result != CUDA_SUCCESS) return result;
    const auto *begin = static_cast<const char *>(from);
    return submit(call, stream, copy_in(to, from, bytes, std::make_shared<std::vector<char>>(begin, begin + bytes)));
}

API cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    if (!bytes) return CUDA_SUCCESS;
    if (!on_device(call, from, bytes) || !sound_on_host(call, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (is_pinned(to, bytes)) return submit(call, stream, copy_out(to, from, bytes, true));
    CUresult result = refuse_pageable(call, stream);
    return result == CUDA_SUCCESS ? submit_and_wait(call, stream, copy_out(to, from, bytes, false)) : result;
}

API cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    if (!bytes) return CUDA_SUCCESS;
    if (!on_device(call, to, bytes) || !on_device(call, from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (overlap(to, from, bytes)) return call.misused(CUDA_ERROR_INVALID_VALUE, "source and destination overlap");
    return submit(call, stream, copy_within(to, from, bytes));
}

API cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    if (!bytes) return CUDA_SUCCESS;
    if (!on_device(call, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    auto run = [=](Queue &queue, bool) {
        CUresult result = still_on_device(queue, to, bytes);
        if (result != CUDA_SUCCESS) return result;
        memset(pointer(to), value, bytes);
        trace(queue, "fill", nullptr, bytes);
        return result;
    };
    return submit(call, stream, {Work::Kind::fill, "a fill", run});
}
