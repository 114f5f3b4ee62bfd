// Instructions that treat every lane alike: a function of one lane's values, applied to 32.
#pragma once

#include "lanes.h"
#include "warp.h"

namespace ptx {

// The executing function for F, a function of one to four values: r[0] = F(r[1], ...).
template <auto F> struct Elementwise;

template <typename D, typename A, D (*F)(A)> struct Elementwise<F> {
    static void execute(Warp &w, const Instruction &in, Mask active) {
        Lanes<A> a = w.values<A>(in.r[1]);
        each(active, w.values<D>(in.r[0]), [=](int l) { return F(a[l]); });
    }
};

template <typename D, typename A, typename B, D (*F)(A, B)> struct Elementwise<F> {
    static void execute(Warp &w, const Instruction &in, Mask active) {
        Lanes<A> a = w.values<A>(in.r[1]);
        Lanes<B> b = w.values<B>(in.r[2]);
        each(active, w.values<D>(in.r[0]), [=](int l) { return F(a[l], b[l]); });
    }
};

template <typename D, typename A, typename B, typename C, D (*F)(A, B, C)> struct Elementwise<F> {
    static void execute(Warp &w, const Instruction &in, Mask active) {
        Lanes<A> a = w.values<A>(in.r[1]);
        Lanes<B> b = w.values<B>(in.r[2]);
        Lanes<C> c = w.values<C>(in.r[3]);
        each(active, w.values<D>(in.r[0]), [=](int l) { return F(a[l], b[l], c[l]); });
    }
};

template <typename D, typename A, typename B, typename C, typename E, D (*F)(A, B, C, E)> struct Elementwise<F> {
    static void execute(Warp &w, const Instruction &in, Mask active) {
        Lanes<A> a = w.values<A>(in.r[1]);
        Lanes<B> b = w.values<B>(in.r[2]);
        Lanes<C> c = w.values<C>(in.r[3]);
        Lanes<E> e = w.values<E>(in.r[4]);
        each(active, w.values<D>(in.r[0]), [=](int l) { return F(a[l], b[l], c[l], e[l]); });
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
