// The order of use, exact: a list through the nodes, under a mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "lists.hpp"

namespace perfcore::cache {

struct Order {
    explicit Order(uint32_t n) : end_(n), links_(new uint32_t[2 * (size_t(n) + 1)]) {
        newer(n) = older(n) = n;
    }
    void add(uint32_t id) {  // to the front
        const uint32_t first = older(end_);
        older(id) = first, newer(id) = end_;
        newer(first) = id, older(end_) = id;
    }
    void remove(uint32_t id) {
        newer(older(id)) = newer(id);
        older(newer(id)) = older(id);
    }
    void to_front(uint32_t id) {
        remove(id);
        add(id);
    }
    uint32_t last() { return before(end_); }
    uint32_t before(uint32_t id) { return newer(id) == end_ ? NONE : newer(id); }
    static uint64_t nbytes_for(int64_t n) { return 2 * (uint64_t(n) + 1) * sizeof(uint32_t); }

    std::mutex mutex;

private:
    uint32_t& newer(uint32_t id) { return links_[2 * size_t(id)]; }
    uint32_t& older(uint32_t id) { return links_[2 * size_t(id) + 1]; }
    const uint32_t end_;
    const std::unique_ptr<uint32_t[]> links_;
};

}  // namespace perfcore::cache
