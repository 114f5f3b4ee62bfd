// What a stream is underneath: operations that nobody has waited for yet.
//
// Queues are lazy. An operation is executed by the thread that waits for it (or asks whether it has been reached), on
// the way to that point and no further: what a client forgot to wait for has not happened, and what it changes too
// early is seen changed. With a seed, other queues move on by chance meanwhile, so that no order may be relied on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <cuda.h>

namespace emulated {

struct Queue;
struct Capture;

// The one lock of the driver. It is released while an operation is executed.
using Lock = std::unique_lock<std::mutex>;

// The moment after an operation: what events and waits refer to.
struct Point {
    Queue *queue;  // valid until the point is reached
    bool reached = false;
    double milliseconds = 0;  // when it was
};
using PointRef = std::shared_ptr<Point>;

// What an operation does. It can be executed several times, as a graph's are.
struct Work {
    enum class Kind { kernel, copy, fill, nothing };
    Kind kind;
    std::string name;  // for messages
    // Without the lock; an error is the context's end. spoil: a kernel shall put a NaN among its results.
    std::function<CUresult(Queue &, bool spoil)> run;
};
using WorkRef = std::shared_ptr<const Work>;

struct Operation {
    WorkRef work;
    std::vector<PointRef> after;  // of other queues
    PointRef point;
    bool fails = false, hangs = false, spoils = false;  // faults on demand
};

struct Queue {
    CUcontext context;
    int number;             // for the trace; 0 is the legacy default stream
    bool blocking;          // whether it and the legacy default stream wait for each other
    bool detached = false;  // its stream has been destroyed
    bool busy = false;      // a thread is executing an operation
    std::deque<Operation> waiting;
    PointRef last;  // of the operation queued last; null if there was none

    Capture *capture = nullptr;
    std::vector<int> tips;  // nodes of the captured graph that the next operation depends on

    bool idle() const { return waiting.empty() && !busy; }
};

// Adds an operation that also waits for the given points; the legacy default stream's rules are added here.
PointRef push(Queue &queue, WorkRef work, const std::vector<PointRef> &after = {});

// Executes what has to be for a point to be reached. An error is the context's.
CUresult finish(CUcontext context, const PointRef &point, Lock &lock);
// All of a context's queues.
CUresult finish_all(CUcontext context, Lock &lock);

// Executes some tens of operations at most on the way to a point.
void approach(CUcontext context, const PointRef &point, Lock &lock);

// Drops what waits: the context has failed or ends.
void abandon(Queue &queue);

}  // namespace emulated
