// Puts a matrix together from rows of others: op.Embedding, AddRows, Prepend, Gather and their combinations, with the
// layer norm that may follow them (assemble_norm_T_*).
//
//   y[i] = norm(row at[i] + add0[at0[i]] + add1[at1[i]])
//
// at[i] counts the rows of a table, then those of up to three sources, as if they stood below one another; without at
// it is i. A negative at[i] leaves y[i] as it is, a negative at0[i] or at1[i] adds nothing, without at0 (at1) row 0 is
// added.
//
// Layout: y [rows, cols] and the sources of T, strides in values; table, add0, add1 [*, cols], gain and bias [cols]
// float32; the lists int32 [rows]. y may be a source where at[i] = i. The lists' indices are trusted.
// Moves at most 2 cols sizeof(T) + 12 cols + 12 bytes a row; of the parts that every batch uses again (the tables but
// for words) most come from L2.
// Shapes with a norm: row.cuh. Without: a warp a row, any width, 16 bytes at a time (assemble_T) or any alignment
// (assemble_T_any).
// Occupancy: 6 blocks of 256 threads a multiprocessor; 2 for norms of 768 and 1024 columns, whose threads hold a row's
// values and what is added to them at once, so that few warps have as many bytes in flight; no spills.
#include "layer_norm.cuh"

namespace {

constexpr int most_sources = 3;

template <typename T> struct Source {
    const T *at;
    int rows, stride;
};

// Rows of a float32 table to add, or none.
struct Lookup {
    const float *table;
    const int *at;

    // The row for row i of the result, or nothing.
    __device__ const float *row(int i, int cols) const {
        if (table == nullptr) return nullptr;
        const int index = at == nullptr ? 0 : at[i];
        return index < 0 ? nullptr : table + static_cast<size_t>(index) * cols;
    }
};

template <typename T> struct Parts {
    const float *table;
    int table_rows;
    Source<T> sources[most_sources];
    const int *at;
    Lookup add[2];
};

// The parts of one row: of the first two, one is there.
template <typename T> struct RowParts {
    const float *table;
    const T *source;
    const float *add[2];

    static __device__ RowParts of(const Parts<T> &parts, int i, int index, int cols) {
        RowParts row = {nullptr, nullptr, {parts.add[0].row(i, cols), parts.add[1].row(i, cols)}};
        if (index < parts.table_rows) {
            row.table = parts.table + static_cast<size_t>(index) * cols;
            return row;
        }
        index -= parts.table_rows;
#pragma unroll
        for (int s = 0; s < most_sources; s++) {
            const Source<T> &source = parts.sources[s];
            if (row.source == nullptr && index < source.rows)
                row.source = source.at + static_cast<size_t>(index) * source.stride;
            index -= source.rows;
        }
        return row;
    }

    // from is table or source.
    template <typename From, int Width> __device__ void read(const From *from, int column,
                                                             float (&values)[Width]) const {
        load(from + column, values);
#pragma unroll
        for (int a = 0; a < 2; a++) {
            if (add[a] == nullptr) continue;
            float added[Width];
            load(add[a] + column, added);
#pragma unroll
            for (int i = 0; i < Width; i++) values[i] += added[i];
        }
    }
};

template <int Width, typename T>
__device__ void assemble(const Parts<T> &parts, T *y, int y_stride, int rows, int cols) {
    const int i = blockIdx.x * row_warps + threadIdx.x / 32;
    if (i >= rows) return;
    const int index = parts.at == nullptr ? i : parts.at[i];
    if (index < 0) return;
    const auto row = RowParts<T>::of(parts, i, index, cols);
    T *to = y + static_cast<size_t>(i) * y_stride;
    const auto write = [=](const auto *from) {
        for (int column = threadIdx.x % 32 * Width; column < cols; column += 32 * Width) {
            float values[Width];
            row.read(from, column, values);
            store(to + column, values);
        }
    };
    if (row.table != nullptr) write(row.table);
    else write(row.source);
}

template <typename Shape, typename T>
__device__ void assemble_norm(const Parts<T> &parts, Norm norm, T *y, int y_stride, int rows, int cols) {
    const int i = row_index<Shape>();
    if (i >= rows) return;
    const int index = parts.at == nullptr ? i : parts.at[i];
    if (index < 0) return;
    const auto row = RowParts<T>::of(parts, i, index, cols);
    const auto write = [=](const auto *from) {
        const auto source = [=](int column, float (&values)[Shape::width]) { row.read(from, column, values); };
        write_layer_norm<Shape>(cols, source, norm, y + static_cast<size_t>(i) * y_stride);
    };
    if (row.table != nullptr) write(row.table);
    else write(row.source);
}

}  // namespace

#define PARTS_PARAMETERS(T)                                                                                            \
    const float *table, int table_rows, const T *source0, int rows0, int stride0, const T *source1, int rows1,         \
        int stride1, const T *source2, int rows2, int stride2, const int *at, const float *add0, const int *at0,       \
        const float *add1, const int *at1
#define PARTS(T)                                                                                                       \
    Parts<T> {                                                                                                         \
        table, table_rows, {{source0, rows0, stride0}, {source1, rows1, stride1}, {source2, rows2, stride2}}, at, {    \
            {add0, at0}, { add1, at1 }                                                                                 \
        }                                                                                                              \
    }
#define ASSEMBLE(suffix, T, Width)                                                                                     \
    extern "C" __global__ void __launch_bounds__(row_threads, 6)                                                       \
        assemble_##suffix(PARTS_PARAMETERS(T), T *y, int y_stride, int rows, int cols) {                               \
        assemble<Width>(PARTS(T), y, y_stride, rows, cols);                                                            \
    }
#define ASSEMBLE_NORM(suffix, T, Shape, blocks)                                                                        \
    extern "C" __global__ void __launch_bounds__(row_threads, blocks < 6 ? 2 : 6)                                      \
        assemble_norm_##suffix(PARTS_PARAMETERS(T), const float *gain, const float *bias, float eps, T *y,             \
                               int y_stride, int rows, int cols) {                                                     \
        assemble_norm<Shape>(PARTS(T), Norm{gain, bias, eps}, y, y_stride, rows, cols);                                \
    }
#define ASSEMBLE_OF(T)                                                                                                 \
    ASSEMBLE(T, T, per_vector<T>)                                                                                      \
    ASSEMBLE(T##_any, T, 1)                                                                                            \
    FOR_EVERY_ROW(ASSEMBLE_NORM, T)
ASSEMBLE_OF(f32)
ASSEMBLE_OF(bf16)
ASSEMBLE_OF(f16)
