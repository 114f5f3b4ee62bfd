#include "names.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "ptx.h"

namespace ptx {

namespace {

// Registers begin at cache lines.
constexpr uint32_t line_bytes = 64;
// Bounds that no kernel comes near, against damaged text.
constexpr uint32_t max_register_bytes = 64 << 20;
constexpr uint64_t max_shared_bytes = 1 << 28;

[[noreturn]] void fail(int line, const std::string &why) {
    throw Error("ptx: line " + std::to_string(line) + ": " + why);
}

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

constexpr std::string_view special_names[] = {"%tid", "%ntid", "%ctaid", "%nctaid", "%laneid"};  // as in Special

}  // namespace

Names::Names(const syntax::Function &function, const std::vector<syntax::Variable> &outside, Program *program)
    : program_(*program), scopes_(function.scopes.size()) {
    uint64_t parameters = 0;
    for (const syntax::Variable &p : function.parameters) {
        parameters = round_up(parameters, p.align);
        scopes_[0].symbols[p.name] = {Space::parameter, parameters};
        parameters += p.size;
    }
    program_.parameter_bytes = static_cast<uint32_t>(parameters);
    for (const syntax::Variable &v : outside) declare(v, &outside_);
    for (size_t i = 0; i < scopes_.size(); i++) {
        scopes_[i].parent = function.scopes[i].parent;
        for (const syntax::Register &r : function.scopes[i].registers) declare(r, &scopes_[i]);
        for (const syntax::Variable &v : function.scopes[i].variables) declare(v, &scopes_[i].symbols);
    }
    declare_dynamic(outside);
    for (const syntax::Label &l : function.labels) {
        if (!scopes_[l.scope].labels.emplace(l.name, l.statement).second) fail(l.line, "a label for the second time");
    }
}

void Names::declare(const syntax::Register &r, Inner *scope) {
    bool added = r.count < 0 ? scope->registers.emplace(r.name, RegisterName{r.type, no_register}).second
                             : scope->ranges.emplace(r.name, Range{r.type, r.count}).second;
    if (!added) fail(r.line, "register " + std::string(r.name) + " for the second time");
}

void Names::declare(const syntax::Variable &v, std::map<std::string_view, Symbol> *symbols) {
    uint64_t at = round_up(program_.static_shared, v.align);
    if (!symbols->emplace(v.name, Symbol{Space::shared, at}).second) {
        fail(v.line, std::string(v.name) + " for the second time");
    }
    if (at + v.size > max_shared_bytes) fail(v.line, "more shared memory than a block can have");
    if (v.size) program_.static_shared = static_cast<uint32_t>(at + v.size);
}

// Dynamic shared memory begins behind all static variables; all arrays of unknown size begin there.
void Names::declare_dynamic(const std::vector<syntax::Variable> &outside) {
    uint64_t align = 0;
    for (const syntax::Variable &v : outside) {
        if (v.size == 0) align = std::max<uint64_t>({align, static_cast<uint64_t>(v.align), 16});
    }
    if (align == 0) return;
    program_.static_shared = static_cast<uint32_t>(round_up(program_.static_shared, align));
    for (const syntax::Variable &v : outside) {
        if (v.size == 0) outside_[v.name].address = program_.static_shared;
    }
}

RegisterName *Names::find_in(std::string_view name, Inner *scope) {
    if (auto found = scope->registers.find(name); found != scope->registers.end()) return &found->second;
    size_t digits = name.find_last_not_of("0123456789") + 1;
    std::string_view number = name.substr(digits);
    if (number.empty() || number.size() > 7 || (number[0] == '0' && number.size() > 1)) return nullptr;
    auto range = scope->ranges.find(name.substr(0, digits));
    if (range == scope->ranges.end() || std::stol(std::string(number)) >= range->second.count) return nullptr;
    return &scope->registers.emplace(name, RegisterName{range->second.type, no_register}).first->second;
}

RegisterName *Names::find_register(std::string_view name, int scope) {
    for (int s = scope; s >= 0; s = scopes_[s].parent) {
        if (RegisterName *r = find_in(name, &scopes_[s])) return r;
    }
    return nullptr;
}

uint32_t Names::place(RegisterName *r) {
    if (r->place == no_register) {
        // A predicate is one mask, not 32 values.
        r->place = r->type == Type::pred ? allocate(0) : allocate(bytes(r->type));
    }
    return r->place;
}

const Symbol *Names::find_symbol(std::string_view name, int scope) const {
    for (int s = scope; s >= 0; s = scopes_[s].parent) {
        if (auto found = scopes_[s].symbols.find(name); found != scopes_[s].symbols.end()) return &found->second;
    }
    auto found = outside_.find(name);
    return found == outside_.end() ? nullptr : &found->second;
}

int64_t Names::find_label(std::string_view name, int scope) const {
    for (int s = scope; s >= 0; s = scopes_[s].parent) {
        if (auto found = scopes_[s].labels.find(name); found != scopes_[s].labels.end()) return found->second;
    }
    return -1;
}

uint32_t Names::allocate(int bytes_of_lane) {
    uint32_t at = program_.register_bytes;
    uint32_t size = bytes_of_lane ? static_cast<uint32_t>(bytes_of_lane * lanes) : static_cast<uint32_t>(sizeof(Mask));
    program_.register_bytes = static_cast<uint32_t>(round_up(at + size, line_bytes));
    if (program_.register_bytes > max_register_bytes) throw Error("ptx: " + program_.name + ": too many registers");
    return at;
}

uint32_t Names::special(std::string_view name, int bytes_of_lane) {
    const size_t dot = name.find('.');
    const auto *found = std::find(std::begin(special_names), std::end(special_names), name.substr(0, dot));
    const auto which = static_cast<Special>(found - std::begin(special_names));
    const std::string_view axis = dot == name.npos ? "" : name.substr(dot);
    if (found == std::end(special_names) || axis.empty() != (which == Special::laneid)) return no_register;
    const int number = axis.empty() || axis == ".x" ? 0 : axis == ".y" ? 1 : axis == ".z" ? 2 : -1;
    if (number < 0) return no_register;
    for (const SpecialRegister &known : program_.specials) {
        if (known.which == which && known.axis == number && known.bytes == bytes_of_lane) return known.place;
    }
    program_.specials.push_back({allocate(bytes_of_lane), which, number, bytes_of_lane});
    return program_.specials.back().place;
}

uint32_t Names::constant(uint64_t value, int bytes_of_lane) {
    auto [found, added] = constants_.emplace(std::pair(value, bytes_of_lane), no_register);
    if (added) found->second = allocate(bytes_of_lane);
    return found->second;
}

void Names::note_granule(uint32_t bytes) { program_.shared_granule = std::min(program_.shared_granule, bytes); }

void Names::finish() {
    program_.registers.assign(program_.register_bytes / sizeof(uint64_t), ~uint64_t{0});
    auto *file = reinterpret_cast<unsigned char *>(program_.registers.data());
    for (const auto &[key, at] : constants_) {
        const auto &[value, size] = key;
        for (int lane = 0; lane < lanes; lane++) std::memcpy(file + at + lane * size, &value, size);  // little endian
    }
}

}  // namespace ptx
