// Matrix products by oneDNN: y [rows, out] = x [rows, in] W^T + b, float32.
//
// A weight is packed once, in the order that oneDNN picks for a large batch, and that order is
// then asked for at every batch size. GELU and the residual are applied while a tile of the result
// is in registers or cache. A compiled product is shared by all weights of one shape.
#include "context.h"

#include <cstring>
#include <memory>

namespace {

using dnnl::memory;

constexpr int kRowsPackedFor = 1024;
constexpr size_t kMostProducts = 2048;  // bounds the code compiled for ever new batch sizes

memory::desc rows_by(int64_t rows, int64_t cols, int64_t stride) {
    return {{rows, cols}, memory::data_type::f32, memory::dims{stride, 1}};
}

dnnl::matmul::primitive_desc product(vbge_cpu *cpu, int rows, int64_t x_stride, const memory::desc &weight, int out,
                                     int in, int flags) {
    dnnl::post_ops epilogue;
    if (flags & VBGE_ACCUMULATE) epilogue.append_sum(1.0f);
    if (flags & VBGE_GELU) epilogue.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 0, 0);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(epilogue);
    // Whatever ONEDNN_DEFAULT_FPMATH_MODE says: float32 is float32.
    attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
    const memory::desc bias({1, out}, memory::data_type::f32, memory::format_tag::ab);
    return {cpu->engine, rows_by(rows, in, x_stride), weight, bias, rows_by(rows, out, out), attributes};
}

memory::desc any_order(int out, int in) { return {{in, out}, memory::data_type::f32, memory::format_tag::any}; }

}  // namespace

struct vbge_linear {
    vbge_linear(int out_, int in_, const memory::desc &order_)
        : out(out_), in(in_), order(order_), weight(static_cast<float *>(vbge_cpu_allocate(order_.get_size()))),
          bias(static_cast<float *>(vbge_cpu_allocate(size_t(out_) * sizeof(float)))) {
        if (weight == nullptr || bias == nullptr) {
            release();
            throw std::bad_alloc();
        }
    }
    ~vbge_linear() { release(); }
    vbge_linear(const vbge_linear &) = delete;
    vbge_linear &operator=(const vbge_linear &) = delete;

    void release() {
        vbge_cpu_release(weight);
        vbge_cpu_release(bias);
    }

    int out, in;
    memory::desc order;
    float *weight, *bias;
};

int vbge_linear_new(vbge_cpu *cpu, int out, int in, const float *weight, const float *bias, vbge_linear **result) {
    return vbge::guarded("pack a weight", [&] {
        const auto order = product(cpu, kRowsPackedFor, in, any_order(out, in), out, in, 0).weights_desc();
        auto linear = std::make_unique<vbge_linear>(out, in, order);
        // The checkpoint's [out, in] is the product's [in, out] read by columns.
        const memory::desc given({in, out}, memory::data_type::f32, memory::format_tag::ba);
        memory from(given, cpu->engine, const_cast<float *>(weight));
        memory to(order, cpu->engine, linear->weight);
        dnnl::reorder(from, to).execute(cpu->stream, from, to);
        cpu->stream.wait();
        if (bias != nullptr) std::memcpy(linear->bias, bias, size_t(out) * sizeof(float));
        else std::memset(linear->bias, 0, size_t(out) * sizeof(float));
        *result = linear.release();
    });
}

void vbge_linear_free(vbge_linear *linear) { delete linear; }

int vbge_linear_rows(int rows) {
    const int step = rows <= 64 ? 4 : rows <= 512 ? 16 : 64;
    return (rows + step - 1) / step * step;
}

int vbge_linear_run(vbge_cpu *cpu, vbge_linear *linear, float *x, int64_t x_stride, float *y, int rows, int flags) {
    return vbge::guarded("matrix product", [&] {
        const int whole = vbge_linear_rows(rows);
        for (int r = rows; r < whole; r++) std::memset(x + r * x_stride, 0, size_t(linear->in) * sizeof(float));
        const vbge::ProductKey key{whole, linear->out, linear->in, x_stride, flags};
        auto found = cpu->products.find(key);
        if (found == cpu->products.end()) {
            if (cpu->products.size() >= kMostProducts) cpu->products.clear();
            const auto compiled = product(cpu, whole, x_stride, linear->order, linear->out, linear->in, flags);
            found = cpu->products.emplace(key, dnnl::matmul(compiled)).first;
        }
        const memory::desc bias({1, linear->out}, memory::data_type::f32, memory::format_tag::ab);
        found->second.execute(cpu->stream,
                              {{DNNL_ARG_SRC, memory(rows_by(whole, linear->in, x_stride), cpu->engine, x)},
                               {DNNL_ARG_WEIGHTS, memory(linear->order, cpu->engine, linear->weight)},
                               {DNNL_ARG_BIAS, memory(bias, cpu->engine, linear->bias)},
                               {DNNL_ARG_DST, memory(rows_by(whole, linear->out, linear->out), cpu->engine, y)}});
        cpu->stream.wait();
    });
}
