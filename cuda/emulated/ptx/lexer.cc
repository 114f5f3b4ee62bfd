#include "lexer.h"

#include <cctype>
#include <cstring>

#include "ptx.h"

namespace ptx {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.';
}

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    std::vector<Token> all() {
        std::vector<Token> out;
        for (skip(); at_ < text_.size(); skip()) out.push_back(next());
        out.push_back({Token::end, {}, line_});
        return out;
    }

  private:
    char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

    // Steps over white space and comments.
    void skip() {
        while (at_ < text_.size()) {
            if (std::isspace(static_cast<unsigned char>(peek()))) {
                line_ += peek() == '\n';
                at_++;
            } else if (peek() == '/' && peek(1) == '/') {
                while (at_ < text_.size() && peek() != '\n') at_++;
            } else if (peek() == '/' && peek(1) == '*') {
                size_t end = text_.find("*/", at_ + 2);
                if (end == text_.npos) fail("a comment without an end");
                for (; at_ < end + 2; at_++) line_ += peek() == '\n';
            } else {
                return;
            }
        }
    }

    Token next() {
        size_t from = at_;
        int line = line_;
        Token::Kind kind = Token::punctuation;
        if (is_digit(peek())) {
            kind = Token::number;
            while (is_word(peek())) at_++;
        } else if (is_word(peek())) {
            kind = Token::word;
            while (is_word(peek()) || scope()) at_ += scope() ? 2 : 1;
        } else if (peek() == '"') {
            kind = Token::quoted;
            do at_++;
            while (at_ < text_.size() && peek() != '"' && peek() != '\n');
            if (peek() != '"') fail("a string without an end");
            at_++;
        } else if (std::strchr("{}[]()<>,;:!|+-=@*&", peek()) && peek()) {
            at_++;
        } else {
            fail("unexpected character");
        }
        return {kind, text_.substr(from, at_ - from), line};
    }

    // Modifiers such as .L2::128B have two colons within; a label has one behind it.
    bool scope() const { return peek() == ':' && peek(1) == ':'; }

    [[noreturn]] void fail(const std::string &why) const {
        throw Error("ptx: line " + std::to_string(line_) + ": " + why);
    }

    std::string_view text_;
    size_t at_ = 0;
    int line_ = 1;
};

}  // namespace

std::vector<Token> tokens(std::string_view text) {
    if (size_t nul = text.find('\0'); nul != text.npos) text = text.substr(0, nul);
    return Lexer(text).all();
}

}  // namespace ptx
