// What tests set of the emulated GPU: the VBGE_EMULATED_* environment variables, read anew for each context.
#pragma once

#include <cstdint>
#include <string>

namespace emulated {

struct Settings {
    int devices = 1;               // VBGE_EMULATED_DEVICES
    int capability = 90;           // _CAPABILITY: compute capability times ten
    uint64_t memory = 8ull << 30;  // _MEMORY: bytes of each device
    uint64_t seed = 0;             // _SEED: 0 runs only what is waited for, others mix warps and streams
    std::string faults;            // _FAULT: see faults.h
    std::string trace;             // _TRACE: see trace.h

    static Settings read();
};

}  // namespace emulated
