#include "driver.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jump.h"

namespace {

struct Driver {
    void *library;
    int status;
    char path[4096];
    char reason[1024];
};

Driver driver;
pthread_once_t once = PTHREAD_ONCE_INIT;

void note_real_path() {
    link_map *map = nullptr;
    if (dlinfo(driver.library, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0])
        snprintf(driver.path, sizeof driver.path, "%s", map->l_name);
}

void initialise() {
    auto init = reinterpret_cast<CUresult (*)(unsigned)>(dlsym(driver.library, "cuInit"));
    if (!init) {
        driver.status = CUDA_ERROR_NOT_FOUND;
        snprintf(driver.reason, sizeof driver.reason, "it has no cuInit: it is not a CUDA driver");
        return;
    }
    driver.status = init(0);
    if (driver.status == CUDA_SUCCESS) return;
    const char *text = nullptr;
    auto describe = reinterpret_cast<CUresult (*)(CUresult, const char **)>(dlsym(driver.library, "cuGetErrorString"));
    if (describe) describe(static_cast<CUresult>(driver.status), &text);
    snprintf(driver.reason, sizeof driver.reason, "%s (CUDA error %d)", text ? text : "cuInit failed", driver.status);
}

void open() {
    const char *chosen = getenv("VBGE_CUDA_DRIVER");
    snprintf(driver.path, sizeof driver.path, "%s", chosen && *chosen ? chosen : "libcuda.so.1");
    driver.library = dlopen(driver.path, RTLD_NOW | RTLD_LOCAL);
    if (!driver.library) {
        const char *why = dlerror();
        driver.status = VBGE_CUDA_NO_DRIVER;
        snprintf(driver.reason, sizeof driver.reason, "%s", why ? why : "dlopen failed");
        return;
    }
    note_real_path();
    initialise();
}

// index_of returns vbge::count for a function that cuda.h does not declare.
unsigned index_of(const char *name) {
    unsigned index = 0;
    while (index < vbge::count && strcmp(vbge::names[index], name) != 0) index++;
    return index;
}

}  // namespace

void *vbge::find(unsigned index) {
    pthread_once(&once, open);
    if (!driver.library) return nullptr;
    void *function = dlsym(driver.library, names[index]);
    if (function) found[index].store(function, std::memory_order_release);
    else fprintf(stderr, "vbge: the CUDA driver %s has no %s: it is too old\n", driver.path, names[index]);
    return function;
}

CUresult vbge::why_not_found() { return driver.library ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_NO_DEVICE; }

extern "C" {

int vbge_cuda_driver_status(const char **path, const char **reason) {
    pthread_once(&once, open);
    *path = driver.path;
    *reason = driver.reason;
    return driver.status;
}

CUresult CUDAAPI cuInit(unsigned) { return CUDA_SUCCESS; }

CUresult CUDAAPI cuDeviceGetCount(int *devices) {
    pthread_once(&once, open);
    *devices = 0;
    if (driver.status != CUDA_SUCCESS) return CUDA_SUCCESS;
    return vbge::jump(index_of("cuDeviceGetCount"), &cuDeviceGetCount, devices);
}

}  // extern "C"
