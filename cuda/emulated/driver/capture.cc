#include "capture.h"

#include <algorithm>

#include "stream.h"

using namespace emulated;

namespace emulated {

CUresult record(Queue &queue, Work work) {
    Capture &capture = *queue.capture;
    if (capture.invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    auto &nodes = capture.graph->nodes;
    nodes.push_back({std::make_shared<Work>(std::move(work)), queue.tips});
    queue.tips = {static_cast<int>(nodes.size()) - 1};
    return CUDA_SUCCESS;
}

CUresult invalidate(Capture &capture, CUresult code) {
    capture.invalid = true;
    return code;
}

CUresult check_captures() {
    CUresult result = CUDA_SUCCESS;
    for (const auto &context : driver().contexts) {
        for (const auto &capture : context->captures) {
            bool own = capture->thread == std::this_thread::get_id();
            bool forbids = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
                           (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && own);
            if (forbids) result = invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        }
    }
    return result;
}

Capture *disturbed_capture(const CUctx_st &context) {
    for (const auto &queue : context.queues) {
        if (queue->blocking && queue->capture) return queue->capture;
    }
    return nullptr;
}

namespace {

// Whether all that was captured leads to the origin's tips.
bool joined(const Capture &capture) {
    const auto &nodes = capture.graph->nodes;
    std::vector<bool> leads(nodes.size(), false);
    for (int tip : capture.origin->tips) leads[static_cast<size_t>(tip)] = true;
    for (size_t i = nodes.size(); i-- > 0;) {
        if (!leads[i]) return false;
        for (int earlier : nodes[i].after) leads[static_cast<size_t>(earlier)] = true;
    }
    return true;
}

// Takes the capture out of its context's streams and events.
std::unique_ptr<CUgraph_st> end_capture(CUctx_st &context, Capture *capture) {
    for (auto &queue : context.queues) {
        if (queue->capture != capture) continue;
        queue->capture = nullptr;
        queue->tips.clear();
    }
    for (CUevent event : context.events) {
        if (event->capture == capture) event->capture = nullptr;
    }
    auto graph = std::move(capture->graph);
    auto &all = context.captures;
    all.erase(std::find_if(all.begin(), all.end(), [&](const auto &c) { return c.get() == capture; }));
    return graph;
}

}  // namespace

}  // namespace emulated

API cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (queue->number == 0) {
        return call.misused(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured");
    }
    if (queue->capture) return call.misused(CUDA_ERROR_ILLEGAL_STATE, "the stream is capturing already");
    auto capture = std::make_shared<Capture>();
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->origin = queue;
    capture->graph = std::make_unique<CUgraph_st>();
    queue->capture = capture.get();
    queue->tips.clear();
    call.current().captures.push_back(std::move(capture));
    return CUDA_SUCCESS;
}

API cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    *graph = nullptr;
    Capture *capture = queue->capture;
    if (!capture) return call.misused(CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing");
    if (capture->origin != queue) {
        return call.misused(invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED),
                            "the capture began on another stream");
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
        return call.misused(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began on another thread");
    }
    bool valid = !capture->invalid, complete = valid && joined(*capture);
    auto captured = end_capture(call.current(), capture);
    if (!valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!complete) {
        return call.misused(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "another stream's work does not lead to this stream");
    }
    *graph = captured.release();
    keep(*graph);
    return CUDA_SUCCESS;
}
