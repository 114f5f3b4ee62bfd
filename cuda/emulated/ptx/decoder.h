// One instruction on its way from syntax to what is executed: the tables of the instructions (instructions.h) take its
// modifiers and operands from here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lanes.h"
#include "names.h"
#include "program.h"
#include "syntax.h"

namespace ptx {

class Decoder {
  public:
    Decoder(const syntax::Statement &statement, Names &names, Instruction *out);

    Instruction &out;

    // The mnemonic up to its first dot.
    std::string_view opcode() const { return parts_[0]; }

    // Takes a modifier, or one of several, if the mnemonic has it; the index into the list, or -1.
    bool has(std::string_view modifier);
    int one_of(std::initializer_list<std::string_view> modifiers);
    // Refuses the instruction without it.
    int need_one_of(std::initializer_list<std::string_view> modifiers);
    void need(std::string_view modifier) { need_one_of({modifier}); }

    // The last type of the mnemonic that has not been taken.
    Type type();
    Type peek_type() const;

    int operands() const { return static_cast<int>(statement_.operands.size()); }
    // Refuses any other number of operands.
    void need_operands(int from, int to = -1);
    const syntax::Operand &operand(int i) const { return statement_.operands[i]; }

    // Places of operands in the register file. A source may be a constant or a special register; a register's width has
    // to be the type's, unless wider ones are allowed, as in ld, st and cvt.
    uint32_t destination(int i, Type type);
    uint32_t source(int i, Type type);
    uint32_t source(const syntax::Operand &o, Type type);
    uint32_t destination(const syntax::Operand &o, Type type);
    // The register of that name with its own width in bits; refuses anything else.
    uint32_t any_register(const syntax::Operand &o, int *bits, bool write);
    // A predicate that is read, or no_register; negated says whether by "!", and refused where that is nullptr.
    uint32_t predicate(const syntax::Operand &o, bool *negated);
    uint32_t predicate_destination(std::string_view name);
    uint32_t predicate_destination(int i);
    int64_t integer(int i);  // a constant

    // [register + offset], or [variable + offset] of a variable in that space.
    Address address(const syntax::Operand &o, Space space);

    // Destination and sources of the same type: r[0], r[1] ...
    void same(Type type, int sources);

    // An anonymous register with a constant.
    uint32_t constant(uint64_t value, int bytes);

    [[noreturn]] void refuse(const std::string &why) const;
    [[noreturn]] void refuse_type() const { refuse("not interpreted for this type"); }
    [[noreturn]] void refuse_width(const syntax::Operand &o, int bits) const;  // of a register

    // Refuses modifiers that nothing has taken: what they mean would be missed.
    void finish() const;

    Names &names;
    const syntax::Statement &statement() const { return statement_; }

  private:
    const syntax::Statement &statement_;
    std::vector<std::string_view> parts_;  // of the mnemonic
    std::vector<bool> taken_;
};

}  // namespace ptx
