// Rows: their bytes in slabs, and what is known of each.
//
// A slab is one block of rows without gaps, 64-byte aligned: a C-contiguous numpy array and the values of an Arrow
// fixed-size list. Views hold on to its slab and count as pins of their row, so they outlive eviction and the cache.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "lists.hpp"

namespace perfcore::cache {

constexpr int64_t NEVER = INT64_MAX;

constexpr size_t HUGE_PAGE = size_t(1) << 21;
constexpr uint32_t LEFT = 1u << 31;  // beside the pins of a row whose entry is gone: the last to unpin it gives it back

struct About {
    std::atomic<uint32_t> pins{0};
    std::atomic<uint32_t> link{NONE};  // of the stack it lies in, while no node points to it
};

struct Dates {
    int64_t version = INT64_MIN;
    int64_t until = NEVER;           // nanoseconds of the caller's clock
    std::atomic<int64_t> touched{0};

    void copy(const Dates& other) {
        version = other.version, until = other.until;
        touched.store(other.touched.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
};

// Rows in a file that is mapped, writeable or not; the memory is given back when the last that holds it goes.
struct Mapped {
    char* data = nullptr;
    int64_t n = 0;
    std::shared_ptr<void> memory;
};

struct Slab {
    char* data;
    std::unique_ptr<About[]> about;
    std::unique_ptr<Dates[]> dates;  // nothing where a cache has neither versions nor ages
    std::shared_ptr<void> memory;    // what is mapped, where it is not of its own
    const std::shared_ptr<std::atomic<int64_t>> n_pinned;  // rows with pins, of all slabs of the cache
    const size_t size;               // bytes
    const std::align_val_t alignment;
    Stack unpinned;                  // rows whose entries were gone before their last pin was

    Slab(int64_t n_rows, int64_t row_bytes, bool has_dates, std::shared_ptr<std::atomic<int64_t>> n_pinned,
         char* mapped, std::shared_ptr<void> memory)
        : data(mapped), about(new About[size_t(n_rows)]), dates(has_dates ? new Dates[size_t(n_rows)] : nullptr),
          memory(memory), n_pinned(n_pinned), size(size_t(n_rows) * size_t(row_bytes)),
          alignment(std::align_val_t(size >= HUGE_PAGE ? HUGE_PAGE : 64)) {
        if (memory) return;
        data = static_cast<char*>(::operator new(std::max<size_t>(size, 1), alignment));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (size >= HUGE_PAGE) madvise(data, size & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);  // read here and there
#endif
    }
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    ~Slab() {
        if (!memory) ::operator delete(data, alignment);
    }

    // Of a row that an open section reads. False where that would be one more row than ``most``.
    bool pin(int64_t i, int64_t most) {
        auto& pins = about[size_t(i)].pins;
        for (uint32_t its = pins.load(std::memory_order_relaxed); its != 0;)
            if (pins.compare_exchange_weak(its, its + 1, std::memory_order_acq_rel)) return true;
        if (n_pinned->fetch_add(1) >= most) {
            n_pinned->fetch_sub(1);
            return false;
        }
        if (pins.fetch_add(1, std::memory_order_acq_rel) != 0) n_pinned->fetch_sub(1);
        return true;
    }

    void unpin(int64_t i) {
        auto& pins = about[size_t(i)].pins;
        const uint32_t left = pins.fetch_sub(1, std::memory_order_acq_rel) - 1;
        if ((left & ~LEFT) == 0) n_pinned->fetch_sub(1);
        if (left != LEFT) return;
        pins.store(0, std::memory_order_relaxed);
        const auto link = [this](uint32_t id) -> std::atomic<uint32_t>& { return about[id].link; };
        unpinned.push(uint32_t(i), uint32_t(i), link);
    }

    // Of a row whose entry is gone and that no section reads: whether nobody holds it either. If not, it comes back
    // among the `unpinned`.
    bool leave(int64_t i) {
        auto& pins = about[size_t(i)].pins;
        if (pins.fetch_or(LEFT, std::memory_order_acq_rel) != 0) return false;
        pins.store(0, std::memory_order_relaxed);
        return true;
    }
};

class Rows {
public:
    static constexpr int SHIFT = 14;  // 16,384 rows a slab
    static constexpr int64_t MASK = (int64_t(1) << SHIFT) - 1;

    // The first rows lie in ``mapped``, where slabs are whole there; of the last ones of it there is a copy.
    Rows(int64_t n, int64_t row_bytes, bool has_dates, std::shared_ptr<std::atomic<int64_t>> n_pinned,
         const Mapped& mapped)
        : row_bytes(row_bytes), has_dates(has_dates), n_pinned(n_pinned) {
        for (int64_t at = 0; at < n; at += MASK + 1) {
            const int64_t size = std::min(n - at, MASK + 1);
            const bool is_mapped = mapped.memory && at + size <= mapped.n;
            char* its = mapped.data + at * row_bytes;
            slabs_.push_back(std::make_shared<Slab>(size, row_bytes, has_dates, n_pinned, is_mapped ? its : nullptr,
                                                    is_mapped ? mapped.memory : nullptr));
            if (mapped.memory && !is_mapped && at < mapped.n)
                std::memcpy(slabs_.back()->data, its, size_t((mapped.n - at) * row_bytes));
        }
    }

    char* operator[](uint32_t id) const { return slabs_[id >> SHIFT]->data + (id & MASK) * row_bytes; }
    About& about(uint32_t id) const { return slabs_[id >> SHIFT]->about[id & MASK]; }
    Dates& dates(uint32_t id) const { return slabs_[id >> SHIFT]->dates[id & MASK]; }
    std::atomic<uint32_t>& link(uint32_t id) const { return about(id).link; }
    const std::shared_ptr<Slab>& slab(uint32_t id) const { return slabs_[id >> SHIFT]; }

    bool leave(uint32_t id) {
        if (about(id).pins.load(std::memory_order_acquire) == 0) return true;
        n_left_.fetch_add(1);
        if (!slab(id)->leave(id & MASK)) return false;
        n_left_.fetch_sub(1);
        return true;
    }
    // Rows whose entries are gone and that views hold.
    int64_t n_left() const { return n_left_.load(); }

    // Calls ``each`` for the rows that were held by views when their entries went, and are no longer.
    template <class Each>
    void unpinned(Each each) {
        if (n_left() == 0) return;
        for (size_t i = 0; i < slabs_.size(); i++)
            for (uint32_t at = slabs_[i]->unpinned.detach(), next; at != NONE; at = next) {
                next = slabs_[i]->about[at].link.load(std::memory_order_relaxed);
                n_left_.fetch_sub(1);
                each(uint32_t(i << SHIFT) + at);
            }
    }

    const int64_t row_bytes;
    const bool has_dates;
    const std::shared_ptr<std::atomic<int64_t>> n_pinned;

private:
    std::atomic<int64_t> n_left_{0};
    std::vector<std::shared_ptr<Slab>> slabs_;
};

}  // namespace perfcore::cache
