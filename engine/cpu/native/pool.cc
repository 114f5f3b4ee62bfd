#include "pool.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <string>
#include <utility>

#include <linux/futex.h>
#include <omp.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Longer than what a pass does between two runs, and little beside the time slice of another program that
// wants the processor.
constexpr std::chrono::microseconds kSpin{100};
// In left_. The caller that sleeps has to be woken by a system call; it seldom does.
constexpr uint32_t kCallerSleeps = uint32_t(1) << 31;

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Waits for done() to be true, for kSpin at most.
template <typename F> void spin(F done) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 32; i++, relax())
            if (done()) return;
    } while (std::chrono::steady_clock::now() < end);
}

// Sleeps unless word is no longer value; may return early.
void sleep_on(std::atomic<uint32_t> &word, uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void wake_from(std::atomic<uint32_t> &word, int threads) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

// Binds a thread to the i-th of some processors, counted round.
void bind(pthread_t thread, const cpu_set_t &processors, int i) {
    i %= std::max(CPU_COUNT(&processors), 1);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &processors) || i-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(thread, sizeof one, &one);
        return;
    }
}

bool has_task(uint64_t ticket) { return uint32_t(ticket) < uint32_t(ticket >> 32); }

}  // namespace

namespace vbge {

Pool::Pool(int threads, bool pin)
    : pinned_(pin && pthread_getaffinity_np(pthread_self(), sizeof allowed_, &allowed_) == 0) {
    omp_set_num_threads(1);  // oneDNN is to compute on the thread that calls it
    try {
        for (int i = 1; i < threads; i++) {
            workers_.emplace_back(&Pool::work, this, i);
            pthread_setname_np(workers_.back().native_handle(), ("vbge-cpu-" + std::to_string(i)).c_str());
            if (pinned_) bind(workers_.back().native_handle(), allowed_, i);
        }
    } catch (...) {
        stop();
        throw;
    }
    if (pinned_) bind(pthread_self(), allowed_, 0);
}

Pool::~Pool() {
    stop();
    if (pinned_) pthread_setaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
}

void Pool::stop() {
    stopping_ = true;
    wake(INT_MAX);
    for (std::thread &w : workers_) w.join();
}

void Pool::share(int tasks, Call call, void *f) {
    // Nobody reads these between runs: to begin, a thread has to get a task, and the last run had its last one.
    call_ = call, f_ = f;
    left_.store(uint32_t(tasks), std::memory_order_relaxed);
    ticket_ = uint64_t(tasks) << 32;
    const int workers = int(workers_.size()), awake = workers - asleep_;
    if (const int more = std::min(tasks - 1, workers) - awake; more > 0) wake(more);
    take(0);
    wait();
    if (failed_) {
        failed_ = false;
        std::rethrow_exception(std::exchange(failure_, nullptr));
    }
}

// Runs tasks until all are taken.
void Pool::take(int thread) {
    uint32_t ran = 0;
    for (;; ran++) {
        // A run ends no earlier than its tasks, so a ticket with a task is of the run that call_ and f_ belong to,
        // however long this thread has been looking.
        const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_acquire);
        if (!has_task(ticket)) break;
        try {
            call_(f_, int(uint32_t(ticket)), thread);
        } catch (...) {
            if (!failed_.exchange(true)) failure_ = std::current_exception();
        }
    }
    if (ran > 0 && left_.fetch_sub(ran, std::memory_order_acq_rel) == (ran | kCallerSleeps)) wake_from(left_, 1);
}

void Pool::work(int thread) {
    omp_set_num_threads(1);
    while (!stopping_) {
        spin([&] { return called(); });
        if (has_task(ticket_)) take(thread);
        else sleep();
    }
}

bool Pool::called() const { return has_task(ticket_) || stopping_; }

// Sleeps until there may be a task. Of asleep_ and what is waited for, each side writes one and then reads the other,
// in the one order of all sequentially consistent operations: either the caller sees the sleeper, or this sees the
// task.
void Pool::sleep() {
    asleep_++;
    const uint32_t calls = calls_;
    if (!called()) sleep_on(calls_, calls);
    asleep_--;
}

void Pool::wake(int wanted) {
    calls_++;
    wake_from(calls_, wanted);
}

// Waits until every task has returned. Whoever has the last ones may need this processor.
void Pool::wait() {
    const auto done = [&] { return left_.load(std::memory_order_acquire) == 0; };
    spin(done);
    for (uint32_t left = left_; left != 0 && left != kCallerSleeps; left = left_)
        if (left & kCallerSleeps || left_.compare_exchange_weak(left, left | kCallerSleeps))
            sleep_on(left_, left | kCallerSleeps);
}

}  // namespace vbge
