// Cuts the text of a module into tokens.
#pragma once

#include <string_view>
#include <vector>

namespace ptx {

struct Token {
    enum Kind {
        word,         // an identifier, directive or mnemonic, with its dots: "add.s32", ".reg", "%tid.x", "L2::128B"
        number,       // "12", "0x1F", "0f3F800000"; a sign is a token of its own
        quoted,       // a string, with its quotes
        punctuation,  // one character
        end,
    };
    Kind kind;
    std::string_view text;  // into the module's text
    int line;               // from 1
};

// The tokens of the text without comments, the last one of kind end. Throws Error at a character PTX has no use for.
std::vector<Token> tokens(std::string_view text);

}  // namespace ptx
