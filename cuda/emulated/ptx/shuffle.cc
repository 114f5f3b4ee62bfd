// shfl: lanes read each other's registers. The lanes of the member mask have come together when it executes
// (Flow::gather).
#include "instructions.h"
#include "warp.h"

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

// r: destination, predicate destination, source, b, c, member mask.
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
    if (in.r[1] != no_register) w.set_predicate(in.r[1], active, found);
}

void decode_shuffle(Decoder &d) {
    d.need("sync");
    d.out.mode = static_cast<uint8_t>(d.need_one_of({"up", "down", "bfly", "idx"}));
    if (d.type() != Type::b32) d.refuse_type();
    d.need_operands(5);
    d.out.execute = shuffle;
    d.out.flow = Flow::gather;
    syntax::Operand to = d.operand(0);  // d|p
    if (!to.second.empty()) d.out.r[1] = d.predicate_destination(to.second);
    to.second = {};
    d.out.r[0] = d.destination(to, Type::b32);
    for (int i = 1; i <= 4; i++) d.out.r[1 + i] = d.source(i, Type::b32);
}

}  // namespace

std::vector<Entry> shuffle_instructions() { return {{"shfl", Operands::any, decode_shuffle}}; }

}  // namespace ptx
