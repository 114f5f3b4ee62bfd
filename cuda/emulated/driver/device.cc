// Devices and what can be asked of them before there is a context.
#include <cstdio>
#include <cstring>

#include "context.h"

using namespace emulated;

namespace {

// nullptr, and the code, if there is no such device.
const Capability *describe(const Call &call, CUdevice device, CUresult *code) {
    Settings settings = Settings::read();
    const Capability *its = capability(settings.capability);
    if (!its || device < 0 || device >= settings.devices) {
        *code = call.misused(CUDA_ERROR_INVALID_DEVICE, "device %d of %d, VBGE_EMULATED_CAPABILITY=%d", device,
                             settings.devices, settings.capability);
        return nullptr;
    }
    return its;
}

// -1 for what is not emulated.
int attribute(const Capability &its, CUdevice_attribute which) {
    switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        return its.number / 10;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        return its.number % 10;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        return its.multiprocessors;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
        return its.shared_opt_in << 10;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
        return its.shared_per_multiprocessor << 10;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
        return registers_per_multiprocessor;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
        return its.threads_per_multiprocessor;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
        return its.l2 << 20;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
        return its.clock * 1000;  // kHz
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
        return its.memory_clock * 1000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
        return its.bus;
    default:
        return -1;
    }
}

}  // namespace

API cuInit(unsigned flags) {
    Lock lock(driver().lock);
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (Settings::read().devices <= 0) return CUDA_ERROR_NO_DEVICE;
    driver().initialised = true;
    return CUDA_SUCCESS;
}

API cuDriverGetVersion(int *version) {
    *version = 13000;
    return CUDA_SUCCESS;
}

API cuDeviceGetCount(int *count) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    *count = Settings::read().devices;
    return CUDA_SUCCESS;
}

API cuDeviceGet(CUdevice *device, int ordinal) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    if (ordinal < 0 || ordinal >= Settings::read().devices) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

API cuDeviceGetName(char *name, int length, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    CUresult code;
    const Capability *its = describe(call, device, &code);
    if (!its) return code;
    snprintf(name, static_cast<size_t>(length), "%s", its->name);
    return CUDA_SUCCESS;
}

API cuDeviceTotalMem(size_t *bytes, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    CUresult code;
    if (!describe(call, device, &code)) return code;
    *bytes = Settings::read().memory;
    return CUDA_SUCCESS;
}

API cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    CUresult code;
    const Capability *its = describe(call, device, &code);
    if (!its) return code;
    *value = attribute(*its, which);
    if (*value >= 0) return CUDA_SUCCESS;
    return call.misused(CUDA_ERROR_NOT_SUPPORTED, "attribute %d is not emulated", which);
}
