// Matrix products by oneDNN: accumulators [rows, cols] = x [rows, in] W^T of some columns, without an epilogue.
//
// A weight is packed once, in blocks of 64 columns where oneDNN's fastest code wants that, so that any whole blocks of
// it can be multiplied alone.
#include "linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

using dnnl::memory;
using Type = memory::data_type;
using Order = memory::format_tag;

struct Types {
    Type x, weight, acc;
    size_t size;   // bytes of a weight
    Order blocks;  // what oneDNN 3.2 packs weights to for AVX-512 and VNNI
};

const Types &types_of(int precision) {
    static const Types all[] = {{Type::f32, Type::f32, Type::f32, 4, Order::BA16a64b},
                                {Type::bf16, Type::bf16, Type::f32, 2, Order::BA16a64b2a},
                                {Type::u8, Type::s8, Type::s32, 1, Order::BA16a64b4a}};
    return all[precision];
}

constexpr size_t kMostProducts = 2048;  // of a thread: bounds the code compiled for ever new shapes
constexpr int kRowsPackedFor = 96;

dnnl::matmul::primitive_desc product(const dnnl::engine &engine, const Types &t, int rows, int in, int64_t x_stride,
                                     const memory::desc &weight, int cols) {
    dnnl::primitive_attr attributes;
    // Whatever ONEDNN_DEFAULT_FPMATH_MODE says: float32 is float32.
    attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
    // oneDNN's own scratchpads belong to the threads that compiled products, and leak where another one frees those.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return {engine, memory::desc({rows, in}, t.x, memory::dims{x_stride, 1}), weight,
            memory::desc({rows, cols}, t.acc, Order::ab), attributes};
}

// Whether oneDNN has its fast code for blocks here; what it has else takes the weight row by row.
bool takes_blocks(const dnnl::engine &engine, const Types &t, int out, int in) {
    const memory::desc blocks({in, out}, t.weight, t.blocks);
    return std::strncmp(product(engine, t, kRowsPackedFor, in, in, blocks, out).impl_info_str(), "brg", 3) == 0;
}

// Rounds a row of weights to -127..127; returns what one step is worth. It is written in integers, whose largest and
// whose sum compilers find with vectors: without its sign, a float is ordered as its bits are.
float quantise(int8_t *y, const float *x, int n, int32_t *sum) {
    const auto bits = [](float v) {
        int32_t b;
        std::memcpy(&b, &v, sizeof b);
        return b;
    };
    int32_t most = 0;
    for (int i = 0; i < n; i++) most = std::max(most, bits(x[i]) & 0x7fffffff);
    float largest;
    std::memcpy(&largest, &most, sizeof largest);
    const float inverse = largest > 0 ? 127.0f / largest : 0;
    constexpr float kToNearest = 12582912;  // 1.5 * 2^23: a sum has no place for fractions, its last bits are the integer
    int32_t total = 0;
    for (int i = 0; i < n; i++) {
        const int32_t q = bits(x[i] * inverse + kToNearest) - bits(kToNearest);
        y[i] = int8_t(q);
        total += q;
    }
    *sum = total;
    return largest / 127.0f;
}

// Packs columns first..first+cols-1 of the weight, which is [out, in] and so the product's by columns.
void pack(vbge_cpu *cpu, vbge::Worker &worker, vbge_linear *l, const float *weight, int first, int cols) {
    const Types &t = types_of(l->precision);
    const void *from = weight + int64_t(first) * l->in;
    std::vector<int8_t> quantised;
    if (l->precision == VBGE_INT8) {
        quantised.resize(size_t(cols) * l->in);
        for (int c = 0; c < cols; c++)
            l->scales[first + c] = quantise(quantised.data() + int64_t(c) * l->in, weight + int64_t(first + c) * l->in,
                                            l->in, l->sums + first + c);
        from = quantised.data();
    }
    const memory::desc given({l->in, cols}, l->precision == VBGE_INT8 ? t.weight : Type::f32, Order::ba);
    memory source(given, cpu->engine, const_cast<void *>(from));
    memory target(l->block(cols), cpu->engine, l->at(first));
    dnnl::reorder(source, target).execute(worker.stream, source, target);
    worker.stream.wait();
}

vbge::Product compile(vbge_cpu *cpu, const vbge_linear &l, int rows, int64_t x_stride, int cols) {
    const auto compiled = product(cpu->engine, types_of(l.precision), rows, l.in, x_stride, l.block(cols), cols);
    vbge::Product p{dnnl::matmul(compiled),
                    memory(compiled.src_desc(), cpu->engine, nullptr),
                    memory(compiled.weights_desc(), cpu->engine, nullptr),
                    memory(compiled.dst_desc(), cpu->engine, nullptr),
                    memory(compiled.scratchpad_desc(), cpu->engine, nullptr),
                    {}};
    p.arguments = {{DNNL_ARG_SRC, p.x},
                   {DNNL_ARG_WEIGHTS, p.weight},
                   {DNNL_ARG_DST, p.acc},
                   {DNNL_ARG_SCRATCHPAD, p.scratchpad}};
    return p;
}

}  // namespace

vbge_linear::vbge_linear(int precision_, int out_, int in_)
    : precision(precision_), out(out_), in(in_), blocked(false), weight(nullptr), bias(nullptr), scales(nullptr),
      sums(nullptr) {}

vbge_linear::~vbge_linear() {
    for (void *memory : {static_cast<void *>(weight), static_cast<void *>(bias), static_cast<void *>(scales),
                         static_cast<void *>(sums)})
        vbge_cpu_release(memory);
}

memory::desc vbge_linear::block(int cols) const {
    const Types &t = types_of(precision);
    if (blocked) return {{in, cols}, t.weight, t.blocks};
    return {{in, cols}, t.weight, memory::dims{out, 1}};
}

char *vbge_linear::at(int first) const {
    const Types &t = types_of(precision);
    // A block's depth is filled up to what one step of the packed order takes.
    const int64_t step = t.size == 4 ? 16 : t.size == 2 ? 32 : 64;
    const int64_t depth = blocked ? (in + step - 1) / step * step : 1;
    return weight + int64_t(first) * depth * int64_t(t.size);
}

int vbge_linear_new(vbge_cpu *cpu, int precision, int out, int in, const float *weight, const float *bias,
                    vbge_linear **result) {
    return vbge::guarded("pack a weight", [&] {
        auto l = std::make_unique<vbge_linear>(precision, out, in);
        l->blocked = takes_blocks(cpu->engine, types_of(precision), out, in);
        const auto take = [](size_t bytes) {
            void *memory = vbge_cpu_allocate(bytes);
            if (memory == nullptr) throw std::bad_alloc();
            return memory;
        };
        l->weight = static_cast<char *>(take(l->block(out).get_size()));
        l->bias = static_cast<float *>(take(size_t(out) * sizeof(float)));
        if (precision == VBGE_INT8) {
            l->scales = static_cast<float *>(take(size_t(out) * sizeof(float)));
            l->sums = static_cast<int32_t *>(take(size_t(out) * sizeof(int32_t)));
        }
        if (bias != nullptr) std::memcpy(l->bias, bias, size_t(out) * sizeof(float));
        else std::memset(l->bias, 0, size_t(out) * sizeof(float));
        const int blocks = (out + vbge::kColumnBlock - 1) / vbge::kColumnBlock;
        cpu->pool.run(blocks, [&](int block, int thread) {
            const int first = block * vbge::kColumnBlock;
            pack(cpu, *cpu->workers[size_t(thread)], l.get(), weight, first, std::min(vbge::kColumnBlock, out - first));
        });
        *result = l.release();
    });
}

void vbge_linear_free(vbge_linear *linear) { delete linear; }

void vbge::multiply(vbge_cpu *cpu, Worker &worker, const vbge_linear &linear, const void *x, int64_t x_stride, int rows,
                    int first, int cols, void *acc) {
    const int whole = product_rows(rows);
    const ProductKey key{whole, cols, linear.in, x_stride, linear.precision, linear.blocked ? 0 : linear.out};
    auto found = worker.products.find(key);
    if (found == worker.products.end()) {
        if (worker.products.size() >= kMostProducts) worker.products.clear();
        found = worker.products.emplace(key, compile(cpu, linear, whole, x_stride, cols)).first;
        worker.scratchpad.reserve(found->second.scratchpad.get_desc().get_size());
    }
    Product &p = found->second;
    p.x.set_data_handle(const_cast<void *>(x));
    p.weight.set_data_handle(linear.at(first));
    p.acc.set_data_handle(acc);
    p.scratchpad.set_data_handle(worker.scratchpad.data());
    p.primitive.execute(worker.stream, p.arguments);
}
