#include "fatbin.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace emulated {

namespace {

constexpr uint32_t magic = 0xba55ed50;

struct Header {
    uint32_t magic;
    uint16_t version, size;  // of this header
    uint64_t bytes;          // that follow it
};

struct EntryHeader {
    uint16_t kind, version;
    uint32_t size;   // of this header
    uint64_t bytes;  // that follow it
    uint32_t unknown[3];
    uint32_t architecture;
    uint32_t more[2];
    uint64_t flags;
};

constexpr uint64_t compressed_flags = 0x2000 | 0x8000;  // LZ4, Zstandard

template <typename T> T read(const char *at) {
    T value;
    memcpy(&value, at, sizeof value);
    return value;
}

}  // namespace

bool is_fatbin(const void *at) { return read<uint32_t>(static_cast<const char *>(at)) == magic; }

std::vector<Image> images(const void *fatbin) {
    const auto *at = static_cast<const char *>(fatbin);
    auto header = read<Header>(at);
    if (header.magic != magic || header.version != 1) throw std::runtime_error("not a fatbin of version 1");
    std::vector<Image> found;
    const char *end = at + header.size + header.bytes;
    for (at += header.size; at < end;) {
        auto entry = read<EntryHeader>(at);
        if (entry.size < sizeof entry || entry.bytes > static_cast<uint64_t>(end - at) - entry.size) {
            throw std::runtime_error("the fatbin is cut off");
        }
        if (entry.kind == Image::ptx || entry.kind == Image::cubin) {
            found.push_back({static_cast<Image::Kind>(entry.kind),
                             static_cast<int>(entry.architecture),
                             (entry.flags & compressed_flags) != 0,
                             {at + entry.size, entry.bytes}});
        }
        at += entry.size + entry.bytes;
    }
    return found;
}

const Image *cubin_for(const std::vector<Image> &images, int capability) {
    const Image *best = nullptr;
    for (const Image &image : images) {
        bool runs = image.kind == Image::cubin && image.architecture / 10 == capability / 10 &&
                    image.architecture <= capability;
        if (runs && (!best || image.architecture > best->architecture)) best = &image;
    }
    return best;
}

const Image *ptx_for(const std::vector<Image> &images, int capability) {
    const Image *best = nullptr;
    for (const Image &image : images) {
        bool runs = image.kind == Image::ptx && image.architecture <= capability;
        if (runs && (!best || image.architecture > best->architecture)) best = &image;
    }
    return best;
}

}  // namespace emulated
