// Modules and their functions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../ptx/ptx.h"
#include "context.h"
#include "cubin.h"

namespace emulated {

// What a launch needs of a kernel.
struct Code {
    Entry entry;                               // limits and parameters, from the cubin
    const ptx::Kernel *body = nullptr;         // from the PTX
    std::shared_ptr<const ptx::Module> owner;  // of the body
};

}  // namespace emulated

struct CUfunc_st {
    std::shared_ptr<const emulated::Code> code;
    int dynamic_shared_limit;  // bytes; cuFuncSetAttribute raises it
};

struct CUmod_st {
    std::vector<std::unique_ptr<CUfunc_st>> functions;
};

namespace emulated {

// nullptr if the handle is not a function of the current context.
CUfunction function_of(const Call &call, CUfunction function);

// Whether it is a function of a module that is loaded in the context.
bool is_loaded(const CUctx_st &context, CUfunction function);

}  // namespace emulated
