// From tokens to syntax.
#include <algorithm>
#include <cstdlib>

#include "lexer.h"
#include "ptx.h"
#include "syntax.h"

namespace ptx {

namespace {

using syntax::Function;
using syntax::Operand;
using syntax::Statement;
using syntax::Variable;

// More than any kernel needs; it keeps damaged text from taking the machine's memory.
constexpr int64_t max_elements = 1 << 26;

class Parser {
  public:
    explicit Parser(std::string_view text) : tokens_(tokens(text)) {}

    syntax::Module module() {
        syntax::Module out;
        while (peek().kind != Token::end) {
            if (at(".version") || at(".target") || at(".address_size") || at(".file")) {
                skip_line();
            } else if (at(".visible") || at(".weak") || at(".extern")) {
                next();
            } else if (at(".entry")) {
                next();
                out.entries.push_back(function());
            } else if (at(".shared")) {
                out.shared.push_back(variable());
                expect(";");
            } else {
                fail("cannot interpret " + quoted(peek().text));
            }
        }
        return out;
    }

  private:
    const Token &peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
    bool at(std::string_view text) const { return peek().text == text && peek().kind != Token::quoted; }

    const Token &next() {
        const Token &t = peek();
        if (t.kind != Token::end) at_++;
        return t;
    }

    bool take(std::string_view text) {
        if (!at(text)) return false;
        next();
        return true;
    }

    void expect(std::string_view text) {
        if (!take(text)) fail("expected " + quoted(text) + ", found " + quoted(peek().text));
    }

    static std::string quoted(std::string_view text) {
        return text.empty() ? "the end" : "\"" + std::string(text) + "\"";
    }

    [[noreturn]] void fail(const std::string &why) const {
        throw Error("ptx: line " + std::to_string(peek().line) + ": " + why);
    }

    void skip_line() {
        int line = peek().line;
        while (peek().line == line && peek().kind != Token::end) next();
    }

    std::string_view word() {
        if (peek().kind != Token::word) fail("expected a name, found " + quoted(peek().text));
        return next().text;
    }

    // A number with its sign: an integer, or the bits of a float32 (0f3F800000), which is how nvcc writes fractions.
    Operand number() {
        Operand out;
        take("+");
        bool negative = take("-");  // nvcc writes [%rd1+-8]
        if (peek().kind != Token::number) fail("expected a number, found " + quoted(peek().text));
        std::string text(next().text);
        bool real = text.size() > 1 && text[0] == '0' && (text[1] == 'f' || text[1] == 'F');
        char *end = nullptr;
        uint64_t value = std::strtoull(text.c_str() + (real ? 2 : 0), &end, real ? 16 : 0);
        if (*end == 'U' && !real) end++;
        if (*end) fail("cannot read the number " + text);
        out.kind = real ? Operand::real : Operand::integer;
        out.value = static_cast<int64_t>(!negative ? value : real ? value ^ uint64_t{1} << 31 : 0 - value);
        return out;
    }

    int64_t integer() {
        Operand n = number();
        if (n.kind != Operand::integer) fail("expected an integer");
        return n.value;
    }

    int64_t integer(int64_t from, int64_t to) {
        int64_t n = integer();
        if (n < from || n > to)
            fail(std::to_string(n) + " is not within " + std::to_string(from) + " to " + std::to_string(to));
        return n;
    }

    Type type() {
        std::string_view name = word();
        Type t = name[0] == '.' ? type_named(name.substr(1)) : Type::none;
        if (t == Type::none) fail("unknown type " + quoted(name));
        return t;
    }

    // .space [.align n] .type name[count]; parameters may say .ptr .space .align n about what they point to.
    Variable variable() {
        Variable out;
        out.line = peek().line;
        next();
        if (take(".align")) out.align = alignment();
        out.type = type();
        out.align = std::max<int64_t>(out.align, bytes(out.type));
        if (take(".ptr")) {
            if (at(".global") || at(".shared")) next();
            if (take(".align")) alignment();
        }
        out.name = word();
        int64_t count = 1;
        while (take("[")) {
            count = at("]") ? 0 : count * integer(0, max_elements);
            if (count > max_elements) fail("an array too large to be meant");
            expect("]");
        }
        out.size = count * bytes(out.type);
        if (at("=")) fail("shared memory cannot be initialised");
        return out;
    }

    int64_t alignment() {
        int64_t n = integer(1, 1024);
        if (n & (n - 1)) fail("an alignment that is not a power of two");
        return n;
    }

    Function function() {
        Function out;
        out.line = peek().line;
        out.name = word();
        if (take("(")) {
            while (!at(")")) {
                if (!at(".param")) fail("expected .param, found " + quoted(peek().text));
                out.parameters.push_back(variable());
                if (!take(",")) break;
            }
            expect(")");
        }
        while (!at("{")) performance_directive(&out);
        block(&out);
        return out;
    }

    void performance_directive(Function *f) {
        if (at(".maxntid") || at(".reqntid")) {
            next();
            f->max_threads = 1;
            do f->max_threads *= integer(1, 1024);
            while (take(","));
        } else if (at(".minnctapersm") || at(".maxnreg")) {
            next();
            integer();
        } else {
            fail("cannot interpret the directive " + quoted(peek().text));
        }
    }

    // Everything between the braces of a function's body, inner blocks included.
    void block(Function *f) {
        std::vector<int> open;
        int scope = -1;
        do {
            if (take("{")) {
                f->scopes.push_back({scope, {}, {}});
                open.push_back(scope);
                scope = static_cast<int>(f->scopes.size()) - 1;
            } else if (take("}")) {
                scope = open.back();
                open.pop_back();
            } else if (take(".reg")) {
                registers(&f->scopes[scope]);
            } else if (at(".shared")) {
                f->scopes[scope].variables.push_back(variable());
                expect(";");
            } else if (take(".pragma")) {  // advice on unrolling
                while (!take(";")) {
                    if (next().kind == Token::end) fail("expected \";\"");
                }
            } else if (at(".loc") || at(".file")) {
                skip_line();
            } else if (peek().kind == Token::word && peek(1).text == ":") {
                f->labels.push_back({peek().text, scope, f->statements.size(), peek().line});
                at_ += 2;
            } else {
                f->statements.push_back(statement(scope));
            }
        } while (!open.empty());
    }

    void registers(syntax::Scope *scope) {
        Type t = type();
        do {
            syntax::Register r{{}, t, -1, peek().line};
            r.name = word();
            if (take("<")) {
                r.count = integer(0, 1 << 20);
                expect(">");
            }
            scope->registers.push_back(r);
        } while (take(","));
        expect(";");
    }

    Statement statement(int scope) {
        Statement out;
        out.line = peek().line;
        out.scope = scope;
        if (take("@")) {
            out.guard_negated = take("!");
            out.guard = word();
        }
        out.mnemonic = word();
        if (out.mnemonic[0] == '.') fail("cannot interpret the directive " + quoted(out.mnemonic));
        if (!at(";")) {
            do out.operands.push_back(operand());
            while (take(","));
        }
        expect(";");
        return out;
    }

    Operand operand() {
        Operand out;
        if (take("{")) {
            out.kind = Operand::vector;
            do {
                if (at("{")) fail("a vector within a vector");
                out.elements.push_back(operand());
            } while (take(","));
            expect("}");
        } else if (take("[")) {
            out.kind = Operand::address;
            if (peek().kind == Token::word) out.text = word();
            if (!at("]")) out.value = integer();
            expect("]");
        } else if (peek().kind == Token::number || at("-")) {
            return number();
        } else if (take("_")) {
            out.kind = Operand::sink;
        } else {
            out.kind = Operand::name;
            out.negated = take("!");
            out.text = word();
            if (take("|")) out.second = word();
            if (at("+")) out.value = integer();
        }
        return out;
    }

    std::vector<Token> tokens_;
    size_t at_ = 0;
};

}  // namespace

syntax::Module parse_syntax(std::string_view text) { return Parser(text).module(); }

}  // namespace ptx
