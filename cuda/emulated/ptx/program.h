// A kernel, ready to run: names are resolved to places in the register file, mnemonics to functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "types.h"

namespace ptx {

class Warp;
struct Instruction;

using Mask = uint32_t;  // one bit for each lane
constexpr int lanes = 32;
constexpr Mask all_lanes = ~Mask{0};

// Executes an instruction for the active lanes, of which there is at least one.
using Execute = void (*)(Warp &, const Instruction &, Mask active);

// How the warp has to treat an instruction, apart from executing it.
enum class Flow : uint8_t {
    next,
    branch,   // to Instruction::target
    leave,    // exit, ret
    gather,   // waits until the lanes named by r[member_mask] have come here
    aligned,  // waits for every lane of the warp
    barrier,  // aligned, and the warp then waits for others
};

// State spaces as instructions name them; generic addresses are told apart by where they point.
enum class Space : uint8_t { generic, global, shared, parameter };

// Generic addresses of shared memory lie where no allocation of the process does.
constexpr uint64_t shared_window = uint64_t{1} << 56;
constexpr uint64_t window_bytes = uint64_t{1} << 32;

constexpr uint32_t no_register = ~uint32_t{0};
constexpr int member_mask = 5;  // where Instruction::r has the mask of Flow::gather

// [register + displacement]; a variable's address is all displacement.
struct Address {
    uint32_t place = no_register;  // of values of that many bytes
    uint8_t bytes = 8;
    int64_t displacement = 0;
};

struct Instruction {
    Execute execute = nullptr;
    uint32_t guard = no_register;  // a predicate
    bool guard_negated = false;
    Flow flow = Flow::next;
    uint8_t flops = 0;  // float32 operations of a lane
    Space space = Space::generic;
    uint8_t width = 0;                        // memory: bytes of one element
    uint8_t count = 1;                        // memory: elements of a vector; ldmatrix: matrices
    uint8_t mode = 0;                         // what distinguishes variants that share a function
    Type from = Type::none, to = Type::none;  // of a conversion
    int line = 0;
    uint32_t target = 0;  // of a branch: index into Program::code
    Address address[2];   // of memory; a copy's destination first
    uint32_t r[16] = {no_register, no_register, no_register, no_register, no_register, no_register,
                      no_register, no_register, no_register, no_register, no_register, no_register,
                      no_register, no_register, no_register, no_register};  // places in the register file, in bytes
};

// %tid.x and the like.
enum class Special : uint8_t { tid, ntid, ctaid, nctaid, laneid };

struct SpecialRegister {
    uint32_t place;
    Special which;
    int axis;  // 0 for .x
    int bytes;
};

struct Program {
    std::string name;
    std::vector<Instruction> code;
    std::vector<std::string> mnemonics;  // of the instructions, for messages
    std::vector<uint64_t> registers;     // a warp's register file before the first instruction: constants, and poison
    std::vector<SpecialRegister> specials;
    uint32_t register_bytes = 0;  // of one warp, a multiple of 8
    uint32_t parameter_bytes = 0;
    uint32_t static_shared = 0;
    uint32_t shared_granule = 4;  // the smallest access to shared memory, in bytes (1, 2 or 4)
};

}  // namespace ptx
