// ldmatrix and mma.sync: tiles that the 32 lanes of a warp hold in parts.
#include "block.h"
#include "floats.h"
#include "instructions.h"
#include "warp.h"

#include <cmath>
#include <cstring>

namespace ptx {

namespace {

// In all fragments of 16-bit elements lane l holds row l/4 and columns 2(l%4), 2(l%4)+1 of an 8 x 8 tile.
int row_of(int lane) { return lane >> 2; }
int column_of(int lane) { return (lane & 3) * 2; }

// Tile m's row r is read from the address that lane 8m+r gives. mode is 1 if the tiles are transposed.
void load_matrix(Warp &w, const Instruction &in, Mask active) {
    uint16_t tiles[4][8][8];
    for (int m = 0; m < in.count; m++) {
        for (int r = 0; r < 8; r++) {
            const int lane = m * 8 + r;
            uint64_t address = w.address(in.address[0], lane);
            std::memcpy(tiles[m][r], w.block.shared.read(w, in, Mask{1} << lane, address, 16), 16);
        }
    }
    for (int m = 0; m < in.count; m++) {
        const auto &tile = tiles[m];
        each(active, w.values<uint32_t>(in.r[m]), [&](int l) {
            const int r = row_of(l), c = column_of(l);
            uint32_t low = in.mode ? tile[c][r] : tile[r][c], high = in.mode ? tile[c + 1][r] : tile[r][c + 1];
            return high << 16 | low;
        });
    }
}

void align(Decoder &d) {
    d.need("sync");
    d.need("aligned");
    d.out.flow = Flow::aligned;
}

void decode_ldmatrix(Decoder &d) {
    align(d);
    d.need("m8n8");
    constexpr uint8_t counts[] = {1, 2, 4};
    d.out.count = counts[d.need_one_of({"x1", "x2", "x4"})];
    d.out.mode = d.has("trans");
    d.need("shared");
    if (d.type() != Type::b16) d.refuse_type();
    d.need_operands(2);
    const syntax::Operand &to = d.operand(0);
    if (to.kind != syntax::Operand::vector || to.elements.size() != d.out.count)
        d.refuse("one register a tile is needed");
    for (int m = 0; m < d.out.count; m++) d.out.r[m] = d.destination(to.elements[m], Type::b32);
    d.out.address[0] = d.address(d.operand(1), Space::shared);
    d.out.execute = load_matrix;
}

// Where the operands of mma begin in Instruction::r: four registers of D, four of A, two of B, four of C.
constexpr int d_at = 0, a_at = 4, b_at = 8, c_at = 10;

// D[16,8] = A[16,depth] B[depth,8] + C. Products are exact; sums are float32, in the order of the depth. Tensor cores
// add in an order and with roundings of their own, which NVIDIA does not tell.
template <float (*widen)(uint16_t), int depth> void multiply(Warp &w, const Instruction &in, Mask) {
    alignas(64) float a[16][depth], b[depth][8], c[16][8];
    for (int part = 0; part < depth / 4; part++) {  // tiles of A: rows 0-7, rows 8-15, then the next eight columns
        Lanes<uint32_t> v = w.values<uint32_t>(in.r[a_at + part]);
        float (*rows)[depth] = a + part % 2 * 8;
        for (int l = 0; l < lanes; l++) {
            float *at = &rows[row_of(l)][part / 2 * 8 + column_of(l)];
            at[0] = widen(static_cast<uint16_t>(v[l]));
            at[1] = widen(static_cast<uint16_t>(v[l] >> 16));
        }
    }
    for (int part = 0; part < depth / 8; part++) {  // tiles of B, transposed: a lane's pair lies along the depth
        Lanes<uint32_t> v = w.values<uint32_t>(in.r[b_at + part]);
        for (int l = 0; l < lanes; l++) {
            const int k = part * 8 + column_of(l);
            b[k][row_of(l)] = widen(static_cast<uint16_t>(v[l]));
            b[k + 1][row_of(l)] = widen(static_cast<uint16_t>(v[l] >> 16));
        }
    }
    for (int part = 0; part < 4; part++) {
        Lanes<float> v = w.values<float>(in.r[c_at + part]);
        for (int l = 0; l < lanes; l++) c[row_of(l) + part / 2 * 8][column_of(l) + part % 2] = v[l];
    }
    for (auto &row : a) {
        float (&sums)[8] = c[&row - a];
        for (int k = 0; k < depth; k++) {
            for (int j = 0; j < 8; j++) sums[j] = std::fma(row[k], b[k][j], sums[j]);
        }
    }
    for (int part = 0; part < 4; part++) {
        Lanes<float> v = w.values<float>(in.r[d_at + part]);
        for (int l = 0; l < lanes; l++) v[l] = c[row_of(l) + part / 2 * 8][column_of(l) + part % 2];
    }
    w.block.counters.mma_flops += 2 * 16 * 8 * depth;
}

void fragment(Decoder &d, int operand, int at, size_t registers, Type type) {
    const syntax::Operand &o = d.operand(operand);
    if (o.kind != syntax::Operand::vector || o.elements.size() != registers) {
        d.refuse("operand " + std::to_string(operand + 1) + " needs " + std::to_string(registers) + " registers");
    }
    for (size_t i = 0; i < registers; i++) {
        uint32_t place = operand == 0 ? d.destination(o.elements[i], type) : d.source(o.elements[i], type);
        d.out.r[static_cast<size_t>(at) + i] = place;
    }
}

void decode_mma(Decoder &d) {
    align(d);
    const bool deep = d.need_one_of({"m16n8k8", "m16n8k16"}) == 1;
    d.need("row");
    d.need("col");
    const Type c = d.type(), b = d.type(), a = d.type(), to = d.type();
    if (to != Type::f32 || c != Type::f32 || a != b || (a != Type::bf16 && a != Type::f16)) {
        d.refuse("only f32 = bf16 x bf16 + f32 and f32 = f16 x f16 + f32 are interpreted");
    }
    d.need_operands(4);
    fragment(d, 0, d_at, 4, Type::f32);
    fragment(d, 1, a_at, deep ? 4 : 2, Type::b32);
    fragment(d, 2, b_at, deep ? 2 : 1, Type::b32);
    fragment(d, 3, c_at, 4, Type::f32);
    if (a == Type::bf16) d.out.execute = deep ? multiply<widen_bf16, 16> : multiply<widen_bf16, 8>;
    if (a == Type::f16) d.out.execute = deep ? multiply<widen_f16, 16> : multiply<widen_f16, 8>;
}

}  // namespace

std::vector<Entry> matrix_instructions() {
    return {
        {"ldmatrix", Operands::any, decode_ldmatrix},
        {"mma", Operands::any, decode_mma},
    };
}

}  // namespace ptx
