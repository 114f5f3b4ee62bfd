// What the interpreter's tests share: a list of tests, checks that count failures, and small kernels around snippets.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "ptx/ptx.h"

namespace ptx::test {

// Reports a failure of the test under way unless holds.
void check(bool holds, const std::string &told);

// The text of the Error that f throws, or "" if it throws none.
template <typename F> std::string error_of(F f) {
    try {
        f();
    } catch (const Error &e) {
        return e.what();
    }
    return "";
}

// Checks that text contains part.
void check_contains(const std::string &text, const std::string &part, const std::string &told);

// Each group of tests is one file's.
struct Group {
    const char *name;
    void (*run)();
};

void arithmetic();
void conversions();
void bit_operations();
void comparisons();
void memory();
void warps();
void matrices();
void races();
void parsing();
void compiled();

// One kernel: its header is added; parameters are addresses named p0, p1 ...
std::string kernel(int parameters, const std::string &body);

// Runs the kernel of text that is called "k" on memory at the addresses; every address of the process is allowed unless
// the machine says otherwise.
struct Setup {
    unsigned grid = 1, threads = 32;
    size_t shared = 0;
    uint64_t seed = 0;
    int workers = 1;
    bool (*range)(uint64_t, uint64_t *, uint64_t *) = nullptr;
    uint64_t limit = 10'000'000;
};
Counters launch(const std::string &text, const std::vector<void *> &parameters, const Setup &setup = {});

// One lane's inputs of a snippet.
struct Inputs {
    uint64_t a = 0, b = 0, c = 0;
};

// What a snippet leaves in %d16, %d32 or %d64 (width) for each of the inputs, a lane each. It may read %a, %b and %c of
// 16, 32 and 64 bits, and the predicates %pa %pb %pc, which say whether a, b and c are odd. Every snippet also runs
// with half of the lanes switched off, which must keep what they had.
std::vector<uint64_t> evaluate(const std::string &snippet, int width, const std::vector<Inputs> &inputs);

// Numbers that are the same in every run.
class Numbers {
  public:
    explicit Numbers(uint64_t seed) : state_(seed * 2 + 1) {}
    uint64_t next();
    // A float between about -range and range.
    float real(float range);

  private:
    uint64_t state_;
};

template <typename To, typename From> To bits_of(From from) {
    static_assert(sizeof(To) == sizeof(From), "sizes differ");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline float f32(uint64_t u) { return bits_of<float>(static_cast<uint32_t>(u)); }
inline uint64_t u32(float x) { return bits_of<uint32_t>(x); }

std::string hex64(uint64_t value);

}  // namespace ptx::test
