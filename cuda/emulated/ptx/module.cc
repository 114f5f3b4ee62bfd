// Module::parse: text to kernels that can run.
#include <algorithm>
#include <cstring>
#include <map>

#include "instructions.h"
#include "names.h"
#include "parser.h"
#include "ptx.h"

namespace ptx {

namespace {

// The module's variables, at the addresses they have for every launch.
struct Images {
    Image constant, global;
};

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

constexpr uint64_t image_alignment = 256;
constexpr uint64_t max_image_bytes = 256 << 20;

[[noreturn]] void fail(int line, const std::string &why) {
    throw Error("ptx: line " + std::to_string(line) + ": " + why);
}

class Variables {
  public:
    explicit Variables(const std::vector<syntax::Variable> &variables) {
        uint64_t constant = 0, global = 0;
        for (const syntax::Variable &v : variables) place(v, v.space == ".const" ? &constant : &global);
        allocate(constant, &images_->constant);
        allocate(global, &images_->global);
        for (const syntax::Variable &v : variables) initialise(v);
    }

    const std::map<std::string_view, Symbol> &symbols() const { return symbols_; }
    uint64_t shared_bytes() const { return shared_; }
    const std::vector<std::string_view> &dynamic() const { return dynamic_; }
    uint64_t dynamic_alignment() const { return dynamic_alignment_; }
    std::shared_ptr<Images> images() const { return images_; }

  private:
    void place(const syntax::Variable &v, uint64_t *image) {
        Symbol s{Space::shared, 0};
        if (v.space == ".shared") {
            if (v.size == 0) {
                dynamic_.push_back(v.name);
                dynamic_alignment_ = std::max<uint64_t>(dynamic_alignment_, v.align);
            } else {
                s.address = round_up(shared_, v.align);
                shared_ = s.address + v.size;
            }
        } else {
            s.space = v.space == ".const" ? Space::constant : Space::global;
            s.address = round_up(*image, v.align);  // within the image until that has an address
            *image = s.address + v.size;
            if (*image > max_image_bytes) fail(v.line, "more variables than fit into memory");
        }
        if (!symbols_.emplace(v.name, s).second) fail(v.line, std::string(v.name) + " for the second time");
    }

    static void allocate(uint64_t size, Image *image) {
        if (size == 0) return;
        image->size = size;
        image->storage.assign(size + image_alignment, 0);
        image->address = round_up(reinterpret_cast<uint64_t>(image->storage.data()), image_alignment);
    }

    void initialise(const syntax::Variable &v) {
        if (v.space == ".shared") {
            if (!v.values.empty()) fail(v.line, "shared memory cannot be initialised");
            return;
        }
        Symbol &s = symbols_[v.name];
        s.address += s.space == Space::constant ? images_->constant.address : images_->global.address;
        auto *to = reinterpret_cast<unsigned char *>(s.address);
        const int size = bytes(v.type);
        for (size_t i = 0; i < v.values.size(); i++) std::memcpy(to + i * size, &v.values[i], size);  // little endian
    }

    std::map<std::string_view, Symbol> symbols_;
    std::vector<std::string_view> dynamic_;
    uint64_t shared_ = 0, dynamic_alignment_ = 16;
    std::shared_ptr<Images> images_ = std::make_shared<Images>();
};

class Assembler {
  public:
    Assembler(const syntax::Function &function, const Variables &variables)
        : function_(function), variables_(variables), symbols_(variables.symbols()),
          program_(std::make_shared<Program>()) {
        program_->name = std::string(function.name);
        program_->images = variables.images();
        program_->constant = &variables.images()->constant;
        program_->global = &variables.images()->global;
    }

    std::unique_ptr<Kernel> kernel() {
        Names names(function_, symbols_, variables_.shared_bytes(), program_.get());
        place_dynamic();
        program_->code.resize(function_.statements.size() + 1);
        for (size_t i = 0; i < function_.statements.size(); i++) instruction(function_.statements[i], names, i);
        Instruction &last = program_->code.back();  // running off the end is leaving
        last.flow = Flow::leave;
        last.line = function_.line;
        program_->mnemonics.push_back("end");
        names.finish();

        auto out = std::make_unique<Kernel>();
        out->name = program_->name;
        int at = 0;
        for (const syntax::Variable &p : function_.parameters) {
            at = static_cast<int>(round_up(at, p.align));
            out->parameters.push_back({at, static_cast<int>(p.size)});
            at += static_cast<int>(p.size);
        }
        out->parameter_bytes = at;
        out->max_threads = static_cast<int>(function_.max_threads);
        out->static_shared = program_->static_shared;
        out->program = program_;
        return out;
    }

  private:
    // Dynamic shared memory begins behind all static variables.
    void place_dynamic() {
        if (variables_.dynamic().empty()) return;
        program_->static_shared =
            static_cast<uint32_t>(round_up(program_->static_shared, variables_.dynamic_alignment()));
        for (std::string_view name : variables_.dynamic()) symbols_[name].address = program_->static_shared;
    }

    void instruction(const syntax::Statement &s, Names &names, size_t i) {
        Instruction &out = program_->code[i];
        out.line = s.line;
        Decoder decoder(s, names, &out);
        if (!s.guard.empty()) {
            syntax::Operand guard;
            guard.kind = syntax::Operand::name;
            guard.text = s.guard;
            out.guard = decoder.predicate(guard, nullptr);
            out.guard_negated = s.guard_negated;
        }
        decode(decoder);
        program_->mnemonics.emplace_back(s.mnemonic);
    }

    const syntax::Function &function_;
    const Variables &variables_;
    std::map<std::string_view, Symbol> symbols_;
    std::shared_ptr<Program> program_;
};

}  // namespace

std::unique_ptr<Module> Module::parse(std::string_view text) {
    syntax::Module syntax = parse_syntax(text);
    Variables variables(syntax.variables);
    auto out = std::make_unique<Module>();
    for (const syntax::Function &f : syntax.entries) {
        if (out->find(std::string(f.name))) fail(f.line, "kernel " + std::string(f.name) + " for the second time");
        out->kernels_.push_back(Assembler(f, variables).kernel());
    }
    return out;
}

const Kernel *Module::find(const std::string &name) const {
    for (const auto &k : kernels_) {
        if (k->name == name) return k.get();
    }
    return nullptr;
}

}  // namespace ptx
