// Lists of numbers (of nodes, of rows) without locks: a stack to take from, and a ring that keeps their order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace perfcore::cache {

constexpr uint32_t NONE = 0xFFFFFFFFu;

// A Treiber stack; the links lie with what is linked. Beside its top goes a count of changes, so that a top that was
// taken and put back meanwhile is told from one that stayed.
class Stack {
public:
    template <class Link>  // Link(id) -> std::atomic<uint32_t>&
    void push(uint32_t first, uint32_t last, Link link) {
        uint64_t top = top_.load(std::memory_order_relaxed), next;
        do {
            link(last).store(uint32_t(top), std::memory_order_relaxed);
            next = ((top >> 32) + 1) << 32 | first;
        } while (!top_.compare_exchange_weak(top, next, std::memory_order_acq_rel, std::memory_order_relaxed));
    }

    template <class Link>
    uint32_t pop(Link link) {
        uint64_t top = top_.load(std::memory_order_acquire), next;
        do {
            if (uint32_t(top) == NONE) return NONE;
            next = ((top >> 32) + 1) << 32 | link(uint32_t(top)).load(std::memory_order_relaxed);
        } while (!top_.compare_exchange_weak(top, next, std::memory_order_acq_rel, std::memory_order_acquire));
        return uint32_t(top);
    }

    // All of them, as a list by their links.
    uint32_t detach() {
        uint64_t top = top_.load(std::memory_order_relaxed);
        while (!top_.compare_exchange_weak(top, ((top >> 32) + 1) << 32 | NONE, std::memory_order_acq_rel)) {}
        return uint32_t(top);
    }

    uint32_t top() const { return uint32_t(top_.load(std::memory_order_relaxed)); }

private:
    alignas(64) std::atomic<uint64_t> top_{NONE};
};

// First in, first out, for up to ``size`` numbers of which each is in it once at most.
//
// A place is taken by counting up and filled after, so that a place may be found empty whose filler has been stopped in
// between. Who comes to take from it goes on to the next; the number gets there later, and is met a round later.
class Ring {
public:
    explicit Ring(uint32_t size) : size_(size), cells_(new std::atomic<uint32_t>[size]()) {}

    void push(uint32_t id) {
        for (;;) {
            uint32_t empty = 0;
            const uint64_t at = tail_.fetch_add(1, std::memory_order_acq_rel);
            if (cell(at).compare_exchange_strong(empty, id + 1, std::memory_order_acq_rel)) return;
        }
    }

    uint64_t end() const { return tail_.load(std::memory_order_acquire); }

    // The first; NONE where there is none, or where it lies beyond a place that `end` told.
    uint32_t pop(uint64_t before = UINT64_MAX) {
        for (;;) {
            uint64_t at = head_.load(std::memory_order_acquire);
            if (at >= before || at >= tail_.load(std::memory_order_acquire)) return NONE;
            if (!head_.compare_exchange_weak(at, at + 1, std::memory_order_acq_rel)) continue;
            if (const uint32_t id = cell(at).exchange(0, std::memory_order_acq_rel)) return id - 1;
        }
    }

    // What pop() would give, and where it lies.
    uint32_t peek(uint64_t& at) const {
        const uint64_t tail = tail_.load(std::memory_order_acquire);
        for (at = head_.load(std::memory_order_acquire); at < tail; at++)
            if (const uint32_t id = cell(at).load(std::memory_order_acquire)) return id - 1;
        return NONE;
    }

    // Takes what peek() found out of its place, wherever the head is by now.
    bool remove(uint64_t at, uint32_t id) {
        uint32_t expected = id + 1;
        return cell(at).compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
    }

    // While nobody takes or adds.
    std::vector<uint32_t> in_order() const {
        std::vector<uint32_t> ids;
        const uint64_t head = head_.load();
        for (uint64_t i = 0; i < size_; i++)
            if (const uint32_t id = cell(head + i).load()) ids.push_back(id - 1);
        return ids;
    }

    uint64_t nbytes() const { return uint64_t(size_) * sizeof(std::atomic<uint32_t>); }

private:
    std::atomic<uint32_t>& cell(uint64_t at) const { return cells_[at % size_]; }

    const uint32_t size_;
    const std::unique_ptr<std::atomic<uint32_t>[]> cells_;  // a number plus one; 0: empty
    alignas(64) std::atomic<uint64_t> head_{0};
    alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace perfcore::cache
