// How a function of cuda.h finds its namesake in the driver that was opened.
#ifndef VBGE_CUDA_JUMP_H
#define VBGE_CUDA_JUMP_H

#include <cuda.h>

#include <atomic>

namespace vbge {

extern const char *const names[];  // as the driver exports them
extern const unsigned count;
extern std::atomic<void *> found[];  // null until first called

// find opens the driver if need be and returns the address of names[index]; if there is none it
// returns null and sets *error.
void *find(unsigned index, CUresult *error);

// jump calls the driver's function names[index], whose type is that of the second argument.
template <typename... P>
inline CUresult jump(unsigned index, CUresult (*)(P...), P... arguments) {
    CUresult error = CUDA_SUCCESS;
    void *function = found[index].load(std::memory_order_acquire);
    if (!function && !(function = find(index, &error))) return error;
    return reinterpret_cast<CUresult (*)(P...)>(function)(arguments...);
}

}  // namespace vbge

#endif
