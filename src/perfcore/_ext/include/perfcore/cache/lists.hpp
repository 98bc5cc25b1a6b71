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
// Places are counted up, at the tail to add and at the head to take; place p lies in cell p % size, in round p / size:
//
//     cell         what it holds                                    an adder of round r
//     a number                                                      goes on to the next place
//     r or less    nothing; takers of earlier rounds have been here puts its number here
//     r + 1        nothing; a taker of round r has been here        goes on to the next place
//
// Who takes leaves r + 1 in its cell whether it found a number there or an adder had not got so far, so that a number
// is never put where the head has passed.
class Ring {
public:
    explicit Ring(uint32_t size) : size_(size), cells_(new std::atomic<uint32_t>[size]()) {}

    void push(uint32_t id) {
        for (;;) {
            const uint64_t at = tail_.fetch_add(1, std::memory_order_acq_rel);
            uint32_t there = cell(at).load(std::memory_order_acquire);
            if (is_before(there, round(at + size_)) &&
                cell(at).compare_exchange_strong(there, id | NUMBER, std::memory_order_acq_rel))
                return;
        }
    }

    uint64_t end() const { return tail_.load(std::memory_order_acquire); }

    // The first; NONE where there is none, or where it lies beyond a place that `end` told.
    uint32_t pop(uint64_t before = UINT64_MAX) {
        for (;;) {
            uint64_t at = head_.load(std::memory_order_acquire);
            if (at >= before || at >= tail_.load(std::memory_order_acquire)) return NONE;
            const uint32_t id = take(at);
            if (id != NONE) return id;
        }
    }

    // The one some places behind the first, if it is there.
    uint32_t ahead(uint64_t n) const {
        const uint32_t there = cell(head_.load(std::memory_order_relaxed) + n).load(std::memory_order_acquire);
        return there & NUMBER ? there & ~NUMBER : NONE;
    }

    // What pop() would give, and where it lies. The head is moved past places that are empty.
    uint32_t peek(uint64_t& at) {
        for (;;) {
            at = head_.load(std::memory_order_acquire);
            if (at >= tail_.load(std::memory_order_acquire)) return NONE;
            const uint32_t there = cell(at).load(std::memory_order_acquire);
            if (there & NUMBER) return there & ~NUMBER;
            const uint32_t late = take(at);
            if (late != NONE) push(late);
        }
    }

    // Takes what peek() found out of its place, wherever the head is by now.
    bool remove(uint64_t at, uint32_t id) {
        uint32_t expected = id | NUMBER;
        return cell(at).compare_exchange_strong(expected, round(at + size_), std::memory_order_acq_rel);
    }

    // While nobody takes or adds.
    std::vector<uint32_t> in_order() const {
        std::vector<uint32_t> ids;
        const uint64_t head = head_.load();
        for (uint64_t i = 0; i < size_; i++)
            if (const uint32_t there = cell(head + i).load(); there & NUMBER) ids.push_back(there & ~NUMBER);
        return ids;
    }

    static uint64_t nbytes_for(int64_t size) { return uint64_t(size) * sizeof(std::atomic<uint32_t>); }

private:
    static constexpr uint32_t NUMBER = 1u << 31;

    std::atomic<uint32_t>& cell(uint64_t at) const { return cells_[at % size_]; }
    uint32_t round(uint64_t at) const { return uint32_t(at / size_) & ~NUMBER; }

    // Whether a cell is empty, and was last taken from before a round.
    static bool is_before(uint32_t there, uint32_t round) {
        return !(there & NUMBER) && int32_t((there - round) << 1) < 0;
    }

    uint32_t take(uint64_t at) {
        uint64_t head = at;
        if (!head_.compare_exchange_strong(head, at + 1, std::memory_order_acq_rel)) return NONE;
        uint32_t there = cell(at).load(std::memory_order_acquire);
        while (there & NUMBER || is_before(there, round(at + size_)))
            if (cell(at).compare_exchange_weak(there, round(at + size_), std::memory_order_acq_rel)) break;
        return there & NUMBER ? there & ~NUMBER : NONE;
    }

    const uint32_t size_;
    const std::unique_ptr<std::atomic<uint32_t>[]> cells_;
    alignas(64) std::atomic<uint64_t> head_{0};
    alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace perfcore::cache
