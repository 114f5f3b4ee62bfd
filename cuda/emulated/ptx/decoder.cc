#include "decoder.h"

#include <algorithm>
#include <map>
#include <utility>

#include "instructions.h"
#include "ptx.h"

namespace ptx {

Decoder::Decoder(const syntax::Statement &statement, Names &names_, Instruction *instruction)
    : out(*instruction), names(names_), statement_(statement) {
    std::string_view rest = statement.mnemonic;
    for (;;) {
        size_t dot = rest.find('.');
        parts_.push_back(rest.substr(0, dot));
        if (dot == rest.npos) break;
        rest = rest.substr(dot + 1);
    }
    taken_.assign(parts_.size(), false);
    taken_[0] = true;
}

void Decoder::refuse(const std::string &why) const {
    throw Error("ptx: line " + std::to_string(statement_.line) + ": " + std::string(statement_.mnemonic) + ": " + why);
}

void Decoder::refuse_width(const syntax::Operand &o, int width) const {
    refuse(std::string(o.text) + " has " + std::to_string(width) + " bits");
}

bool Decoder::has(std::string_view modifier) {
    for (size_t i = 1; i < parts_.size(); i++) {
        if (!taken_[i] && parts_[i] == modifier) return taken_[i] = true;
    }
    return false;
}

int Decoder::one_of(std::initializer_list<std::string_view> modifiers) {
    int index = 0;
    for (std::string_view m : modifiers) {
        if (has(m)) return index;
        index++;
    }
    return -1;
}

int Decoder::need_one_of(std::initializer_list<std::string_view> modifiers) {
    int index = one_of(modifiers);
    if (index < 0) {
        std::string names_of;
        for (std::string_view m : modifiers) names_of += " ." + std::string(m);
        refuse("without any of" + names_of + " is not interpreted");
    }
    return index;
}

Type Decoder::peek_type() const {
    for (size_t i = parts_.size() - 1; i > 0; i--) {
        Type t = taken_[i] ? Type::none : type_named(parts_[i]);
        if (t != Type::none) return t;
    }
    return Type::none;
}

Type Decoder::type() {
    for (size_t i = parts_.size() - 1; i > 0; i--) {
        Type t = taken_[i] ? Type::none : type_named(parts_[i]);
        if (t == Type::none) continue;
        taken_[i] = true;
        return t;
    }
    refuse("a type is missing or is not interpreted");
}

void Decoder::need_operands(int from, int to) {
    if (operands() < from || operands() > std::max(from, to)) {
        refuse("with " + std::to_string(operands()) + " operands is not interpreted");
    }
}

void Decoder::finish() const {
    for (size_t i = 1; i < parts_.size(); i++) {
        if (!taken_[i]) refuse("the modifier ." + std::string(parts_[i]) + " is not interpreted here");
    }
}

uint32_t Decoder::constant(uint64_t value, int bytes_of_lane) {
    if (bytes_of_lane < 8) value &= (uint64_t{1} << bytes_of_lane * 8) - 1;
    return names.constant(value, bytes_of_lane);
}

uint32_t Decoder::any_register(const syntax::Operand &o, int *bits_of, bool write) {
    RegisterName *r = o.kind == syntax::Operand::name && !o.negated && o.value == 0 && o.second.empty()
                          ? names.find_register(o.text, statement_.scope)
                          : nullptr;
    if (!r || r->type == Type::pred) {
        refuse(std::string(write ? "cannot write to \"" : "cannot read \"") + std::string(o.text) +
               "\": not a register");
    }
    *bits_of = bits(r->type);
    return names.place(r);
}

uint32_t Decoder::destination(const syntax::Operand &o, Type type) {
    int width = 0;
    uint32_t place = any_register(o, &width, true);
    if (width != bits(type)) refuse_width(o, width);
    return place;
}

uint32_t Decoder::source(const syntax::Operand &o, Type type) {
    const int size = bytes(type);
    switch (o.kind) {
    case syntax::Operand::integer:
        return constant(static_cast<uint64_t>(o.value), size);
    case syntax::Operand::real:
        if (type != Type::f32 && type != Type::b32) refuse("a fraction cannot be of this type");
        return constant(static_cast<uint64_t>(o.value), size);
    case syntax::Operand::name:
        break;
    default:
        refuse("an operand that is neither a register nor a constant");
    }
    if (o.negated || !o.second.empty()) refuse("cannot read \"" + std::string(o.text) + "\" here");
    if (RegisterName *r = names.find_register(o.text, statement_.scope)) {
        if (r->type == Type::pred || bits(r->type) != bits(type)) refuse_width(o, bits(r->type));
        return names.place(r);
    }
    uint32_t special = names.special(o.text, size);
    if (special == no_register) refuse("unknown name \"" + std::string(o.text) + "\"");
    return special;
}

uint32_t Decoder::destination(int i, Type type) { return destination(operand(i), type); }

uint32_t Decoder::source(int i, Type type) { return source(operand(i), type); }

uint32_t Decoder::predicate(const syntax::Operand &o, bool *negated) {
    if (o.kind == syntax::Operand::integer && negated && (o.value == 0 || o.value == 1 || o.value == -1)) {
        *negated = o.value != 0;
        return names.constant(0, 4);  // its first value serves as a mask of no lanes
    }
    RegisterName *r = o.kind == syntax::Operand::name ? names.find_register(o.text, statement_.scope) : nullptr;
    if (!r || r->type != Type::pred) refuse("\"" + std::string(o.text) + "\" is not a predicate");
    if (o.negated && !negated) refuse("a negated predicate is not interpreted here");
    if (negated) *negated = o.negated;
    return names.place(r);
}

uint32_t Decoder::predicate_destination(std::string_view name) {
    RegisterName *r = names.find_register(name, statement_.scope);
    if (!r || r->type != Type::pred) refuse("\"" + std::string(name) + "\" is not a predicate");
    return names.place(r);
}

uint32_t Decoder::predicate_destination(int i) {
    const syntax::Operand &o = operand(i);
    if (o.kind != syntax::Operand::name || o.negated || !o.second.empty()) refuse("the result has to be a predicate");
    return predicate_destination(o.text);
}

int64_t Decoder::integer(int i) {
    if (operand(i).kind != syntax::Operand::integer)
        refuse("operand " + std::to_string(i + 1) + " has to be a constant");
    return operand(i).value;
}

Address Decoder::address(const syntax::Operand &o, Space space) {
    if (o.kind != syntax::Operand::address) refuse("expected an address in brackets");
    if (RegisterName *r = o.text.empty() ? nullptr : names.find_register(o.text, statement_.scope)) {
        const int width = bits(r->type);
        if (width != 64 && !(width == 32 && space == Space::shared))
            refuse(std::string(o.text) + " cannot hold an address");
        return {names.place(r), static_cast<uint8_t>(width / 8), o.value};
    }
    Address found{names.constant(0, 8), 8, o.value};
    if (o.text.empty()) return found;
    const Symbol *symbol = names.find_symbol(o.text, statement_.scope);
    if (!symbol) refuse("unknown name \"" + std::string(o.text) + "\"");
    if (symbol->space != space) refuse(std::string(o.text) + " is in another state space");
    found.displacement += static_cast<int64_t>(symbol->address);
    return found;
}

void Decoder::same(Type type, int sources) {
    need_operands(1 + sources);
    out.r[0] = destination(0, type);
    for (int i = 1; i <= sources; i++) out.r[i] = source(i, type);
}

namespace {

using Table = std::map<std::pair<std::string_view, Operands>, void (*)(Decoder &)>;

Table make_table() {
    Table table;
    for (auto family : {integer_instructions, logic_instructions, floating_instructions, compare_instructions,
                        convert_instructions, move_instructions, memory_instructions, async_instructions,
                        shuffle_instructions, matrix_instructions, control_instructions}) {
        for (const Entry &e : family()) table[{e.opcode, e.operands}] = e.decode;
    }
    return table;
}

Operands operands_of(Type t) {
    if (t == Type::pred) return Operands::predicate;
    if (is_half(t)) return Operands::half;
    if (t == Type::f32) return Operands::floating;
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
