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

bool attribute(const Capability &its, CUdevice_attribute which, CUdevice device, int *value) {
    switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        *value = its.number / 10;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        *value = its.number % 10;
        break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = its.multiprocessors;
        break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
        *value = warp_size;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = threads_per_block;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
        *value = threads_per_block;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
        *value = threads_per_block;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
        *value = 64;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
        *value = 0x7fffffff;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
        *value = 65535;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
        *value = 65535;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
        *value = shared_per_block;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
        *value = its.shared_opt_in << 10;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
        *value = its.shared_per_multiprocessor << 10;
        break;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
        *value = shared_reserved;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
        *value = registers_per_multiprocessor;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
        *value = registers_per_multiprocessor;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
        *value = its.threads_per_multiprocessor;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
        *value = its.blocks_per_multiprocessor;
        break;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
        *value = its.l2 << 20;
        break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
        *value = its.clock * 1000;
        break;  // kHz
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
        *value = its.memory_clock * 1000;
        break;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
        *value = its.bus;
        break;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
        *value = 64 << 10;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
        *value = device + 1;
        break;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
        *value = 3;
        break;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
        *value = 1;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_MODE:
    case CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT:
    case CU_DEVICE_ATTRIBUTE_INTEGRATED:
    case CU_DEVICE_ATTRIBUTE_ECC_ENABLED:
    case CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID:
    case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID:
    case CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
        *value = 0;
        break;
    default:
        return false;
    }
    return true;
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

API cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    memset(uuid, 0, sizeof *uuid);
    uuid->bytes[15] = static_cast<char>(device + 1);
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
    if (attribute(*its, which, device, value)) return CUDA_SUCCESS;
    return call.misused(CUDA_ERROR_NOT_SUPPORTED, "attribute %d is not emulated", which);
}

API cuDeviceCanAccessPeer(int *can, CUdevice, CUdevice) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    *can = 0;
    return CUDA_SUCCESS;
}
