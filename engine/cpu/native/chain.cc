// Chains of row-wise operations, by tiles of rows: a thread takes a tile and computes all operations on it, so that what
// they hand on stays in its own cache.
//
// A product has three parts on a tile: its rows are made what the weight's precision multiplies, oneDNN makes
// accumulators of some columns at a time, and a kernel makes them the result.
#include <algorithm>

#include "linear.h"
#include "stopwatch.h"

namespace {

using vbge::Epilogue;
using vbge::In;
using vbge::kColumnBlock;
using vbge::Out;
using vbge::Quantised;

// Accumulators that a thread has at a time: with their operands they stay in a second-level cache of 1 MB.
constexpr int kAccumulators = 104 * 1024;

constexpr int64_t kLine = 64;
constexpr int64_t whole_lines(int64_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

bool is_product(const vbge_step &s) { return s.operation <= VBGE_LINEAR_RESIDUAL; }

// Columns of the result that a thread computes at a time: whole blocks, in pieces of about equal size. A SwiGLU has
// two accumulators for each.
int piece_of(const vbge_step &s, int tile, int cols) {
    if (!s.linear->blocked) return cols;
    const int most = kAccumulators / vbge::product_rows(tile) / (s.operation == VBGE_LINEAR_SWIGLU ? 2 : 1);
    const int pieces = (cols + most - 1) / most;
    return vbge::round_up((cols + pieces - 1) / pieces, kColumnBlock);
}

// The scratch of one product on a tile.
struct Room {
    int64_t operand, rows, accumulators;  // bytes
    int64_t total() const { return operand + rows + accumulators; }
};

Room room_for(const vbge_step &s, int tile, int cols) {
    const int64_t rows = vbge::product_rows(tile);
    const int64_t wide = s.operation == VBGE_LINEAR_SWIGLU ? 2 : 1;
    return {whole_lines(rows * s.linear->in * int64_t(sizeof(float))), whole_lines(rows * int64_t(sizeof(Quantised))),
            whole_lines(rows * piece_of(s, tile, cols) * int64_t(sizeof(float))) * wide};
}

// Rows first..first+count-1 of a chain on one thread; the last tile has fewer than the height of all others.
struct Tile {
    vbge_cpu *cpu;
    vbge::Worker *worker;
    int64_t first;
    int count, height;
    char *local;    // of rows that are local
    char *scratch;  // of one product

    char *at(const vbge_matrix &m, int row, int col = 0) const {
        const int64_t size = m.type == VBGE_BF16 ? 2 : 4;
        if (m.base == nullptr) return local + m.at + (row * m.stride + col) * size;
        return m.base + m.at + ((first + row) * m.stride + col) * size;
    }
    In in(const vbge_matrix &m, int row, int col = 0) const { return {at(m, row, col), vbge::Type(m.type)}; }
    Out out(const vbge_matrix &m, int row, int col = 0) const { return {at(m, row, col), vbge::Type(m.type)}; }

    void row_wise(const vbge_step &s) const;
    void product(const vbge_step &s, int from, int to) const;
};

void Tile::row_wise(const vbge_step &s) const {
    const vbge::Kernels &k = vbge::kernels();
    const int cols = s.cols;
    for (int r = 0; r < count; r++) {
        const Out y = out(s.y, r);
        switch (s.operation) {
        case VBGE_LAYER_NORM: k.layer_norm(y, in(s.x, r), cols, s.gain, s.bias, s.eps); break;
        case VBGE_GELU: k.gelu(y, in(s.x, r), cols); break;
        case VBGE_SWIGLU: k.swiglu(y, in(s.x, r), cols); break;
        case VBGE_NORMALISE: k.normalise(y, in(s.x, r), cols); break;
        case VBGE_ADD_ROWS:
            k.add(y, in(s.x, r), {s.table + int64_t(s.at[first + r]) * cols, vbge::Type::f32}, cols);
            break;
        case VBGE_EMBEDDING: {
            float *sum = reinterpret_cast<float *>(scratch);
            const Out partial{sum, vbge::Type::f32};
            k.add(partial, {s.table + int64_t(s.at[first + r]) * cols, vbge::Type::f32},
                  {s.token_type, vbge::Type::f32}, cols);
            k.add(y, {sum, vbge::Type::f32},
                  {s.positions + int64_t(s.position_at[first + r]) * cols, vbge::Type::f32}, cols);
            break;
        }
        default: break;
        }
    }
}

// Columns from..to-1 of a product's result.
void Tile::product(const vbge_step &s, int from, int to) const {
    if (from == to) return;
    const vbge::Kernels &k = vbge::kernels();
    const vbge_linear &l = *s.linear;
    const Room room = room_for(s, height, to - from);
    auto *quantised = reinterpret_cast<Quantised *>(scratch + room.operand);
    char *accumulators = scratch + room.operand + room.rows;

    const void *x = at(s.x, 0);
    int64_t stride = s.x.stride;
    const int own = l.precision == VBGE_FLOAT32 ? VBGE_F32 : VBGE_BF16;
    if (l.precision == VBGE_INT8) {
        for (int r = 0; r < count; r++)
            quantised[r] = k.quantise(reinterpret_cast<uint8_t *>(scratch) + int64_t(r) * l.in, in(s.x, r), l.in);
    } else if (s.x.type != own) {
        const int64_t size = own == VBGE_F32 ? 4 : 2;
        for (int r = 0; r < count; r++) k.copy({scratch + r * l.in * size, vbge::Type(own)}, in(s.x, r), l.in);
    }
    if (l.precision == VBGE_INT8 || s.x.type != own) x = scratch, stride = l.in;

    const int piece = piece_of(s, height, to - from);
    for (int c = from; c < to; c += piece) {
        const int cols = std::min(piece, to - c);
        char *second = accumulators + whole_lines(int64_t(vbge::product_rows(count)) * cols * int64_t(sizeof(float)));
        {
            const vbge::Stopwatch watch(s.spent == nullptr ? nullptr : s.spent + 1);
            vbge::multiply(cpu, *worker, l, x, stride, count, c, cols, accumulators);
            if (s.operation == VBGE_LINEAR_SWIGLU)
                vbge::multiply(cpu, *worker, l, x, stride, count, s.cols + c, cols, second);
        }
        const auto epilogue = [&](const char *acc, int r, int column) {
            const bool integers = l.precision == VBGE_INT8;
            return Epilogue{acc + int64_t(r) * cols * int64_t(sizeof(float)), l.bias + column,
                            integers ? l.scales + column : nullptr, integers ? l.sums + column : nullptr,
                            integers ? quantised[r].scale : 1, integers ? quantised[r].zero : 0};
        };
        for (int r = 0; r < count; r++) {
            const Out y = out(s.y, r, c);
            const Epilogue e = epilogue(accumulators, r, c);
            switch (s.operation) {
            case VBGE_LINEAR: k.finish(y, e, cols); break;
            case VBGE_LINEAR_GELU: k.finish_gelu(y, e, cols); break;
            case VBGE_LINEAR_SWIGLU: k.finish_swiglu(y, e, epilogue(second, r, s.cols + c), cols); break;
            case VBGE_LINEAR_RESIDUAL: k.finish_residual(y, e, in(s.residual, r, c), cols); break;
            default: break;
            }
        }
    }
}

// The scratch that one thread needs beside local rows.
int64_t scratch_for(const vbge_step *steps, int count, int tile) {
    int64_t most = 0;
    for (int i = 0; i < count; i++) {
        const vbge_step &s = steps[i];
        most = std::max(most, is_product(s) ? room_for(s, tile, s.cols).total()
                                            : whole_lines(int64_t(s.cols) * int64_t(sizeof(float))));
    }
    return most;
}

}  // namespace

int vbge_chain(vbge_cpu *cpu, const vbge_step *steps, int count, int rows, int tile, int blocks, size_t local_bytes) {
    return vbge::guarded("chain of operations", [&] {
        const int64_t local = whole_lines(int64_t(local_bytes));
        const int64_t scratch = local + scratch_for(steps, count, tile);
        for (auto &worker : cpu->workers) worker->scratch.reserve(size_t(scratch));
        const int tiles = (rows + tile - 1) / tile;
        // A block's columns, in whole blocks of the packed weight.
        const int cols = steps[0].cols, share = vbge::round_up((cols + blocks - 1) / blocks, kColumnBlock);
        cpu->pool.run(tiles * blocks, [&](int task, int thread) {
            vbge::Worker &worker = *cpu->workers[size_t(thread)];
            Tile t{cpu, &worker, int64_t(task % tiles) * tile, 0, tile, worker.scratch.data(), worker.scratch.data() + local};
            t.count = std::min(tile, int(rows - t.first));
            for (int i = 0; i < count; i++) {
                const vbge_step &s = steps[i];
                const vbge::Stopwatch watch(s.spent);
                if (!is_product(s)) t.row_wise(s);
                else if (blocks == 1) t.product(s, 0, s.cols);
                else t.product(s, std::min(cols, task / tiles * share), std::min(cols, (task / tiles + 1) * share));
            }
        });
    });
}
