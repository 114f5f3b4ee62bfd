#include "cubin.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>

#include <elf.h>

#include "capability.h"

namespace emulated {

namespace {

constexpr int machine_cuda = 190;

// Attributes of .nv.info sections: a byte of format, a byte of attribute, then two of value or of length.
enum Attribute { max_threads = 0x05, frame_size = 0x11, parameter_info = 0x17, register_count = 0x2f };
constexpr int sized = 4;  // the format whose value is so many bytes that follow

class Elf {
  public:
    explicit Elf(std::string_view file) : file_(file) {
        header_ = at<Elf64_Ehdr>(0);
        if (memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 || header_.e_machine != machine_cuda) {
            throw std::runtime_error("not a cubin");
        }
    }

    int sections() const { return header_.e_shnum; }

    Elf64_Shdr section(int i) const { return at<Elf64_Shdr>(header_.e_shoff + sizeof(Elf64_Shdr) * i); }

    std::string name(const Elf64_Shdr &s) const { return text(section(header_.e_shstrndx), s.sh_name); }

    std::string_view contents(const Elf64_Shdr &s) const {
        if (s.sh_offset > file_.size() || s.sh_size > file_.size() - s.sh_offset) {
            throw std::runtime_error("the cubin is cut off");
        }
        return file_.substr(s.sh_offset, s.sh_size);
    }

    // The name of a symbol of the table.
    std::string symbol(uint32_t index) const {
        for (int i = 0; i < sections(); i++) {
            Elf64_Shdr s = section(i);
            if (s.sh_type != SHT_SYMTAB) continue;
            auto sym = at<Elf64_Sym>(s.sh_offset + sizeof(Elf64_Sym) * index);
            return text(section(s.sh_link), sym.st_name);
        }
        throw std::runtime_error("the cubin has no symbols");
    }

  private:
    template <typename T> T at(uint64_t offset) const {
        if (offset > file_.size() || sizeof(T) > file_.size() - offset) {
            throw std::runtime_error("the cubin is cut off");
        }
        T value;
        memcpy(&value, file_.data() + offset, sizeof value);
        return value;
    }

    std::string text(const Elf64_Shdr &table, uint64_t offset) const {
        std::string_view rest = contents(table).substr(offset);
        return std::string(rest.substr(0, rest.find('\0')));
    }

    std::string_view file_;
    Elf64_Ehdr header_;
};

// Calls each(attribute, the value's 32-bit words) for the attributes whose value has a length.
template <typename Each> void attributes(std::string_view info, Each each) {
    while (info.size() >= 4) {
        auto format = static_cast<uint8_t>(info[0]), attribute = static_cast<uint8_t>(info[1]);
        uint16_t length = 0;
        if (format == sized) memcpy(&length, info.data() + 2, sizeof length);
        if (length > info.size() - 4) throw std::runtime_error("an .nv.info section is cut off");
        uint32_t words[4] = {};
        memcpy(words, info.data() + 4, std::min<size_t>(length, sizeof words));
        if (format == sized) each(attribute, words);
        info.remove_prefix(4 + length);
    }
}

bool starts_with(const std::string &text, const char *prefix) { return text.rfind(prefix, 0) == 0; }

void read_kernel_info(Entry &entry, std::string_view info) {
    attributes(info, [&](int attribute, const uint32_t *words) {
        if (attribute == max_threads) entry.max_threads = static_cast<int>(words[0] * words[1] * words[2]);
        if (attribute != parameter_info) return;
        size_t ordinal = words[1] & 0xffff;
        if (entry.parameters.size() <= ordinal) entry.parameters.resize(ordinal + 1);
        entry.parameters[ordinal] = {static_cast<int>(words[1] >> 16), static_cast<int>(words[2] >> 18)};
    });
}

}  // namespace

std::vector<Entry> entries(std::string_view cubin, int architecture) {
    Elf elf(cubin);
    std::map<std::string, Entry> found;
    for (int i = 0; i < elf.sections(); i++) {
        Elf64_Shdr section = elf.section(i);
        std::string name = elf.name(section);
        if (name == ".nv.info") {
            attributes(elf.contents(section), [&](int attribute, const uint32_t *words) {
                if (attribute == register_count) found[elf.symbol(words[0])].registers = static_cast<int>(words[1]);
                if (attribute == frame_size) found[elf.symbol(words[0])].local = static_cast<int>(words[1]);
            });
        } else if (starts_with(name, ".nv.info.")) {
            read_kernel_info(found[name.substr(strlen(".nv.info."))], elf.contents(section));
        } else if (starts_with(name, ".nv.shared.") && !starts_with(name, ".nv.shared.reserved")) {
            // From compute capability 9.0 on the section holds the system's share too.
            int reserved = architecture >= 90 ? shared_reserved : 0;
            found[name.substr(strlen(".nv.shared."))].static_shared =
                std::max(0, static_cast<int>(section.sh_size) - reserved);
        }
    }
    std::vector<Entry> list;
    for (auto &[name, entry] : found) {
        entry.name = name;
        if (entry.registers) list.push_back(std::move(entry));  // what has none is no kernel
    }
    return list;
}

}  // namespace emulated
