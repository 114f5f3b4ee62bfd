// Tests of the PTX interpreter: ptx_test [group ...]. Returns 1 if any fails.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "check.h"

namespace ptx::test {

namespace {

struct State {
    const char *group = "";
    int checks = 0, failures = 0;
};

State &state() {
    static State s;
    return s;
}

constexpr Group groups[] = {
    {"arithmetic", arithmetic},
    {"conversions", conversions},
    {"bit_operations", bit_operations},
    {"comparisons", comparisons},
    {"memory", memory},
    {"warps", warps},
    {"matrices", matrices},
    {"races", races},
    {"parsing", parsing},
    {"compiled", compiled},
};

}  // namespace

void check(bool holds, const std::string &told) {
    state().checks++;
    if (holds) return;
    if (state().failures++ < 40) std::printf("FAIL %s: %s\n", state().group, told.c_str());
}

void check_contains(const std::string &text, const std::string &part, const std::string &told) {
    check(text.find(part) != text.npos, told + ": \"" + text + "\" does not contain \"" + part + "\"");
}

std::string hex64(uint64_t value) {
    char text[20];
    std::snprintf(text, sizeof text, "%" PRIx64, value);
    return text;
}

}  // namespace ptx::test

int main(int count, char **names) {
    using namespace ptx::test;
    for (const Group &g : groups) {
        bool wanted = count == 1;
        for (int i = 1; i < count; i++) wanted |= std::string(names[i]) == g.name;
        if (!wanted) continue;
        state().group = g.name;
        const int before = state().checks;
        try {
            g.run();
        } catch (const std::exception &e) {
            check(false, std::string("threw ") + e.what());
        }
        std::printf("%-15s %d checks\n", g.name, state().checks - before);
    }
    std::printf("%d checks, %d failures\n", state().checks, state().failures);
    return state().failures ? 1 : 0;
}
