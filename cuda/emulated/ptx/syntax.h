// What a module's text says, before names are resolved and mnemonics decoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "types.h"

namespace ptx::syntax {

struct Operand {
    enum Kind {
        name,     // a register, variable, label or special register, perhaps negated by "!" and followed by +offset
        integer,  // value
        real,     // value holds the bits of a float
        address,  // [name + value] or [value]
        vector,   // {elements}
        sink,     // _
    };
    Kind kind = sink;
    std::string_view text;    // the name
    int64_t value = 0;        // the number or the offset
    bool negated = false;     // !p
    std::string_view second;  // of p|q, the second predicate
    std::vector<Operand> elements;
};

// One instruction, with its guard.
struct Statement {
    int line = 0;
    int scope = 0;           // whose registers its names mean: an index into Function::scopes
    std::string_view guard;  // "%p1" of @%p1 or @!%p1; empty without
    bool guard_negated = false;
    std::string_view mnemonic;  // "add.rn.f32"
    std::vector<Operand> operands;
};

// A parameter or a shared variable.
struct Variable {
    std::string_view name;
    Type type = Type::b8;
    int64_t size = 0;  // bytes; 0 for an array of unknown size, which is dynamic shared memory
    int64_t align = 1;
    int line = 0;
};

struct Register {
    std::string_view name;
    Type type;
    int64_t count;  // -1: the name alone; otherwise name0 ... name<count-1>
    int line;
};

// A pair of braces: what is declared within hides what is declared outside.
struct Scope {
    int parent;  // -1 for a function's outermost
    std::vector<Register> registers;
    std::vector<Variable> variables;
};

struct Label {
    std::string_view name;
    int scope;
    size_t statement;  // the statement that follows
    int line;
};

struct Function {
    std::string_view name;
    int line = 0;
    std::vector<Variable> parameters;
    int64_t max_threads = 0;
    std::vector<Scope> scopes;
    std::vector<Statement> statements;
    std::vector<Label> labels;
};

struct Module {
    std::vector<Variable> shared;
    std::vector<Function> entries;
};

}  // namespace ptx::syntax

namespace ptx {

// From a module's text, which the views in the result point into. Throws Error naming the line.
syntax::Module parse_syntax(std::string_view text);

}  // namespace ptx
