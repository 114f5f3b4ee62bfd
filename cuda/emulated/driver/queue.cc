#include "queue.h"

#include <chrono>
#include <cstdio>
#include <exception>

#include "context.h"

namespace emulated {

namespace {

// How long a thread waits for a kernel that never ends before the driver's watchdog ends the context, as a real one
// with a display does; otherwise a test that waits without a deadline would hang.
constexpr std::chrono::seconds watchdog(10);

constexpr int some_tens = 32;

enum class Step {
    ran,    // an operation was executed, of this queue or one that it waits for
    busy,   // another thread is executing one
    stuck,  // behind a kernel that never ends
    idle,
};

double now() {
    using std::chrono::duration;
    return duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

CUresult execute(Queue &queue, const Operation &operation) {
    const Work &work = *operation.work;
    if (operation.fails) {
        fprintf(stderr, "emulated driver: %s fails on demand\n", work.name.c_str());
        return CUDA_ERROR_LAUNCH_FAILED;
    }
    try {
        return work.run ? work.run(queue, operation.spoils) : CUDA_SUCCESS;
    } catch (const std::exception &error) {
        fprintf(stderr, "emulated driver: %s: %s\n", work.name.c_str(), error.what());
        return CUDA_ERROR_LAUNCH_FAILED;
    }
}

Step step(Queue &queue, Lock &lock) {
    if (queue.busy) return Step::busy;
    if (queue.waiting.empty()) return Step::idle;
    for (const PointRef &point : queue.waiting.front().after) {
        if (!point->reached) return step(*point->queue, lock);
    }
    if (queue.waiting.front().hangs) return Step::stuck;

    Operation operation = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    queue.busy = true;
    lock.unlock();
    CUresult result = execute(queue, operation);
    lock.lock();
    queue.busy = false;
    operation.point->reached = true;
    operation.point->milliseconds = now();
    if (result != CUDA_SUCCESS) queue.context->fail(result);
    driver().progress.notify_all();
    return Step::ran;
}

// With a seed: lets some other stream run ahead, or none.
void mix(CUcontext context, Lock &lock) {
    if (!context->settings.seed || context->chance() % 2) return;
    size_t i = context->chance() % context->queues.size();
    step(*context->queues[i], lock);
}

void fault(CUctx_st &context, Operation &operation) {
    if (operation.work->kind != Work::Kind::kernel) return;
    Faults::Launch fault = context.faults.next_launch();
    operation.fails = fault == Faults::Launch::fail;
    operation.hangs = fault == Faults::Launch::hang;
    operation.spoils = fault == Faults::Launch::nan;
}

void drop_finished(CUctx_st &context) {
    auto &queues = context.queues;
    for (size_t i = 1; i < queues.size();) {
        if (queues[i]->detached && queues[i]->idle()) queues.erase(queues.begin() + static_cast<long>(i));
        else i++;
    }
}

}  // namespace

PointRef push(Queue &queue, WorkRef work, const std::vector<PointRef> &after) {
    CUctx_st &context = *queue.context;
    Operation operation{std::move(work), {}, std::make_shared<Point>(Point{&queue}), false, false, false};
    auto wait_for = [&](const PointRef &point) {
        if (point && !point->reached && point->queue != &queue) operation.after.push_back(point);
    };
    for (const PointRef &point : after) wait_for(point);
    Queue &legacy = *context.queues[0];
    if (&queue == &legacy) {
        for (auto &other : context.queues) {
            if (other->blocking) wait_for(other->last);
        }
    } else if (queue.blocking) {
        wait_for(legacy.last);
    }
    fault(context, operation);
    queue.last = operation.point;
    queue.waiting.push_back(std::move(operation));
    return queue.last;
}

CUresult finish(CUcontext context, const PointRef &point, Lock &lock) {
    auto stuck_since = std::chrono::steady_clock::time_point::max();
    while (point && !point->reached) {
        if (!context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
        if (context->broken != CUDA_SUCCESS) break;
        mix(context, lock);
        if (point->reached) break;
        switch (step(*point->queue, lock)) {
        case Step::ran:
        case Step::idle:
            break;
        case Step::busy:
            driver().progress.wait(lock);
            break;
        case Step::stuck:
            stuck_since = std::min(stuck_since, std::chrono::steady_clock::now());
            if (std::chrono::steady_clock::now() - stuck_since > watchdog) {
                fprintf(stderr, "emulated driver: the watchdog ends a kernel that hangs\n");
                context->fail(CUDA_ERROR_LAUNCH_TIMEOUT);
            } else {
                driver().progress.wait_for(lock, std::chrono::milliseconds(100));
            }
        }
    }
    return context->alive ? context->broken : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult finish_all(CUcontext context, Lock &lock) {
    std::vector<PointRef> points;
    for (auto &queue : context->queues) {
        if (queue->last) points.push_back(queue->last);
    }
    for (const PointRef &point : points) {
        CUresult result = finish(context, point, lock);
        if (result != CUDA_SUCCESS) return result;
    }
    drop_finished(*context);
    return context->broken;
}

void approach(CUcontext context, const PointRef &point, Lock &lock) {
    int most = context->settings.seed ? static_cast<int>(context->chance() % (2 * some_tens)) : some_tens;
    for (int i = 0; i < most && point && !point->reached; i++) {
        mix(context, lock);
        if (point->reached || step(*point->queue, lock) != Step::ran) return;
    }
}

void abandon(Queue &queue) {
    for (Operation &operation : queue.waiting) {
        operation.point->reached = true;
        operation.point->milliseconds = now();
    }
    queue.waiting.clear();
}

}  // namespace emulated
