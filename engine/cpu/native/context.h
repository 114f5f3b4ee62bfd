// What the native side's files share: the context, the fault of the last call, and counted memory.
#pragma once
#include "vbge_cpu.h"

#include <dnnl.hpp>

#include <exception>
#include <map>
#include <new>
#include <string>
#include <tuple>

namespace vbge {

std::string &last_error();

// Runs f, turning exceptions into the -1 of the C functions.
template <typename F> int guarded(const char *doing, F f) {
    try {
        f();
        return 0;
    } catch (const dnnl::error &e) {
        last_error() = std::string(doing) + ": oneDNN status " + std::to_string(e.status) + ": " + e.what();
    } catch (const std::exception &e) {
        last_error() = std::string(doing) + ": " + e.what();
    }
    return -1;
}

// A matrix product's compiled form depends on rows, out, in, the stride of x, and flags.
using ProductKey = std::tuple<int, int, int, int64_t, int>;

}  // namespace vbge

struct vbge_cpu {
    explicit vbge_cpu(int n) : threads(n), engine(dnnl::engine::kind::cpu, 0), stream(engine) {}
    int threads;
    dnnl::engine engine;
    dnnl::stream stream;
    std::map<vbge::ProductKey, dnnl::matmul> products;
};
