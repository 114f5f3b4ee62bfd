// Graphs, and their recording by stream capture.
#pragma once

#include <thread>

#include "context.h"

struct CUgraphNode_st {
    emulated::WorkRef work;
    std::vector<int> after;  // earlier nodes of the same graph
};

struct CUgraph_st {
    std::vector<CUgraphNode_st> nodes;
};

struct CUgraphExec_st {
    CUcontext context;
    std::vector<CUgraphNode_st> nodes;
    emulated::PointRef last;  // launches of one graph run one after another
};

namespace emulated {

struct Capture {
    CUstreamCaptureMode mode;
    std::thread::id thread;
    Queue *origin;
    bool invalid = false;
    std::unique_ptr<CUgraph_st> graph;
};

// Adds a node to the graph that a queue captures.
CUresult record(Queue &queue, Work work);

// Makes a graph known as a live handle (graph.cc).
void keep(CUgraph graph);

// Ends the capture in failure; cuStreamEndCapture will say so.
CUresult invalidate(Capture &capture, CUresult code);

// CUDA_SUCCESS, or why a potentially unsafe call is refused; that ends the captures which forbid it.
CUresult check_captures();

// The capture that work on the legacy default stream would disturb, as a blocking stream is capturing.
Capture *disturbed_capture(const CUctx_st &context);

}  // namespace emulated
