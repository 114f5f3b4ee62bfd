// The types of PTX and what holds one lane's value of each.
#pragma once

#include <cstdint>
#include <string_view>

namespace ptx {

enum class Type : uint8_t {
    none,
    pred,
    b8,
    b16,
    b32,
    b64,
    u8,
    u16,
    u32,
    u64,
    s8,
    s16,
    s32,
    s64,
    f16,
    bf16,
    f16x2,
    bf16x2,
    f32,
    f64,
};

// The type of that name ("u32", without the dot), or Type::none.
Type type_named(std::string_view name);

// Bits of a value; 1 for a predicate.
int bits(Type type);

inline int bytes(Type type) { return bits(type) / 8; }

inline bool is_unsigned(Type t) { return t >= Type::u8 && t <= Type::u64; }
inline bool is_signed(Type t) { return t >= Type::s8 && t <= Type::s64; }
inline bool is_integer(Type t) { return is_unsigned(t) || is_signed(t); }
inline bool is_bits(Type t) { return t >= Type::b8 && t <= Type::b64; }
inline bool is_half(Type t) { return t >= Type::f16 && t <= Type::bf16x2; }  // 16-bit floating point, packed or not
inline bool is_float(Type t) { return t == Type::f32 || t == Type::f64; }

// The format of a packed pair's halves; other types are their own.
inline Type half_of(Type t) { return t == Type::f16x2 ? Type::f16 : t == Type::bf16x2 ? Type::bf16 : t; }

}  // namespace ptx
