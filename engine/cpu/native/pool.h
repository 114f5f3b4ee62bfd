// Threads that share out the tasks of one loop after another, most of them some microseconds long.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include <sched.h>

namespace vbge {

// The thread that makes a pool is its thread 0: it alone calls run, and destroys it. A task must not call run.
class Pool {
  public:
    // Starts threads - 1 threads; with pin, binds each of all to one of the processors that the caller may use.
    Pool(int threads, bool pin);
    ~Pool();
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    int threads() const { return int(workers_.size()) + 1; }

    // Calls f(task, thread) for every task from 0 to tasks - 1, in any order, and returns when all have returned.
    // The first exception that one of them throws is thrown here then.
    template <typename F> void run(int tasks, F f) {
        if (tasks > 1 && !workers_.empty()) {
            share(tasks, [](void *g, int task, int thread) { (*static_cast<F *>(g))(task, thread); }, &f);
        } else {
            for (int task = 0; task < tasks; task++) f(task, 0);
        }
    }

  private:
    using Call = void (*)(void *f, int task, int thread);

    void share(int tasks, Call call, void *f);
    void work(int thread);
    void take(int thread);
    bool called() const;
    void sleep();
    void wake(int wanted);
    void wait();
    void stop();

    // What a worker needs to begin lies in one cache line.
    alignas(64) std::atomic<uint64_t> ticket_{0};  // tasks of this run, above the next one to be taken
    Call call_ = nullptr;
    void *f_ = nullptr;
    std::atomic<bool> stopping_{false};

    alignas(64) std::atomic<uint32_t> left_{0};  // tasks that have not returned, and whether the caller sleeps
    std::atomic<bool> failed_{false};
    std::exception_ptr failure_;

    alignas(64) std::atomic<uint32_t> calls_{0};  // changes to wake who sleeps on it
    std::atomic<int> asleep_{0};

    alignas(64) std::vector<std::thread> workers_;
    cpu_set_t allowed_;  // the caller's processors before it was bound
    bool pinned_;
};

}  // namespace vbge
