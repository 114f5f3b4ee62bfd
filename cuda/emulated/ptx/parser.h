// From tokens to syntax.
#pragma once

#include "syntax.h"

namespace ptx {

// The views in the result point into text. Throws Error naming the line.
syntax::Module parse_syntax(std::string_view text);

}  // namespace ptx
