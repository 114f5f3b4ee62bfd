// What the native side's files share: the context, the fault of the last call, and counted memory.
#pragma once
#include "kernels.h"
#include "pool.h"
#include "vbge_cpu.h"

#include <dnnl.hpp>

#include <exception>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace vbge {

constexpr int round_up(int n, int step) { return (n + step - 1) / step * step; }

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

// The kernels of the best instruction set that the processor has.
const Kernels &kernels();

// Counted memory that grows to the largest request; what it held is lost then.
class Scratch {
  public:
    Scratch() = default;
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    ~Scratch() { vbge_cpu_release(data_); }
    char *data() const { return static_cast<char *>(data_); }
    void reserve(size_t bytes);

  private:
    void *data_ = nullptr;
    size_t size_ = 0;
};

// A compiled product and what it is executed with.
struct Product {
    dnnl::matmul primitive;
    dnnl::memory x, weight, acc, scratchpad;
    std::unordered_map<int, dnnl::memory> arguments;
};

// A product's compiled form depends on rows, columns, depth, the stride of x, the precision, and where the weight is not
// in blocks on its columns.
using ProductKey = std::tuple<int, int, int, int64_t, int, int>;

// What one thread has for itself.
struct Worker {
    explicit Worker(const dnnl::engine &engine) : stream(engine) {}
    dnnl::stream stream;
    std::map<ProductKey, Product> products;
    Scratch scratch, scratchpad;  // the latter for oneDNN
};

}  // namespace vbge

struct vbge_cpu {
    vbge_cpu(int threads, bool pin) : pool(threads, pin), engine(dnnl::engine::kind::cpu, 0) {
        for (int i = 0; i < threads; i++) workers.push_back(std::make_unique<vbge::Worker>(engine));
    }
    vbge::Pool pool;
    dnnl::engine engine;
    std::vector<std::unique_ptr<vbge::Worker>> workers;  // by thread
};
