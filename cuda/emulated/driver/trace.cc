#include "trace.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace emulated {

Trace::Trace(const std::string &path) {
    if (path.empty()) return;
    file_ = fopen(path.c_str(), "ae");
    if (!file_) {
        fprintf(stderr, "emulated driver: VBGE_EMULATED_TRACE=%s: %s\n", path.c_str(), strerror(errno));
        abort();
    }
}

Trace::~Trace() { close(); }

void Trace::close() {
    std::lock_guard<std::mutex> lock(lock_);
    if (file_) fclose(file_);
    file_ = nullptr;
}

void Trace::write(int device, int stream, const std::string &fields) {
    std::lock_guard<std::mutex> lock(lock_);
    if (!file_) return;
    fprintf(file_, "{\"device\":%d,\"stream\":%d,%s}\n", device, stream, fields.c_str());
    fflush(file_);
}

}  // namespace emulated
