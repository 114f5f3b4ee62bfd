// VBGE_EMULATED_TRACE=file: one line of JSON for each operation that was executed, appended in order of execution.
//
//   {"device":0,"stream":1,"kind":"kernel","name":"layer_norm_bf16","grid":[4,1,1],"block":[128,1,1],"shared":512,
//    "loaded":4096,"stored":2048,"mma_flops":0,"fma_flops":9000}
//   {"device":0,"stream":1,"kind":"copy","name":"in","bytes":4096}    in: from the host; out: to the host; device
//   {"device":0,"stream":1,"kind":"fill","bytes":4096}
// Libraries add kinds of their own (cublaslt/product.h).
#pragma once

#include <cstdio>
#include <mutex>
#include <string>

namespace emulated {

class Trace {
  public:
    // No path: nothing is written.
    explicit Trace(const std::string &path);
    ~Trace();
    Trace(const Trace &) = delete;
    Trace &operator=(const Trace &) = delete;

    // What is written later is lost.
    void close();

    // fields: the line's JSON after device and stream, without braces.
    void write(int device, int stream, const std::string &fields);

  private:
    std::mutex lock_;
    FILE *file_ = nullptr;
};

}  // namespace emulated
