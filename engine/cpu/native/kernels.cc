// The kernels of one instruction set, written over vectors of its own width. VBGE_KERNELS names the
// table. Nothing of the standard library's inline code may be used here: the linker could pick the
// copy that was compiled for another processor.
#include "kernels.h"

#include "attention.h"
#include "epilogue.h"
#include "peak.h"
#include "quantise.h"
#include "rows.h"

namespace vbge {

const Kernels VBGE_KERNELS = {VBGE_KERNELS_NAME, copy,     add,       layer_norm,       gelu,          swiglu,
                              normalise,         quantise, finish,    finish_gelu,      finish_swiglu, finish_residual,
                              multiply_add,      sum,      attention, attention_scratch};

}  // namespace vbge
