// Rows of a file, mapped: copied when they are written to, and never written back.
#pragma once

#if !defined(_WIN32)
#include <sys/mman.h>
#include <sys/stat.h>
#endif

#include "rows.hpp"

namespace perfcore::cache {

// ``n`` rows from a byte of an open file on; no memory where that much is not there, or files cannot be mapped here.
inline Mapped mapped(int file, int64_t at, int64_t n, int64_t row_bytes, bool is_writeable) {
#if !defined(_WIN32)
    struct stat about;
    const size_t size = size_t(at + n * row_bytes);
    if (n == 0 || fstat(file, &about) != 0 || size_t(about.st_size) < size) return {};
    void* begin = mmap(nullptr, size, is_writeable ? PROT_READ | PROT_WRITE : PROT_READ,
                       is_writeable ? MAP_PRIVATE : MAP_SHARED, file, 0);
    if (begin == MAP_FAILED) return {};
    return {static_cast<char*>(begin) + at, n, std::shared_ptr<void>(begin, [size](void* it) { munmap(it, size); })};
#else
    (void)file, (void)at, (void)n, (void)row_bytes, (void)is_writeable;
    return {};
#endif
}

}  // namespace perfcore::cache
