#include "context.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "capture.h"
#include "module.h"
#include "stream.h"

using namespace emulated;

namespace emulated {

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

bool is_pinned(const void *at, size_t bytes) {
    for (const auto &context : driver().contexts) {
        if (context->alive && context->pinned.holds(reinterpret_cast<uint64_t>(at), bytes)) return true;
    }
    return false;
}

bool starts_pinned(const void *at) { return is_pinned(at, 1); }

Call::Call(const char *name, Needs needs) : name_(name) {
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
CUresult make_context(const Call &call, CUdevice device, CUcontext *to) {
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
    context->memory.clear();
    context->pinned.clear();
    context->trace.close();
    return whole ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

}  // namespace

API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    Primary &primary = primaries()[device];
    if (!primary.retained) {
        CUresult result = make_context(call, device, &primary.context);
        if (result != CUDA_SUCCESS) return result;
    }
    primary.retained++;
    *context = primary.context;
    return CUDA_SUCCESS;
}

// Unlike the end of a context of one's own this takes it from no thread's stack.
API cuDevicePrimaryCtxRelease(CUdevice device) {
    Call call(__func__, Call::initialisation);
    if (!call) return call.result();
    Primary &primary = primaries()[device];
    if (!primary.retained) return call.misused(CUDA_ERROR_INVALID_CONTEXT, "it is not retained");
    return --primary.retained ? CUDA_SUCCESS : end_context(primary.context, call.lock());
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
