// cp.async: copies from global to shared memory that happen as late as they may, when their lane waits for them. Until
// then the destination is poison that nobody may touch.
#include "block.h"
#include "instructions.h"
#include "warp.h"

#include <cstring>

namespace ptx {

namespace {

void begin(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        uint64_t to = w.address(in.address[0], l), from = w.address(in.address[1], l);
        uint32_t source = in.r[0] == no_register ? in.width : w.values<uint32_t>(in.r[0])[l];
        if (source > in.width) w.fail(in, "the source's size is " + std::to_string(source) + " bytes");
        if (source) {
            w.block.global.at(w, in, from, source, in.width);
            w.block.counters.loaded += source;
        }
        w.block.shared.begin_async(w, in, l, to, in.width);
        w.open[l].push_back({static_cast<uint32_t>(to), from, in.width, static_cast<uint8_t>(source)});
    });
}

void commit(Warp &w, const Instruction &, Mask active) {
    for_active(active, [&](int l) {
        w.groups[l].push_back(std::move(w.open[l]));
        w.open[l].clear();
    });
}

void finish(Warp &w, int lane, std::vector<AsyncCopy> &copies) {
    for (const AsyncCopy &c : copies) {
        unsigned char data[16] = {};
        if (c.source) std::memcpy(data, reinterpret_cast<const void *>(c.from), c.source);
        w.block.shared.end_async(w, lane, c.to, c.bytes, data);
    }
    copies.clear();
}

// Waits until at most in.target groups are under way; mode 1 takes those not committed along.
void wait(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        auto &groups = w.groups[l];
        size_t done = groups.size() > in.target ? groups.size() - in.target : 0;
        for (size_t i = 0; i < done; i++) finish(w, l, groups[i]);
        groups.erase(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(done));
        if (in.mode) finish(w, l, w.open[l]);
    });
}

void decode_copy(Decoder &d) {
    bool around_l1 = d.need_one_of({"ca", "cg"}) == 1;
    d.need("shared");
    d.need("global");
    d.one_of({"L2::64B", "L2::128B", "L2::256B"});
    d.need_operands(3, 4);
    int64_t bytes = d.integer(2);
    if (bytes != 16 && (around_l1 || (bytes != 4 && bytes != 8)))
        d.refuse("cannot copy " + std::to_string(bytes) + " bytes");
    d.names.note_granule(static_cast<uint32_t>(bytes));
    d.out.execute = begin;
    d.out.width = static_cast<uint8_t>(bytes);
    d.out.address[0] = d.address(d.operand(0), Space::shared);
    d.out.address[1] = d.address(d.operand(1), Space::global);
    if (d.operands() == 4) d.out.r[0] = d.source(3, Type::u32);
}

void decode_async(Decoder &d) {
    d.need("async");
    if (d.has("commit_group")) {
        d.need_operands(0);
        d.out.execute = commit;
    } else if (d.has("wait_group")) {
        d.need_operands(1);
        int64_t left = d.integer(0);
        if (left < 0 || left > 1 << 20) d.refuse("cannot leave that many groups");
        d.out.target = static_cast<uint32_t>(left);
        d.out.execute = wait;
    } else if (d.has("wait_all")) {
        d.need_operands(0);
        d.out.mode = 1;
        d.out.execute = wait;
    } else {
        decode_copy(d);
    }
}

}  // namespace

std::vector<Entry> async_instructions() { return {{"cp", Operands::any, decode_async}}; }

}  // namespace ptx
