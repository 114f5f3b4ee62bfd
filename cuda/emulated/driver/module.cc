#include "module.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "fatbin.h"

using namespace emulated;

namespace {

// Modules are loaded anew for every context, mostly from the same few fatbins: PTX is parsed once.
std::shared_ptr<const ptx::Module> parse(std::string_view text) {
    static auto *parsed = new std::map<std::string, std::shared_ptr<const ptx::Module>, std::less<>>;
    auto found = parsed->find(text);
    if (found == parsed->end()) found = parsed->emplace(std::string(text), ptx::Module::parse(text)).first;
    return found->second;
}

// Whether cubin and PTX agree on the parameters.
bool same_parameters(const Entry &entry, const ptx::Kernel &body) {
    if (entry.parameters.size() != body.parameters.size()) return false;
    for (size_t i = 0; i < entry.parameters.size(); i++) {
        if (entry.parameters[i].offset != body.parameters[i].offset) return false;
        if (entry.parameters[i].size != body.parameters[i].size) return false;
    }
    return true;
}

CUresult load(const Call &call, const void *image, CUmodule *to) {
    if (!image || !to) return CUDA_ERROR_INVALID_VALUE;
    CUctx_st &context = call.current();
    if (!is_fatbin(image)) {
        return call.misused(CUDA_ERROR_INVALID_IMAGE, "not a fatbin (a cubin or PTX alone is not emulated)");
    }
    auto all = images(image);
    const Image *cubin = cubin_for(all, context.capability.number), *text = ptx_for(all, context.capability.number);
    if (!cubin || !text) {
        return call.misused(CUDA_ERROR_NO_BINARY_FOR_GPU, "the fatbin has no %s for compute capability %d",
                            cubin ? "PTX" : "cubin", context.capability.number);
    }
    if (cubin->compressed || text->compressed) {
        return call.misused(CUDA_ERROR_INVALID_IMAGE, "the fatbin is compressed: nvcc -Xfatbin --compress=false");
    }
    auto module = std::make_shared<CUmod_st>();
    auto bodies = parse(text->bytes);
    for (Entry &entry : entries(cubin->bytes, cubin->architecture)) {
        const ptx::Kernel *body = bodies->find(entry.name);
        if (!body || !same_parameters(entry, *body)) {
            return call.misused(CUDA_ERROR_INVALID_IMAGE, "%s is in the cubin, and in the PTX %s", entry.name.c_str(),
                                body ? "with other parameters" : "not");
        }
        int shared = std::max(0, shared_per_block - entry.static_shared);
        auto code = std::make_shared<Code>(Code{std::move(entry), body, bodies});
        module->functions.push_back(std::make_unique<CUfunc_st>(CUfunc_st{std::move(code), shared}));
    }
    *to = module.get();
    context.modules.emplace(*to, std::move(module));
    return CUDA_SUCCESS;
}

}  // namespace

namespace emulated {

bool is_loaded(const CUctx_st &context, CUfunction function) {
    for (const auto &module : context.modules) {
        for (const auto &candidate : module.first->functions) {
            if (candidate.get() == function) return true;
        }
    }
    return false;
}

CUfunction function_of(const Call &call, CUfunction function) {
    if (is_loaded(call.current(), function)) return function;
    call.misused(CUDA_ERROR_INVALID_HANDLE, "not a function of a module of the current context");
    return nullptr;
}

}  // namespace emulated

API cuModuleLoadData(CUmodule *module, const void *image) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    try {
        return load(call, image, module);
    } catch (const ptx::Error &error) {
        return call.misused(CUDA_ERROR_INVALID_PTX, "%s", error.what());
    } catch (const std::exception &error) {
        return call.misused(CUDA_ERROR_INVALID_IMAGE, "%s", error.what());
    }
}

API cuModuleUnload(CUmodule module) {
    Call call(__func__, Call::no_capture);
    if (!call) return call.result();
    if (!call.current().modules.count(module)) return call.misused(CUDA_ERROR_INVALID_HANDLE, "not a module");
    CUresult result = finish_all(&call.current(), call.lock());
    call.current().modules.erase(module);
    return result;
}

API cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    Call call(__func__);
    if (!call) return call.result();
    if (!call.current().modules.count(module)) return call.misused(CUDA_ERROR_INVALID_HANDLE, "not a module");
    for (const auto &candidate : module->functions) {
        if (candidate->code->entry.name != name) continue;
        *function = candidate.get();
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_NOT_FOUND;
}

API cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *size) {
    Call call(__func__);
    if (!call) return call.result();
    if (!function_of(call, function)) return CUDA_ERROR_INVALID_HANDLE;
    if (index >= function->code->entry.parameters.size()) return CUDA_ERROR_INVALID_VALUE;
    *offset = static_cast<size_t>(function->code->entry.parameters[index].offset);
    if (size) *size = static_cast<size_t>(function->code->entry.parameters[index].size);
    return CUDA_SUCCESS;
}
