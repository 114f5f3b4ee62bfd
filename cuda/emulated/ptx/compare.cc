// Comparisons into predicates and choices by them: setp, selp, slct.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cmath>

namespace ptx {

namespace {

// The relations, ordered ones first: they are false if an operand is NaN. num and nan come last.
enum Relation { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };

template <Relation relation, typename T> bool holds(T a, T b) {
    bool unordered = a != a || b != b;
    switch (relation) {
    case eq:
        return a == b;
    case ne:
        return !unordered && a != b;
    case lt:
        return a < b;
    case le:
        return a <= b;
    case gt:
        return a > b;
    case ge:
        return a >= b;
    case equ:
        return unordered || a == b;
    case neu:
        return a != b;
    case ltu:
        return !(a >= b);
    case leu:
        return !(a > b);
    case gtu:
        return !(a <= b);
    case geu:
        return !(a < b);
    case num:
        return !unordered;
    case nan:
        return unordered;
    }
}

// How a further predicate is combined with the relation; in.mode, with negated_third added if it is negated.
enum Combination : uint8_t { alone, with_and, with_or, with_xor, negated_third = 8 };

Mask combine(Warp &w, const Instruction &in, Mask result) {
    if (in.mode == alone) return result;
    Mask third = w.predicate(in.r[4]);
    if (in.mode & negated_third) third = ~third;
    switch (in.mode & 3) {
    case with_and:
        return result & third;
    case with_or:
        return result | third;
    default:
        return result ^ third;
    }
}

// p|q: q gets the relation's opposite, combined in the same way.
void set_predicates(Warp &w, const Instruction &in, Mask active, Mask result) {
    const Mask values[] = {combine(w, in, result), combine(w, in, ~result)};
    for (int i = 0; i < 2; i++) {
        if (in.r[i] == no_register) continue;
        Mask &p = w.predicate(in.r[i]);
        p = (p & ~active) | (values[i] & active);
    }
}

template <Relation relation, typename T> void set(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[2]);
    Lanes<T> b = w.values<T>(in.r[3]);
    set_predicates(w, in, active, lanes_where([&](int l) { return holds<relation, T>(a[l], b[l]); }));
}

template <Relation relation, Type half> void set_half(Warp &w, const Instruction &in, Mask active) {
    Lanes<uint16_t> a = w.values<uint16_t>(in.r[2]);
    Lanes<uint16_t> b = w.values<uint16_t>(in.r[3]);
    set_predicates(w, in, active,
                   lanes_where([&](int l) { return holds<relation, float>(widen(half, a[l]), widen(half, b[l])); }));
}

template <Relation relation> void set_ftz(Warp &w, const Instruction &in, Mask active) {
    Lanes<float> a = w.values<float>(in.r[2]);
    Lanes<float> b = w.values<float>(in.r[3]);
    set_predicates(w, in, active, lanes_where([&](int l) { return holds<relation, float>(flush(a[l]), flush(b[l])); }));
}

template <Relation relation> Execute handler(Type t, bool ftz) {
    switch (t) {
    case Type::b16:
    case Type::u16:
        return set<relation, uint16_t>;
    case Type::s16:
        return set<relation, int16_t>;
    case Type::b32:
    case Type::u32:
        return set<relation, uint32_t>;
    case Type::s32:
        return set<relation, int32_t>;
    case Type::b64:
    case Type::u64:
        return set<relation, uint64_t>;
    case Type::s64:
        return set<relation, int64_t>;
    case Type::f32:
        return ftz ? set_ftz<relation> : set<relation, float>;
    case Type::f64:
        return set<relation, double>;
    case Type::f16:
        return set_half<relation, Type::f16>;
    case Type::bf16:
        return set_half<relation, Type::bf16>;
    default:
        return nullptr;
    }
}

Execute handler(int relation, Type t, bool ftz) {
    switch (relation) {
    case eq:
        return handler<eq>(t, ftz);
    case ne:
        return handler<ne>(t, ftz);
    case lt:
        return handler<lt>(t, ftz);
    case le:
        return handler<le>(t, ftz);
    case gt:
        return handler<gt>(t, ftz);
    case ge:
        return handler<ge>(t, ftz);
    case equ:
        return handler<equ>(t, ftz);
    case neu:
        return handler<neu>(t, ftz);
    case ltu:
        return handler<ltu>(t, ftz);
    case leu:
        return handler<leu>(t, ftz);
    case gtu:
        return handler<gtu>(t, ftz);
    case geu:
        return handler<geu>(t, ftz);
    case num:
        return handler<num>(t, ftz);
    default:
        return handler<nan>(t, ftz);
    }
}

void decode_setp(Decoder &d) {
    // lo ls hi hs are the unsigned integers' lt le gt ge.
    int relation =
        d.one_of({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
    int lower = relation < 0 ? d.need_one_of({"lo", "ls", "hi", "hs"}) : -1;
    if (lower >= 0) relation = lt + lower;
    d.out.mode = static_cast<uint8_t>(d.one_of({"and", "or", "xor"}) + 1);
    Type t = d.type();
    bool ftz = t == Type::f32 && d.has("ftz");
    if (!is_float(t) && !is_half(t) && relation >= equ) d.refuse("unordered relations are for floating point");
    if (is_bits(t) && relation > ne) d.refuse("bits are only equal or not");
    if (lower >= 0 && !is_unsigned(t)) d.refuse("lo ls hi hs are for unsigned integers");
    d.out.execute = handler(relation, t, ftz);
    if (!d.out.execute) d.refuse("not interpreted for this type");

    d.need_operands(d.out.mode ? 4 : 3);
    const syntax::Operand &p = d.operand(0);
    if (p.kind != syntax::Operand::sink) d.out.r[0] = d.predicate_destination(p.text);
    if (!p.second.empty() && p.second != "_") d.out.r[1] = d.predicate_destination(p.second);
    d.out.r[2] = d.source(1, t);
    d.out.r[3] = d.source(2, t);
    if (d.out.mode) {
        bool negated = false;
        d.out.r[4] = d.predicate(d.operand(3), &negated);
        d.out.mode |= negated ? negated_third : 0;
    }
}

// in.mode is 1 if the predicate is negated.
template <typename T> void select(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[1]);
    Lanes<T> b = w.values<T>(in.r[2]);
    Mask p = w.predicate(in.r[3]) ^ (in.mode ? all_lanes : 0);
    each(active, w.values<T>(in.r[0]), [=](int l) { return has(p, l) ? a[l] : b[l]; });
}

Execute select_handler(Decoder &d, Type t) {
    switch (bits(t)) {
    case 16:
        return select<uint16_t>;
    case 32:
        return select<uint32_t>;
    case 64:
        return select<uint64_t>;
    default:
        d.refuse("not interpreted for this type");
    }
}

void decode_selp(Decoder &d) {
    Type t = d.type();
    d.out.execute = select_handler(d, t);
    d.need_operands(4);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, t);
    bool negated = false;
    d.out.r[3] = d.predicate(d.operand(3), &negated);
    d.out.mode = negated;
}

// c >= 0 ? a : b
template <typename T> T choose_s32(T a, T b, int32_t c) { return c >= 0 ? a : b; }
template <typename T> T choose_f32(T a, T b, float c) { return c >= 0 ? a : b; }

void decode_slct(Decoder &d) {
    Type by = d.type(), t = d.type();
    if (by != Type::s32 && by != Type::f32) d.refuse("not interpreted for this type");
    bool integer = by == Type::s32;
    switch (bits(t)) {
    case 32:
        d.out.execute = integer ? elementwise<choose_s32<uint32_t>> : elementwise<choose_f32<uint32_t>>;
        break;
    case 64:
        d.out.execute = integer ? elementwise<choose_s32<uint64_t>> : elementwise<choose_f32<uint64_t>>;
        break;
    default:
        d.refuse("not interpreted for this type");
    }
    d.need_operands(4);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, t);
    d.out.r[3] = d.source(3, by);
}

}  // namespace

std::vector<Entry> compare_instructions() {
    return {
        {"setp", Operands::any, decode_setp},
        {"selp", Operands::any, decode_selp},
        {"slct", Operands::any, decode_slct},
    };
}

}  // namespace ptx
