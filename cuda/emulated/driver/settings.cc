#include "settings.h"

#include <cstdio>
#include <cstdlib>

namespace emulated {

namespace {

void set(std::string &to, const char *name) {
    if (const char *value = getenv(name)) to = value;
}

template <typename Integer> void set(Integer &to, const char *name) {
    const char *value = getenv(name);
    if (!value || !*value) return;
    char *end;
    unsigned long long number = strtoull(value, &end, 10);
    if (*end) {
        fprintf(stderr, "emulated driver: %s=%s is not a number\n", name, value);
        abort();  // a test that runs on other settings than it asked for proves nothing
    }
    to = static_cast<Integer>(number);
}

}  // namespace

Settings Settings::read() {
    Settings s;
    set(s.devices, "VBGE_EMULATED_DEVICES");
    set(s.capability, "VBGE_EMULATED_CAPABILITY");
    set(s.memory, "VBGE_EMULATED_MEMORY");
    set(s.seed, "VBGE_EMULATED_SEED");
    set(s.faults, "VBGE_EMULATED_FAULT");
    set(s.trace, "VBGE_EMULATED_TRACE");
    return s;
}

}  // namespace emulated
