#include "faults.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace emulated {

Faults::Faults(const std::string &text) {
    std::istringstream list(text);
    for (std::string item; std::getline(list, item, ',');) {
        size_t at = item.find('@');
        std::string what = item.substr(0, at);
        uint64_t n = at == std::string::npos ? 0 : strtoull(item.c_str() + at + 1, nullptr, 10);
        bool known = what == "oom" || what == "launch" || what == "hang" || what == "nan" || what == "lost";
        if (!known || n == 0) {
            fprintf(stderr, "emulated driver: VBGE_EMULATED_FAULT: \"%s\" is not oom, launch, hang, nan or lost @n\n",
                    item.c_str());
            abort();
        }
        faults_.push_back({what, n});
    }
}

bool Faults::planned(const char *what, uint64_t n) const {
    for (const Fault &fault : faults_) {
        if (fault.what == what && fault.n == n) return true;
    }
    return false;
}

bool Faults::next_allocation_fails() { return planned("oom", ++allocations_); }

bool Faults::next_call_is_lost() { return planned("lost", ++calls_); }

Faults::Launch Faults::next_launch() {
    ++launches_;
    if (planned("launch", launches_)) return Launch::fail;
    if (planned("hang", launches_)) return Launch::hang;
    if (planned("nan", launches_)) return Launch::nan;
    return Launch::none;
}

}  // namespace emulated
