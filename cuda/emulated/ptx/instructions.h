// The instructions that can be interpreted. What is not in the tables is refused when a module is parsed.
#pragma once

#include <string_view>
#include <vector>

#include "decoder.h"

namespace ptx {

// Instructions of one name may mean different things for different types: the last type of the mnemonic says which.
enum class Operands : uint8_t { any, integer, floating, half, predicate };

struct Entry {
    std::string_view opcode;
    Operands operands;
    // Takes modifiers and operands, and sets Decoder::out.
    void (*decode)(Decoder &);
};

// One family of instructions in each file of that name.
std::vector<Entry> integer_instructions();
std::vector<Entry> logic_instructions();
std::vector<Entry> floating_instructions();
std::vector<Entry> compare_instructions();
std::vector<Entry> convert_instructions();
std::vector<Entry> move_instructions();
std::vector<Entry> memory_instructions();
std::vector<Entry> async_instructions();
std::vector<Entry> shuffle_instructions();
std::vector<Entry> matrix_instructions();
std::vector<Entry> control_instructions();

// Decodes one instruction. Throws Error naming its line.
void decode(Decoder &decoder);

}  // namespace ptx
