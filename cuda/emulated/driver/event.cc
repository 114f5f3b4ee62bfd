// Events: points in streams that others wait for, and the time when they were reached.
#include <algorithm>

#include "capture.h"
#include "stream.h"

using namespace emulated;

namespace {

// nullptr if the handle is not an event of a live context.
CUevent event_of(const Call &call, CUevent event) {
    for (const auto &context : driver().contexts) {
        if (context->events.count(event)) return event;
    }
    call.misused(CUDA_ERROR_INVALID_HANDLE, "not an event");
    return nullptr;
}

CUresult refuse_captured(const Call &call, const CUevent_st &event) {
    return call.misused(invalidate(*event.capture, CUDA_ERROR_CAPTURED_EVENT),
                        "the event was recorded while capturing and is never reached");
}

// A wait in a stream that is capturing, or for an event that was recorded while capturing.
CUresult capture_wait(const Call &call, Queue &queue, const CUevent_st &event) {
    if (!event.capture) {
        return call.misused(invalidate(*queue.capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION),
                            "the event was not recorded in this capture");
    }
    if (event.capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (queue.capture && queue.capture != event.capture) {
        invalidate(*event.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
        return call.misused(invalidate(*queue.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE), "two captures would merge");
    }
    if (queue.number == 0) {
        return call.misused(invalidate(*event.capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
                            "the legacy default stream cannot be captured");
    }
    queue.capture = event.capture;
    queue.tips.insert(queue.tips.end(), event.nodes.begin(), event.nodes.end());
    std::sort(queue.tips.begin(), queue.tips.end());
    queue.tips.erase(std::unique(queue.tips.begin(), queue.tips.end()), queue.tips.end());
    return CUDA_SUCCESS;
}

}  // namespace

API cuEventCreate(CUevent *event, unsigned flags) {
    Call call(__func__);
    if (!call) return call.result();
    if (!event) return CUDA_ERROR_INVALID_VALUE;
    *event = new CUevent_st{&call.current(), (flags & CU_EVENT_DISABLE_TIMING) == 0, nullptr, nullptr, {}};
    call.current().events.insert(*event);
    return CUDA_SUCCESS;
}

API cuEventDestroy(CUevent event) {
    Call call(__func__);
    if (!call) return call.result();
    if (!event_of(call, event)) return CUDA_ERROR_INVALID_HANDLE;
    event->context->events.erase(event);
    delete event;
    return CUDA_SUCCESS;
}

API cuEventRecord(CUevent event, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue || !event_of(call, event)) return CUDA_ERROR_INVALID_HANDLE;
    if (event->context != &call.current()) {
        return call.misused(CUDA_ERROR_INVALID_HANDLE, "the event is of another context than the stream");
    }
    if (queue->capture) {
        if (queue->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        event->capture = queue->capture;
        event->nodes = queue->tips;
        return CUDA_SUCCESS;
    }
    CUresult result = submit(call, stream, {Work::Kind::nothing, "an event", nullptr});
    if (result != CUDA_SUCCESS) return result;
    event->capture = nullptr;
    event->nodes.clear();
    event->point = queue->last;
    return CUDA_SUCCESS;
}

API cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue || !event_of(call, event)) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->capture || event->capture) return capture_wait(call, *queue, *event);
    push(*queue, std::make_shared<Work>(Work{Work::Kind::nothing, "a wait", nullptr}), {event->point});
    return CUDA_SUCCESS;
}

API cuEventQuery(CUevent event) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!event_of(call, event)) return CUDA_ERROR_INVALID_HANDLE;
    if (event->capture) return refuse_captured(call, *event);
    PointRef point = event->point;
    approach(&call.current(), point, call.lock());
    if (call.current().broken != CUDA_SUCCESS) return call.current().broken;
    return !point || point->reached ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

API cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    Call call(__func__);
    if (!call) return call.result();
    if (!event_of(call, start) || !event_of(call, end)) return CUDA_ERROR_INVALID_HANDLE;
    if (!start->timing || !end->timing || !start->point || !end->point) {
        return call.misused(CUDA_ERROR_INVALID_HANDLE, "an event without timing, or never recorded");
    }
    if (!start->point->reached || !end->point->reached) return CUDA_ERROR_NOT_READY;
    *milliseconds = static_cast<float>(end->point->milliseconds - start->point->milliseconds);
    return CUDA_SUCCESS;
}
