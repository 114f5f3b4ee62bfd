// Instructions by which lanes of a warp learn of each other: shfl vote activemask match redux, bar.warp.sync. The lanes
// of the member mask have come together when these execute (Flow::gather).
#include "block.h"
#include "instructions.h"

#include <algorithm>
#include <cstring>

namespace ptx {

namespace {

enum ShuffleMode : uint8_t { up, down, butterfly, index };

// The lane whose value a lane gets, and whether that is within its segment.
int source_lane(ShuffleMode mode, int lane, uint32_t b, uint32_t c, bool *inside) {
    const int step = static_cast<int>(b & 31), clamp = static_cast<int>(c & 31),
              segment = static_cast<int>(c >> 8 & 31);
    const int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
    int from = lane;
    switch (mode) {
    case up:
        from = lane - step;
        *inside = from >= last;
        break;
    case down:
        from = lane + step;
        *inside = from <= last;
        break;
    case butterfly:
        from = lane ^ step;
        *inside = from <= last;
        break;
    case index:
        from = first | (step & ~segment);
        *inside = from <= last;
        break;
    }
    return *inside ? from : lane;
}

// r: destination, predicate destination, source, b, c, mask.
void shuffle(Warp &w, const Instruction &in, Mask active) {
    uint32_t from[lanes];
    std::memcpy(from, w.values<uint32_t>(in.r[2]), sizeof from);
    Lanes<uint32_t> d = w.values<uint32_t>(in.r[0]);
    Lanes<uint32_t> b = w.values<uint32_t>(in.r[3]);
    Lanes<uint32_t> c = w.values<uint32_t>(in.r[4]);
    Mask found = 0;
    for_active(active, [&](int l) {
        bool inside = false;
        int source = source_lane(static_cast<ShuffleMode>(in.mode), l, b[l], c[l], &inside);
        // What a lane that does not take part would give is undefined: poison.
        d[l] = has(active, source) ? from[source] : ~uint32_t{0};
        found |= static_cast<Mask>(inside) << l;
    });
    if (in.r[1] != no_register) {
        Mask &p = w.predicate(in.r[1]);
        p = (p & ~active) | found;
    }
}

void gather(Decoder &d, int mask_operand) {
    d.out.flow = Flow::gather;
    d.out.mask_operand = static_cast<uint8_t>(mask_operand);
}

// d|p: a register, and the predicate that some forms set beside it.
void destinations(Decoder &d) {
    syntax::Operand first = d.operand(0);
    if (!first.second.empty()) d.out.r[1] = d.predicate_destination(first.second);
    first.second = {};
    d.out.r[0] = d.destination(first, Type::b32);
}

void decode_shuffle(Decoder &d) {
    d.need("sync");
    d.out.mode = static_cast<uint8_t>(d.need_one_of({"up", "down", "bfly", "idx"}));
    if (d.type() != Type::b32) d.refuse("not interpreted for this type");
    d.need_operands(5);
    d.out.execute = shuffle;
    destinations(d);
    for (int i = 1; i <= 4; i++) d.out.r[1 + i] = d.source(i, Type::b32);
    gather(d, 5);
}

enum Vote : uint8_t { all, any, uniform, ballot };

// r: destination, source predicate, mask; mode 4 negates the predicate.
void vote(Warp &w, const Instruction &in, Mask active) {
    Mask holds = (w.predicate(in.r[1]) ^ (in.mode & 4 ? all_lanes : 0)) & active;
    if ((in.mode & 3) == ballot) {
        each(active, w.values<uint32_t>(in.r[0]), [=](int) { return holds; });
        return;
    }
    bool result = holds == active || ((in.mode & 3) == any ? holds != 0 : (in.mode & 3) == uniform && holds == 0);
    Mask &p = w.predicate(in.r[0]);
    p = (p & ~active) | (result ? active : 0);
}

void decode_vote(Decoder &d) {
    d.need("sync");
    d.out.mode = static_cast<uint8_t>(d.need_one_of({"all", "any", "uni", "ballot"}));
    bool mask = d.out.mode == ballot;
    if (d.type() != (mask ? Type::b32 : Type::pred)) d.refuse("not interpreted for this type");
    d.need_operands(3);
    d.out.execute = vote;
    d.out.r[0] = mask ? d.destination(0, Type::b32) : d.predicate_destination(d.operand(0).text);
    bool negated = false;
    d.out.r[1] = d.predicate(d.operand(1), &negated);
    d.out.mode |= negated ? 4 : 0;
    d.out.r[2] = d.source(2, Type::b32);
    gather(d, 2);
}

void active_mask(Warp &w, const Instruction &in, Mask active) {
    each(active, w.values<uint32_t>(in.r[0]), [=](int) { return active; });
}

void decode_activemask(Decoder &d) {
    if (d.type() != Type::b32) d.refuse("not interpreted for this type");
    d.need_operands(1);
    d.out.execute = active_mask;
    d.out.r[0] = d.destination(0, Type::b32);
}

// match.any: the lanes that hold the same value. match.all: all of them, if all hold the same.
template <typename T> void match(Warp &w, const Instruction &in, Mask active) {
    T a[lanes];
    std::memcpy(a, w.values<T>(in.r[2]), sizeof a);
    Lanes<uint32_t> d = w.values<uint32_t>(in.r[0]);
    Mask equal = 0;
    for_active(active, [&](int l) {
        Mask same = lanes_where([&](int other) { return a[other] == a[l]; }) & active;
        if (same == active) equal |= Mask{1} << l;
        d[l] = in.mode == 0 || same == active ? same : 0;
    });
    if (in.r[1] != no_register) {
        Mask &p = w.predicate(in.r[1]);
        p = (p & ~active) | equal;
    }
}

void decode_match(Decoder &d) {
    d.out.mode = static_cast<uint8_t>(d.need_one_of({"any", "all"}));
    d.need("sync");
    Type t = d.type();
    if (t != Type::b32 && t != Type::b64) d.refuse("not interpreted for this type");
    d.need_operands(3);
    d.out.execute = t == Type::b32 ? match<uint32_t> : match<uint64_t>;
    destinations(d);
    d.out.r[2] = d.source(1, t);
    d.out.r[3] = d.source(2, Type::b32);
    gather(d, 3);
}

enum Reduce : uint8_t { add, minimum, maximum, bit_and, bit_or, bit_xor };

template <typename T> void reduce(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[1]);
    T out = a[__builtin_ctz(active)];
    for_active(active & (active - 1), [&](int l) {
        switch (in.mode) {
        case add:
            out = static_cast<T>(static_cast<uint32_t>(out) + static_cast<uint32_t>(a[l]));
            break;
        case minimum:
            out = std::min<T>(out, a[l]);
            break;
        case maximum:
            out = std::max<T>(out, a[l]);
            break;
        case bit_and:
            out &= a[l];
            break;
        case bit_or:
            out |= a[l];
            break;
        default:
            out ^= a[l];
            break;
        }
    });
    each(active, w.values<T>(in.r[0]), [=](int) { return out; });
}

void decode_redux(Decoder &d) {
    d.need("sync");
    d.out.mode = static_cast<uint8_t>(d.need_one_of({"add", "min", "max", "and", "or", "xor"}));
    Type t = d.type();
    if (bits(t) != 32 || !(is_integer(t) || is_bits(t))) d.refuse("not interpreted for this type");
    d.need_operands(3);
    d.out.execute = t == Type::s32 ? reduce<int32_t> : reduce<uint32_t>;
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, Type::b32);
    gather(d, 2);
}

}  // namespace

void warp_barrier(Warp &w, const Instruction &, Mask) { w.block.shared.synchronise_warp(w.index); }

// bar.warp.sync: called by "bar", which has other forms too.
void decode_warp_barrier(Decoder &d) {
    d.need("sync");
    d.need_operands(1);
    d.out.execute = warp_barrier;
    d.out.r[0] = d.source(0, Type::b32);
    gather(d, 0);
}

std::vector<Entry> exchange_instructions() {
    return {
        {"shfl", Operands::any, decode_shuffle},          {"vote", Operands::any, decode_vote},
        {"activemask", Operands::any, decode_activemask}, {"match", Operands::any, decode_match},
        {"redux", Operands::any, decode_redux},
    };
}

}  // namespace ptx
