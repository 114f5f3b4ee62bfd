// Handles of streams and events.
#pragma once

#include "context.h"

struct CUstream_st {
    CUcontext context;
    emulated::Queue *queue;
};

struct CUevent_st {
    CUcontext context;
    bool timing;
    emulated::PointRef point;  // null: never recorded, which counts as reached
    // An event recorded while capturing stands for nodes of the graph instead.
    emulated::Capture *capture = nullptr;
    std::vector<int> nodes;
};

namespace emulated {

// The queue of a stream of the current context; nullptr if the handle is not one. 0 and CU_STREAM_LEGACY are the
// legacy default stream; CU_STREAM_PER_THREAD is not emulated.
Queue *queue_of(const Call &call, CUstream stream);

// Queues work on a stream, or adds it to the graph that the stream captures.
CUresult submit(Call &call, CUstream stream, Work work);
// The same, and waits for it; refused while capturing.
CUresult submit_and_wait(Call &call, CUstream stream, Work work);

}  // namespace emulated
