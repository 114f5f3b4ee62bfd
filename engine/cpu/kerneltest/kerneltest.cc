#include "kerneltest.h"

#include <cstring>

#include "kernels.h"

namespace {

struct Table {
    const vbge::Kernels *kernels;
    bool runs;
};

// Tables in the order of what they ask for.
const Table *tables(int i) {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
    static const Table all[] = {{&vbge::kernels_generic, true},
                                {&vbge::kernels_avx2, avx2},
                                {&vbge::kernels_avx512, avx512},
                                {&vbge::kernels_avx512bf16, bf16}};
#else
    static const Table all[] = {{&vbge::kernels_generic, true}};
#endif
    return i >= 0 && i < int(sizeof all / sizeof all[0]) && all[i].runs ? &all[i] : nullptr;
}

vbge::Epilogue epilogue(const kerneltest_epilogue &e) { return {e.acc, e.bias, e.scales, e.sums, e.scale, e.zero}; }

}  // namespace

const char *kerneltest_table(int i) {
    const Table *t = tables(i);
    return t == nullptr ? nullptr : t->kernels->name;
}

int kerneltest_run(int table, const char *kernel, kerneltest_call *c) {
    const vbge::Kernels &k = *tables(table)->kernels;
    const vbge::Out y{c->y, vbge::Type(c->y_type)};
    const vbge::In x{c->x, vbge::Type(c->x_type)}, second{c->second, vbge::Type(c->second_type)};
    const auto is = [&](const char *name) { return std::strcmp(kernel, name) == 0; };
    if (is("copy")) k.copy(y, x, c->n);
    else if (is("add")) k.add(y, x, second, c->n);
    else if (is("layer_norm")) k.layer_norm(y, x, c->n, c->gain, c->bias, c->eps);
    else if (is("gelu")) k.gelu(y, x, c->n);
    else if (is("swiglu")) k.swiglu(y, x, c->n);
    else if (is("normalise")) k.normalise(y, x, c->n);
    else if (is("finish")) k.finish(y, epilogue(c->product), c->n);
    else if (is("finish_gelu")) k.finish_gelu(y, epilogue(c->product), c->n);
    else if (is("finish_swiglu")) k.finish_swiglu(y, epilogue(c->product), epilogue(c->up), c->n);
    else if (is("finish_residual")) k.finish_residual(y, epilogue(c->product), second, c->n);
    else if (is("quantise")) {
        const vbge::Quantised q = k.quantise(static_cast<uint8_t *>(c->y), x, c->n);
        c->scale = q.scale, c->zero = q.zero;
    } else return -1;
    return 0;
}
