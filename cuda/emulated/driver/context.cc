#include "context.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "capture.h"
#include "module.h"
#include "stream.h"

using namespace emulated;

namespace emulated {

thread_local bool in_host_function = false;

namespace {

// Each thread's stack of contexts; the last is current.
thread_local std::vector<CUcontext> stack;

// Of each device: the primary context and how often it is retained.
struct Primary {
    CUcontext context = nullptr;
    int retained = 0;
};
std::map<int, Primary> &primaries() {
    static auto *all = new std::map<int, Primary>;
    return *all;
}

bool known(CUcontext context) {
    for (const auto &c : driver().contexts) {
        if (c.get() == context) return true;
    }
    return false;
}

}  // namespace

Driver &driver() {
    static auto *instance = new Driver;  // never destroyed: threads may call until the process ends
    return *instance;
}

bool starts_pinned(const void *at) {
    auto address = reinterpret_cast<uint64_t>(at);
    for (const auto &context : driver().contexts) {
        if (!context->alive) continue;
        if (context->pinned.holds(address, 1)) return true;
        auto after = context->registered.upper_bound(address);
        if (after != context->registered.begin() && address < std::prev(after)->first + std::prev(after)->second) {
            return true;
        }
    }
    return false;
}

bool is_pinned(const void *at, size_t bytes) {
    auto address = reinterpret_cast<uint64_t>(at);
    for (const auto &context : driver().contexts) {
        if (!context->alive) continue;
        if (context->pinned.holds(address, bytes)) return true;
        auto after = context->registered.upper_bound(address);
        if (after == context->registered.begin()) continue;
        auto [from, size] = *std::prev(after);
        if (address < from + size && bytes <= from + size - address) return true;
    }
    return false;
}

Call::Call(const char *name, Needs needs) : name_(name) {
    if (in_host_function) {
        result_ = misused(CUDA_ERROR_NOT_PERMITTED, "called by a host function");
        return;
    }
    lock_ = Lock(driver().lock);
    if (!driver().initialised) {
        result_ = CUDA_ERROR_NOT_INITIALIZED;
        return;
    }
    if (needs == initialisation) return;
    if (stack.empty()) {
        result_ = misused(CUDA_ERROR_INVALID_CONTEXT, "no context is current on this thread");
        return;
    }
    context_ = stack.back();
    if (!context_->alive) {
        result_ = misused(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context has been destroyed");
        return;
    }
    if (needs == context) return;
    if (context_->faults.next_call_is_lost()) context_->fail(CUDA_ERROR_UNKNOWN);
    result_ = context_->broken;
    if (result_ == CUDA_SUCCESS && needs == no_capture) {
        result_ = check_captures();
        if (result_ != CUDA_SUCCESS) misused(result_, "this thread is capturing a graph");
    }
}

CUresult Call::misused(CUresult code, const char *format, ...) const {
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "emulated driver: %s: %s\n", name_, text);
    return code;
}

}  // namespace emulated

CUctx_st::CUctx_st(int device_, const Settings &settings_, const Capability &capability_)
    : device(device_), settings(settings_), capability(capability_), faults(settings.faults), trace(settings.trace),
      chance(settings.seed) {
    queues.push_back(std::make_unique<Queue>());
    queues[0]->context = this;
    queues[0]->number = 0;
    queues[0]->blocking = true;
}

void CUctx_st::fail(CUresult code) {
    if (broken == CUDA_SUCCESS) broken = code;
    for (auto &queue : queues) abandon(*queue);
    driver().progress.notify_all();
}

namespace {

// A context on a device; takes the lock's protection for granted.
CUresult make_context(const Call &call, CUdevice device, unsigned flags, CUcontext *to) {
    Settings settings = Settings::read();
    if (!to) return CUDA_ERROR_INVALID_VALUE;
    if (device < 0 || device >= settings.devices) return CUDA_ERROR_INVALID_DEVICE;
    const Capability *its = capability(settings.capability);
    if (!its) {
        return call.misused(CUDA_ERROR_INVALID_DEVICE, "VBGE_EMULATED_CAPABILITY=%d is not 80, 86, 89, 90, 100 or 120",
                            settings.capability);
    }
    driver().contexts.push_back(std::make_unique<CUctx_st>(device, settings, *its));
    *to = driver().contexts.back().get();
    (*to)->flags = flags;
    return CUDA_SUCCESS;
}

// The context itself stays, so that its handle is recognised as a dead one's.
CUresult end_context(CUcontext context, Lock &lock) {
    context->alive = false;
    for (auto &queue : context->queues) {
        abandon(*queue);
        driver().progress.wait(lock, [&] { return !queue->busy; });
    }
    driver().progress.notify_all();
    bool whole = context->memory.guards_are_whole();
    whole = context->pinned.guards_are_whole() && whole;
    context->captures.clear();
    context->modules.clear();
    for (CUstream stream : context->streams) delete stream;
    for (CUevent event : context->events) delete event;
    context->streams.clear();
    context->events.clear();
    context->registered.clear();
    context->memory.clear();
    context->pinned.clear();
    context->trace.close();
    return whole ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

}  // namespace

API cuCtxCreate(CUcontext *context, unsigned flags, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    CUresult result = make_context(call, device, flags, context);
    if (result == CUDA_SUCCESS) stack.push_back(*context);
    return result;
}

API cuCtxDestroy(CUcontext context) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    if (!known(context)) return call.misused(CUDA_ERROR_INVALID_CONTEXT, "not a context");
    if (!context->alive) return call.misused(CUDA_ERROR_CONTEXT_IS_DESTROYED, "destroyed before");
    if (!stack.empty() && stack.back() == context) stack.pop_back();
    return end_context(context, call.lock());
}

API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    Primary &primary = primaries()[device];
    if (!primary.retained) {
        CUresult result = make_context(call, device, 0, &primary.context);
        if (result != CUDA_SUCCESS) return result;
    }
    primary.retained++;
    *context = primary.context;
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRelease(CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    Primary &primary = primaries()[device];
    if (!primary.retained) return CUDA_ERROR_INVALID_CONTEXT;
    return --primary.retained ? CUDA_SUCCESS : end_context(primary.context, call.lock());
}

API cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    *flags = 0;
    *active = primaries()[device].retained > 0;
    return CUDA_SUCCESS;
}

API cuCtxSetCurrent(CUcontext context) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    if (context && !known(context)) return call.misused(CUDA_ERROR_INVALID_CONTEXT, "not a context");
    if (context && !context->alive) return call.misused(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context is destroyed");
    if (!stack.empty()) stack.pop_back();
    if (context) stack.push_back(context);
    return CUDA_SUCCESS;
}

API cuCtxGetCurrent(CUcontext *context) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    *context = stack.empty() ? nullptr : stack.back();
    return CUDA_SUCCESS;
}

API cuCtxPushCurrent(CUcontext context) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    if (!known(context) || !context->alive) return call.misused(CUDA_ERROR_INVALID_CONTEXT, "not a live context");
    stack.push_back(context);
    return CUDA_SUCCESS;
}

API cuCtxPopCurrent(CUcontext *context) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    if (stack.empty()) return call.misused(CUDA_ERROR_INVALID_CONTEXT, "no context is current on this thread");
    if (context) *context = stack.back();
    stack.pop_back();
    return CUDA_SUCCESS;
}

API cuCtxGetDevice(CUdevice *device) {
    Call call(__func__, Call::context);
    if (!call) return call.result();
    *device = call.current().device;
    return CUDA_SUCCESS;
}

API cuCtxGetFlags(unsigned *flags) {
    Call call(__func__, Call::context);
    if (!call) return call.result();
    *flags = call.current().flags;
    return CUDA_SUCCESS;
}

API cuCtxGetApiVersion(CUcontext, unsigned *version) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    *version = 3020;  // as drivers answer since CUDA 3.2
    return CUDA_SUCCESS;
}

API cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    Call call(__func__);
    if (!call) return call.result();
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return CUDA_SUCCESS;
}

API cuCtxSynchronize(void) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    return finish_all(&call.current(), call.lock());
}
