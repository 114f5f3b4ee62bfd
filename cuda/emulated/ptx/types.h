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
};

struct TypeRow {
    std::string_view name;
    int bits;  // of a value; 1 for a predicate
};

// By the number of the type.
constexpr TypeRow type_rows[] = {
    {"", 0},     {"pred", 1},  {"b8", 8},     {"b16", 16},    {"b32", 32}, {"b64", 64}, {"u8", 8},
    {"u16", 16}, {"u32", 32},  {"u64", 64},   {"s8", 8},      {"s16", 16}, {"s32", 32}, {"s64", 64},
    {"f16", 16}, {"bf16", 16}, {"f16x2", 32}, {"bf16x2", 32}, {"f32", 32},
};

// The type of that name ("u32", without the dot), or Type::none.
inline Type type_named(std::string_view name) {
    for (const TypeRow &row : type_rows) {
        if (row.name == name) return static_cast<Type>(&row - type_rows);
    }
    return Type::none;
}

inline int bits(Type type) { return type_rows[static_cast<int>(type)].bits; }
inline int bytes(Type type) { return bits(type) / 8; }

inline bool is_unsigned(Type t) { return t >= Type::u8 && t <= Type::u64; }
inline bool is_signed(Type t) { return t >= Type::s8 && t <= Type::s64; }
inline bool is_integer(Type t) { return is_unsigned(t) || is_signed(t); }
inline bool is_bits(Type t) { return t >= Type::b8 && t <= Type::b64; }
inline bool is_half(Type t) { return t >= Type::f16 && t <= Type::bf16x2; }  // 16-bit floating point, packed or not

}  // namespace ptx
