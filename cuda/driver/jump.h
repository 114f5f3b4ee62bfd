// How a function of cuda.h finds its namesake in the driver that was opened.
#ifndef VBGE_CUDA_JUMP_H
#define VBGE_CUDA_JUMP_H

#include <cuda.h>

#include <atomic>

namespace vbge {

extern const char *const names[];  // as the driver exports them
extern const unsigned count;
extern std::atomic<void *> found[];  // null until first called

// find opens the driver if need be and returns the address of names[index], null if there is none.
void *find(unsigned index);

// why_not_found is what a function answers that was not found.
CUresult why_not_found();

// jump calls the driver's function names[index], whose type is that of the second argument.
template <typename... P>
inline CUresult jump(unsigned index, CUresult (*)(P...), P... arguments) {
    void *function = found[index].load(std::memory_order_acquire);
    if (!function && !(function = find(index))) return why_not_found();
    return reinterpret_cast<CUresult (*)(P...)>(function)(arguments...);
}

}  // namespace vbge

#endif
