// Comparisons into predicates and choices by them: setp, selp.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

namespace ptx {

namespace {

// How two numbers may compare. A relation is the set of those for which it holds.
enum Outcome : uint8_t { less = 1, equal = 2, greater = 4, unordered = 8 };

template <typename T> T same(T x) { return x; }

// in.mode is the relation; prepare is what becomes of both sides first.
template <typename T, T (*prepare)(T) = same<T>> void set(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[1]), b = w.values<T>(in.r[2]);
    const bool on_less = in.mode & less, on_equal = in.mode & equal, on_greater = in.mode & greater,
               on_unordered = in.mode & unordered;
    Mask holds = lanes_where([&](int l) {
        T x = prepare(a[l]), y = prepare(b[l]);
        return (on_less & (x < y)) | (on_equal & (x == y)) | (on_greater & (x > y)) |
               (on_unordered & ((x != x) | (y != y)));
    });
    w.set_predicate(in.r[0], active, holds);
}

Execute handler(Decoder &d, Type t, bool ftz) {
    switch (t) {
    case Type::b16:
    case Type::u16:
        return set<uint16_t>;
    case Type::s16:
        return set<int16_t>;
    case Type::b32:
    case Type::u32:
        return set<uint32_t>;
    case Type::s32:
        return set<int32_t>;
    case Type::b64:
    case Type::u64:
        return set<uint64_t>;
    case Type::s64:
        return set<int64_t>;
    case Type::f32:
        return ftz ? set<float, flush> : set<float>;
    default:
        d.refuse_type();
    }
}

void decode_setp(Decoder &d) {
    constexpr uint8_t ordered[] = {equal, less | greater, less, less | equal, greater, greater | equal};
    int relation = d.one_of({"eq", "ne", "lt", "le", "gt", "ge"});
    int with_nan = relation < 0 ? d.need_one_of({"equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"}) : -1;
    Type t = d.type();
    if (with_nan >= 0 && t != Type::f32) d.refuse("unordered relations are for floating point");
    if (is_bits(t) && relation > 1) d.refuse("bits are only equal or not");
    d.out.mode = with_nan < 0    ? ordered[relation]
                 : with_nan < 6  ? ordered[with_nan] | unordered
                 : with_nan == 6 ? less | equal | greater
                                 : unordered;
    d.out.execute = handler(d, t, t == Type::f32 && d.has("ftz"));
    d.need_operands(3);
    d.out.r[0] = d.predicate_destination(0);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, t);
}

// in.mode is 1 if the predicate is negated.
template <typename T> void select(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[1]), b = w.values<T>(in.r[2]);
    Mask p = w.predicate(in.r[3]) ^ (in.mode ? all_lanes : 0);
    each(active, w.values<T>(in.r[0]), [=](int l) { return has(p, l) ? a[l] : b[l]; });
}

void decode_selp(Decoder &d) {
    Type t = d.type();
    const int width = bits(t);
    if (width < 16) d.refuse_type();
    d.out.execute = width == 16 ? select<uint16_t> : width == 32 ? select<uint32_t> : select<uint64_t>;
    d.need_operands(4);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, t);
    bool negated = false;
    d.out.r[3] = d.predicate(d.operand(3), &negated);
    d.out.mode = negated;
}

}  // namespace

std::vector<Entry> compare_instructions() {
    return {{"setp", Operands::any, decode_setp}, {"selp", Operands::any, decode_selp}};
}

}  // namespace ptx
