// Module::parse: text to kernels that can run.
#include "instructions.h"
#include "names.h"
#include "ptx.h"
#include "syntax.h"

namespace ptx {

namespace {

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

class Assembler {
  public:
    explicit Assembler(const syntax::Function &function) : function_(function), program_(std::make_shared<Program>()) {
        program_->name = std::string(function.name);
    }

    std::unique_ptr<Kernel> kernel(const std::vector<syntax::Variable> &shared) {
        Names names(function_, shared, program_.get());
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
    std::shared_ptr<Program> program_;
};

}  // namespace

std::unique_ptr<Module> Module::parse(std::string_view text) {
    syntax::Module syntax = parse_syntax(text);
    auto out = std::make_unique<Module>();
    for (const syntax::Function &f : syntax.entries) {
        if (out->find(std::string(f.name))) {
            throw Error("ptx: line " + std::to_string(f.line) + ": kernel " + std::string(f.name) +
                        " for the second time");
        }
        out->kernels_.push_back(Assembler(f).kernel(syntax.shared));
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
