// Graphs: counting their nodes, making them executable, launching them.
#include <algorithm>
#include <set>

#include "capture.h"
#include "stream.h"

using namespace emulated;

namespace {

// Live handles; guarded by the driver's lock.
std::set<CUgraph> &graphs() {
    static auto *all = new std::set<CUgraph>;
    return *all;
}
std::set<CUgraphExec> &executables() {
    static auto *all = new std::set<CUgraphExec>;
    return *all;
}

// An order in which every node follows those that it depends on: the order of capture, or with a seed any.
std::vector<size_t> order(const std::vector<CUgraphNode_st> &nodes, CUctx_st &context) {
    std::vector<size_t> list;
    std::vector<bool> done(nodes.size(), false);
    while (list.size() < nodes.size()) {
        std::vector<size_t> ready;
        for (size_t i = 0; i < nodes.size(); i++) {
            bool can = !done[i];
            for (int earlier : nodes[i].after) can = can && done[static_cast<size_t>(earlier)];
            if (can) ready.push_back(i);
            if (can && !context.settings.seed) break;
        }
        size_t next = ready[context.settings.seed ? context.chance() % ready.size() : 0];
        done[next] = true;
        list.push_back(next);
    }
    return list;
}

}  // namespace

namespace emulated {
void keep(CUgraph graph) { graphs().insert(graph); }
}  // namespace emulated

API cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
    Call call(__func__, Call::context);
    if (!call) return call.result();
    if (!graphs().count(graph)) return call.misused(CUDA_ERROR_INVALID_VALUE, "not a graph");
    if (!nodes) {
        *count = graph->nodes.size();
        return CUDA_SUCCESS;
    }
    for (size_t i = 0; i < *count; i++) nodes[i] = i < graph->nodes.size() ? &graph->nodes[i] : nullptr;
    *count = std::min(*count, graph->nodes.size());
    return CUDA_SUCCESS;
}

API cuGraphDestroy(CUgraph graph) {
    Call call(__func__, Call::context);
    if (!call) return call.result();
    if (!graphs().erase(graph)) return call.misused(CUDA_ERROR_INVALID_VALUE, "not a graph");
    delete graph;
    return CUDA_SUCCESS;
}

API cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!graphs().count(graph)) return call.misused(CUDA_ERROR_INVALID_VALUE, "not a graph");
    *executable = new CUgraphExec_st{&call.current(), graph->nodes, nullptr};
    executables().insert(*executable);
    return CUDA_SUCCESS;
}

API cuGraphExecDestroy(CUgraphExec executable) {
    Call call(__func__, Call::context);
    if (!call) return call.result();
    if (!executables().erase(executable)) return call.misused(CUDA_ERROR_INVALID_VALUE, "not an executable graph");
    delete executable;
    return CUDA_SUCCESS;
}

API cuGraphLaunch(CUgraphExec executable, CUstream stream) {
    Call call(__func__);
    if (!call) return call.result();
    Queue *queue = queue_of(call, stream);
    if (!queue) return CUDA_ERROR_INVALID_HANDLE;
    if (!executables().count(executable) || executable->context != &call.current()) {
        return call.misused(CUDA_ERROR_INVALID_VALUE, "not an executable graph of this context");
    }
    if (queue->capture) {
        return call.misused(invalidate(*queue->capture, CUDA_ERROR_NOT_SUPPORTED),
                            "graphs within graphs are not emulated");
    }
    auto begin = std::make_shared<Work>(Work{Work::Kind::nothing, "a graph's begin", nullptr});
    executable->last = push(*queue, begin, {executable->last});
    for (size_t i : order(executable->nodes, call.current())) {
        executable->last = push(*queue, executable->nodes[i].work);
    }
    return CUDA_SUCCESS;
}
