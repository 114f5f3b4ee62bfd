// Kernels as nvcc compiles them (kernels.cu), against the same computed here.
#include <cmath>
#include <fstream>
#include <sstream>

#include "check.h"

namespace ptx::test {

namespace {

struct Arguments {
    const void *x;
    void *y;
    int n;
};

class Compiled {
  public:
    Compiled() {
        std::ifstream file(KERNELS_PTX);
        std::stringstream text;
        text << file.rdbuf();
        module_ = Module::parse(text.str());
    }

    template <typename A> Counters run(const char *name, const A &arguments, unsigned grid, unsigned threads,
                                       uint64_t seed = 0) {
        const Kernel *k = module_->find(name);
        if (!k) throw Error(std::string("there is no kernel ") + name);
        Launch l;
        l.grid[0] = grid;
        l.block[0] = threads;
        l.parameters = reinterpret_cast<const unsigned char *>(&arguments);
        Machine m;
        m.seed = seed;
        m.threads = 2;
        m.range = [](uint64_t, uint64_t *from, uint64_t *to) {
            *from = 1 << 16;
            *to = uint64_t{1} << 55;
            return true;
        };
        return ptx::run(*k, l, m);
    }

  private:
    std::unique_ptr<Module> module_;
};

void check_functions(Compiled &c) {
    constexpr int n = 500, functions = 13;
    std::vector<float> x(n), y(functions * n);
    Numbers random(1);
    for (float &v : x) v = random.real(6);
    c.run("functions", Arguments{x.data(), y.data(), n}, 4, 128);
    // CUDA states its functions' errors in units of the last place; these bounds are of that order, relative to 1 or
    // more.
    const double bounds[functions] = {3e-7, 3e-7, 3e-7, 3e-7, 3e-7, 2e-7, 1e-7, 1e-6, 1e-6, 0, 1e-6, 2e-7, 1e-6};
    double worst[functions] = {};
    for (int i = 0; i < n; i++) {
        const double v = x[i], positive = std::fabs(v);
        const double want[functions] = {std::erf(v),
                                        std::exp(v),
                                        std::tanh(v),
                                        std::log(positive),
                                        1 / std::sqrt(positive),
                                        std::sqrt(positive),
                                        v / 3.7f,
                                        std::exp(v),
                                        std::pow(positive, 1.5),
                                        std::floor(v) + std::rint(v) * 2 + std::trunc(v) * 4,
                                        0.5 * v * (1 + std::erf(v * 0.70710678f)),
                                        std::fmax(v, 0.5) - std::fmin(v, -0.5),
                                        1 / (1 + std::exp(-v))};
        for (int f = 0; f < functions; f++) {
            worst[f] =
                std::max(worst[f], std::fabs(y[functions * i + f] - want[f]) / std::max(1.0, std::fabs(want[f])));
        }
    }
    for (int f = 0; f < functions; f++) {
        check(worst[f] <= bounds[f],
              "function " + std::to_string(f) + " is off by " + std::to_string(worst[f] * 1e9) + "e-9");
    }
}

void check_sums(Compiled &c) {
    constexpr int n = 1000;
    std::vector<float> x(n), y(3);
    for (int i = 0; i < n; i++) x[i] = static_cast<float>(i % 17);
    float want[3] = {};
    for (int i = 0; i < n; i++) want[i / 160 % 3] += x[i];
    for (uint64_t seed = 0; seed < 5; seed++) {
        c.run("sum_with_barrier", Arguments{x.data(), y.data(), n}, 3, 160, seed);
        for (int b = 0; b < 3; b++)
            check(y[b] == want[b], "sum of block " + std::to_string(b) + ": " + std::to_string(y[b]));
        std::string told =
            error_of([&] { c.run("sum_without_barrier", Arguments{x.data(), y.data(), n}, 3, 160, seed); });
        check_contains(told, "race on shared memory", "a sum without its barrier, seed " + std::to_string(seed));
    }
}

int64_t integer_truth(const std::vector<int> &x, int v) {
    const auto u = static_cast<unsigned>(v);
    // As in C++ there: the sum of int and unsigned is unsigned, and wraps.
    int64_t out = static_cast<int64_t>(static_cast<unsigned>(v / 7 + v % 13) + u / 10u) + int64_t{v} * v % 1000003;
    out += __builtin_popcount(u) + (u ? __builtin_clz(u) : 32) + (v >> 3);
    switch (v & 7) {
    case 0:
        out += 100;
        break;
    case 1:
        out -= x[0];
        break;
    case 2:
        out *= 3;
        break;
    case 3:
        out ^= 0x5555;
        break;
    case 5:
        out = -out;
        break;
    }
    unsigned steps = 0, collatz = (v < 0 ? 0 - u : u) % 1000 + 1;
    for (; collatz != 1; steps++) collatz = collatz & 1 ? 3 * collatz + 1 : collatz / 2;
    return out * 1000 + steps;
}

void check_integers(Compiled &c) {
    constexpr int n = 300;
    std::vector<int> x(n);
    std::vector<int64_t> y(n);
    Numbers random(2);
    for (int i = 0; i < n; i++) x[i] = i < 20 ? i - 10 : static_cast<int>(random.next() % 2000001) - 1000000;
    Counters counters = c.run("integers", Arguments{x.data(), y.data(), n}, 3, 128, 7);
    for (int i = 0; i < n; i++) {
        int64_t want = integer_truth(x, x[i]);
        check(y[i] == want,
              "integers of " + std::to_string(x[i]) + ": " + std::to_string(y[i]) + ", not " + std::to_string(want));
    }
    check(counters.stored == 8 * n, "stored " + std::to_string(counters.stored) + " bytes");
}

}  // namespace

void compiled() {
    Compiled c;
    check_functions(c);
    check_sums(c);
    check_integers(c);
}

}  // namespace ptx::test
