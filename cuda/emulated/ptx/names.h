// What the names in a function mean, and the places its registers get in the register file.
#pragma once

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "program.h"
#include "syntax.h"

namespace ptx {

// A parameter or a shared variable.
struct Symbol {
    Space space;
    uint64_t address;  // within its space
};

struct RegisterName {
    Type type;
    uint32_t place;  // no_register until it is used; see Names::place
};

class Names {
  public:
    // Lays out the function's parameters, and shared memory in program: the module's shared variables, then the
    // function's own, then dynamic memory. Throws Error at names declared twice.
    Names(const syntax::Function &function, const std::vector<syntax::Variable> &outside, Program *program);

    // nullptr if there is none of that name, seen from scope.
    RegisterName *find_register(std::string_view name, int scope);
    // The place of a register, which it gets now if it has none.
    uint32_t place(RegisterName *r);
    const Symbol *find_symbol(std::string_view name, int scope) const;
    // Index of the statement behind a label, or -1.
    int64_t find_label(std::string_view name, int scope) const;

    // The place of a special register as values of that many bytes, or no_register if there is none of that name.
    uint32_t special(std::string_view name, int bytes);

    // The place of a constant.
    uint32_t constant(uint64_t value, int bytes);

    // An access to shared memory of that many bytes is among the instructions.
    void note_granule(uint32_t bytes);

    // Writes the initial register file: what no constant fills is all ones, a NaN in every format.
    void finish();

  private:
    struct Range {
        Type type;
        int64_t count;
    };
    // A pair of braces.
    struct Inner {
        int parent = -1;
        std::map<std::string_view, Range> ranges;  // by the name without its number
        std::map<std::string_view, RegisterName> registers;
        std::map<std::string_view, Symbol> symbols;
        std::map<std::string_view, int64_t> labels;
    };

    void declare(const syntax::Register &r, Inner *scope);
    void declare(const syntax::Variable &v, std::map<std::string_view, Symbol> *symbols);
    void declare_dynamic(const std::vector<syntax::Variable> &outside);
    RegisterName *find_in(std::string_view name, Inner *scope);
    uint32_t allocate(int bytes_of_lane);

    Program &program_;
    std::vector<Inner> scopes_;
    std::map<std::string_view, Symbol> outside_;              // of the module
    std::map<std::pair<uint64_t, int>, uint32_t> constants_;  // places by value and bytes
};

}  // namespace ptx
