#include "stream.h"

#include "capture.h"

using namespace emulated;

namespace emulated {

Queue *queue_of(const Call &call, CUstream stream) {
    if (stream == nullptr || stream == CU_STREAM_LEGACY) return call.current().queues[0].get();
    if (!call.current().streams.count(stream)) {
        call.misused(CUDA_ERROR_INVALID_HANDLE, "not a stream of the current context");
        return nullptr;
    }
    return stream->queue;
}

CUresult submit(Call &call, CUstream stream, Work work) {
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->capture) {
        CUresult result = record(*queue, std::move(work));
        return result == CUDA_SUCCESS ? result : call.misused(result, "the capture has been invalidated");
    }
    if (queue->number == 0) {
        if (Capture *capture = disturbed_capture(call.current())) {
            return call.misused(invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
                                "the legacy default stream waits for a stream that is capturing");
        }
    }
    push(*queue, std::make_shared<Work>(std::move(work)));
    return CUDA_SUCCESS;
}

CUresult submit_and_wait(Call &call, CUstream stream, Work work) {
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->capture) {
        return call.misused(invalidate(*queue->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
                            "the stream is capturing and this waits for it");
    }
    CUresult result = submit(call, stream, std::move(work));
    return result == CUDA_SUCCESS ? finish(&call.current(), queue->last, call.lock()) : result;
}

}  // namespace emulated

API cuStreamCreate(CUstream *stream, unsigned flags) {
    Call call(__func__);
    if (!call) return call.result();
    if (!stream || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    CUctx_st &context = call.current();
    auto queue = std::make_unique<Queue>();
    queue->context = &context;
    queue->number = ++context.streams_made;
    queue->blocking = flags != CU_STREAM_NON_BLOCKING;
    *stream = new CUstream_st{&context, queue.get()};
    context.streams.insert(*stream);
    context.queues.push_back(std::move(queue));
    return CUDA_SUCCESS;
}

// What waits in the queue will still be executed.
API cuStreamDestroy(CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue || queue->number == 0) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->capture) {
        return call.misused(invalidate(*queue->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED), "it is capturing");
    }
    queue->detached = true;
    call.current().streams.erase(stream);
    delete stream;
    return CUDA_SUCCESS;
}

API cuStreamSynchronize(CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->capture) {
        return call.misused(invalidate(*queue->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED), "it is capturing");
    }
    return finish(&call.current(), queue->last, call.lock());
}
