// Loops over the lanes of a warp, written so that the compiler vectorises them.
#pragma once

#include <cstdint>

#include "program.h"

namespace ptx {

// A register's bytes are read as whatever type an instruction says, so these types may alias.
template <typename T> struct Aliased;
template <> struct Aliased<uint8_t> {
    typedef uint8_t type;
};
template <> struct Aliased<int8_t> {
    typedef int8_t type __attribute__((may_alias));
};
template <> struct Aliased<uint16_t> {
    typedef uint16_t type __attribute__((may_alias));
};
template <> struct Aliased<int16_t> {
    typedef int16_t type __attribute__((may_alias));
};
template <> struct Aliased<uint32_t> {
    typedef uint32_t type __attribute__((may_alias));
};
template <> struct Aliased<int32_t> {
    typedef int32_t type __attribute__((may_alias));
};
template <> struct Aliased<uint64_t> {
    typedef uint64_t type __attribute__((may_alias));
};
template <> struct Aliased<int64_t> {
    typedef int64_t type __attribute__((may_alias));
};
template <> struct Aliased<float> {
    typedef float type __attribute__((may_alias));
};

// The 32 values of a register.
template <typename T> using Lanes = typename Aliased<T>::type *;

inline bool has(Mask mask, int lane) { return mask >> lane & 1; }

inline int population(Mask mask) { return __builtin_popcount(mask); }

// d[lane] = f(lane) for the active lanes. f is evaluated for the others too, and must bear their values.
template <typename D, typename F> inline void each(Mask active, D d, F f) {
    if (active == all_lanes) {
#pragma GCC ivdep
        for (int lane = 0; lane < lanes; lane++) d[lane] = f(lane);
    } else {
#pragma GCC ivdep
        for (int lane = 0; lane < lanes; lane++) d[lane] = has(active, lane) ? f(lane) : d[lane];
    }
}

// The lanes for which f holds.
template <typename F> inline Mask lanes_where(F f) {
    Mask out = 0;
    for (int lane = 0; lane < lanes; lane++) out |= static_cast<Mask>(f(lane) ? 1 : 0) << lane;
    return out;
}

// f(lane) for the active lanes alone, in order.
template <typename F> inline void for_active(Mask active, F f) {
    for (Mask rest = active; rest; rest &= rest - 1) f(__builtin_ctz(rest));
}

}  // namespace ptx
