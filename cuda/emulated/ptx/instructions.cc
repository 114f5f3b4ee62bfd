#include "instructions.h"

#include <map>
#include <utility>

namespace ptx {

namespace {

using Table = std::map<std::pair<std::string_view, Operands>, void (*)(Decoder &)>;

Table make_table() {
    Table table;
    for (auto family :
         {integer_instructions, logic_instructions, floating_instructions, half_instructions, compare_instructions,
          convert_instructions, move_instructions, memory_instructions, atomic_instructions, async_instructions,
          exchange_instructions, matrix_instructions, control_instructions}) {
        for (const Entry &e : family()) table[{e.opcode, e.operands}] = e.decode;
    }
    return table;
}

Operands operands_of(Type t) {
    if (t == Type::pred) return Operands::predicate;
    if (is_half(t)) return Operands::half;
    if (is_float(t)) return Operands::floating;
    return Operands::integer;
}

}  // namespace

void decode(Decoder &d) {
    static const Table table = make_table();
    auto found = table.find({d.opcode(), operands_of(d.peek_type())});
    if (found == table.end()) found = table.find({d.opcode(), Operands::any});
    if (found == table.end()) d.refuse("this instruction is not interpreted");
    found->second(d);
    d.finish();
}

}  // namespace ptx
