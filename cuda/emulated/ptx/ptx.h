// An interpreter of the PTX that nvcc emits: what the emulated driver runs kernels with.
//
// A module is parsed once (an instruction or modifier that is not known is refused there), and a kernel is then run
// any number of times, by any number of threads at once. Warps are the unit of execution, as in hardware: a register
// is an array of 32 values, one for each lane. What no kernel of this project needs is not here: float64, 16-bit
// arithmetic, atomics, votes, named barriers, local and constant memory. A kernel that needs it adds it.
//
// lexer, parser, syntax     text to statements
// names, decoder, module    statements to a Program: places of registers, functions of instructions
// instructions              the families of instructions: integer logic floating compare convert move memory async
//                           shuffle matrix control
// warp, block, run          lanes that diverge and meet, barriers, the order of warps and blocks
// shared_memory             races; global_memory: which addresses are allowed
//
// What it does not show: time, the hardware's weak memory model, races on global memory between blocks, and the true
// errors of approximations (ex2.approx and the like), which are computed exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

// What is wrong with a module (parse) or what a kernel did wrong (run). The message names the line of the PTX, and in a
// run the kernel, the block and the warp too.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Where a kernel's parameter stands in Launch::parameters, in bytes.
struct Parameter {
    int offset, size;
};

// What one launch did. Bytes are those that the lanes asked for in global memory (cp.async included); a multiplication
// with its addition counts as two operations.
struct Counters {
    uint64_t loaded = 0, stored = 0;  // bytes of global memory
    uint64_t mma_flops = 0;           // by mma.sync
    uint64_t fma_flops = 0;           // float32 add, sub, mul (1) and fma (2)
    uint64_t instructions = 0;        // of warps, not of lanes
    uint64_t written = 0;             // an address in global memory that was stored to; 0 if there is none

    Counters &operator+=(const Counters &other);
};

struct Program;  // a kernel's decoded instructions (program.h)

// An entry of a module. It stays valid as long as its module.
struct Kernel {
    std::string name;
    std::vector<Parameter> parameters;
    int parameter_bytes = 0;
    int max_threads = 0;       // .maxntid's product; 0 if the kernel does not say
    size_t static_shared = 0;  // bytes; dynamic shared memory starts behind it
    std::shared_ptr<const Program> program;
};

class Module {
  public:
    // Parses the text of a .ptx file (a trailing NUL is allowed). Throws Error.
    static std::unique_ptr<Module> parse(std::string_view text);

    // nullptr if there is no such kernel.
    const Kernel *find(const std::string &name) const;

    const std::vector<std::unique_ptr<Kernel>> &kernels() const { return kernels_; }

  private:
    std::vector<std::unique_ptr<Kernel>> kernels_;
};

struct Launch {
    unsigned grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
    size_t dynamic_shared = 0;                  // bytes
    const unsigned char *parameters = nullptr;  // laid out by Kernel::parameters
};

// What a launch runs on.
struct Machine {
    uint64_t seed = 0;  // of the order in which warps run and are interrupted, and of the order of blocks
    int threads = 1;    // that share a launch's blocks; they have ended when run returns

    // The allocation around a global address, as [*from, *to), or false if there is none. Global addresses are the
    // process's own. Asked by several threads at once, and only while run is under way.
    std::function<bool(uint64_t address, uint64_t *from, uint64_t *to)> range;

    // Warp instructions a block may execute before it counts as a runaway.
    uint64_t instruction_limit = 100'000'000;
};

// Executes a launch to its end. Throws Error with the first fault any block met; memory is then as the blocks left it.
Counters run(const Kernel &kernel, const Launch &launch, const Machine &machine);

}  // namespace ptx
