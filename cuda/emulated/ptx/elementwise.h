// Instructions that treat every lane alike: a function of one lane's values, applied to 32.
#pragma once

#include <utility>

#include "lanes.h"
#include "warp.h"

namespace ptx {

// The executing function for F, a function of one lane's values: r[0] = F(r[1], ...).
template <auto F> struct Elementwise;

template <typename D, typename... S, D (*F)(S...)> struct Elementwise<F> {
    static void execute(Warp &w, const Instruction &in, Mask active) {
        of_registers(w, in, active, std::index_sequence_for<S...>());
    }

  private:
    template <size_t... i>
    static void of_registers(Warp &w, const Instruction &in, Mask active, std::index_sequence<i...>) {
        loop(active, w.values<D>(in.r[0]), w.values<S>(in.r[1 + i])...);
    }
    static void loop(Mask active, Lanes<D> d, Lanes<S>... sources) {
        each(active, d, [=](int l) { return F(sources[l]...); });
    }
};

template <auto F> constexpr Execute elementwise = Elementwise<F>::execute;

// Op::of<T> for the C++ type of an integer or bits type; nullptr for any other type.
template <typename Op> Execute for_integer(Type type) {
    switch (type) {
    case Type::b16:
    case Type::u16:
        return elementwise<Op::template of<uint16_t>>;
    case Type::b32:
    case Type::u32:
        return elementwise<Op::template of<uint32_t>>;
    case Type::b64:
    case Type::u64:
        return elementwise<Op::template of<uint64_t>>;
    case Type::s16:
        return elementwise<Op::template of<int16_t>>;
    case Type::s32:
        return elementwise<Op::template of<int32_t>>;
    case Type::s64:
        return elementwise<Op::template of<int64_t>>;
    default:
        return nullptr;
    }
}

}  // namespace ptx
