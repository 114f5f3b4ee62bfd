// Devices' contexts, and what every call into the driver begins with.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "capability.h"
#include "faults.h"
#include "memory.h"
#include "queue.h"
#include "settings.h"
#include "trace.h"

struct CUctx_st {
    CUctx_st(int device_, const emulated::Settings &settings_, const emulated::Capability &capability_);

    const int device;
    const emulated::Settings settings;
    const emulated::Capability &capability;
    bool alive = true;
    CUresult broken = CUDA_SUCCESS;  // the error that every later call gets

    emulated::Faults faults;
    emulated::Trace trace;
    std::mt19937_64 chance;
    emulated::Memory memory{"device memory"}, pinned{"pinned host memory"};

    std::vector<std::unique_ptr<emulated::Queue>> queues;  // the first is the legacy default stream's
    int streams_made = 0;
    std::set<CUstream> streams;
    std::set<CUevent> events;
    std::map<CUmodule, std::shared_ptr<CUmod_st>> modules;
    std::vector<std::shared_ptr<emulated::Capture>> captures;

    // Ends all work; code is what every later call returns.
    void fail(CUresult code);
};

namespace emulated {

// The process's only instance. Contexts stay after they have been destroyed, so that a stale handle is recognised.
struct Driver {
    std::mutex lock;
    std::condition_variable progress;  // an operation has ended, or a context
    bool initialised = false;
    std::vector<std::unique_ptr<CUctx_st>> contexts;
};
Driver &driver();

// Whether all of these bytes are host memory that is pinned, by any context.
bool is_pinned(const void *at, size_t bytes);
// Whether at least the first byte is.
bool starts_pinned(const void *at);

// A call in progress: takes the lock, looks for the context that is current and whether it can still be used.
//
//     API cuEventQuery(CUevent event) {
//         Call call(__func__);
//         if (!call) return call.result();
class Call {
  public:
    enum Needs {
        initialisation,  // no context
        context,         // a context, healthy or not
        device,          // a healthy context
        no_capture,      // a healthy context, and a thread that is not capturing: what CUDA calls potentially unsafe
    };
    explicit Call(const char *name, Needs needs = device);

    explicit operator bool() const { return result_ == CUDA_SUCCESS; }
    CUresult result() const { return result_; }
    CUctx_st &current() const { return *context_; }
    Lock &lock() { return lock_; }

    // Reports a misuse on stderr and returns the code.
    CUresult misused(CUresult code, const char *format, ...) const __attribute__((format(printf, 3, 4)));

  private:
    const char *name_;
    Lock lock_;
    CUcontext context_ = nullptr;
    CUresult result_ = CUDA_SUCCESS;
};

}  // namespace emulated

// The prototypes are cuda.h's: the compiler refuses a definition that differs.
#define API extern "C" __attribute__((visibility("default"))) CUresult CUDAAPI
