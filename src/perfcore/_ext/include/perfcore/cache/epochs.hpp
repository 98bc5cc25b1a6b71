// Epochs: when what was unlinked can no longer be reached, and may be used anew.
//
// A thread opens a section before it follows links, and closes it once it holds none. What it unlinks is retired with
// the global epoch g of that moment. The epoch advances from e to e + 1 only while every open section is of e, so that
// at g + 2 nobody is left who could have seen it:
//
//     global      g            g + 1              g + 2
//                 | retired      | still held by    | free: all sections of g are closed, those of g + 1 began
//                                | sections of g    | after it was unlinked
//
// Nobody waits: a section that stays open only keeps what was retired from coming back.
#pragma once

#include <atomic>
#include <cstdint>

namespace perfcore::cache {

enum Count : int {
    HITS, MISSES, EXPIRED, INSERTS, UPDATES, OLDER, REJECTED, EVICTED_CAPACITY, EVICTED_EXPIRED, EVICTED_SHRINK,
    DELETED, SKIPPED_PINNED, N_COUNTS
};

// A thread's while it has a section open, then anyone's: the section, and counters that only its holder adds to.
struct alignas(128) Record {
    std::atomic<uint64_t> section{0};  // the epoch of the open section, with WRITES; 0: none is open
    std::atomic<uint64_t> counts[N_COUNTS] = {};
    Record* next = nullptr;

    void add(Count which, uint64_t n = 1) {
        auto& count = counts[which];
        count.store(count.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
};

class Epochs {
public:
    static constexpr uint64_t WRITES = uint64_t(1) << 63;

    Epochs() = default;
    Epochs(const Epochs&) = delete;
    Epochs& operator=(const Epochs&) = delete;

    ~Epochs() {
        for (Record* record = records_.load(); record != nullptr;) {
            Record* next = record->next;
            delete record;
            record = next;
        }
    }

    Record* open(uint64_t flags) {
        Record* record = claim(flags);
        settle(record, flags);
        return record;
    }

    void close(Record* record) { record->section.store(0, std::memory_order_release); }

    // Between two keys, when no link is held: as if the section had been closed and opened.
    void renew(Record* record) { settle(record, record->section.load(std::memory_order_relaxed) & WRITES); }

    uint64_t now() const { return global_.load(std::memory_order_seq_cst); }

    // Whether this thread advanced the epoch from that of its own section. The epoch cannot advance again until the
    // section is renewed or closed, so whoever advances has what was retired in the epoch before to itself.
    bool advance(const Record* own) {
        uint64_t epoch = own->section.load(std::memory_order_relaxed) & ~WRITES;
        if (now() != epoch) return false;
        for (const Record* each = records_.load(std::memory_order_seq_cst); each != nullptr; each = each->next) {
            const uint64_t section = each->section.load(std::memory_order_seq_cst) & ~WRITES;
            if (section != 0 && section != epoch) return false;
        }
        return global_.compare_exchange_strong(epoch, epoch + 1, std::memory_order_seq_cst);
    }

    bool is_writing() const {
        for (const Record* each = records_.load(std::memory_order_seq_cst); each != nullptr; each = each->next)
            if (each->section.load(std::memory_order_seq_cst) & WRITES) return true;
        return false;
    }

    uint64_t total(Count which) const {
        uint64_t sum = 0;
        for (const Record* each = records_.load(std::memory_order_seq_cst); each != nullptr; each = each->next)
            sum += each->counts[which].load(std::memory_order_relaxed);
        return sum;
    }

    void forget_sections() {  // in the child of a fork, where the threads that had them are gone
        for (Record* each = records_.load(); each != nullptr; each = each->next) each->section.store(0);
    }

private:
    // As many records as threads ever were inside at once; a thread tries the one it had before first.
    Record* claim(uint64_t flags) {
        thread_local Record* last = nullptr;
        thread_local const Epochs* of = nullptr;
        thread_local uint64_t serial = 0;
        if (of == this && serial == serial_ && take(last, flags)) return last;
        Record* record = records_.load(std::memory_order_acquire);
        while (record != nullptr && !take(record, flags)) record = record->next;
        if (record == nullptr) {
            record = new Record;
            record->section.store(now() | flags, std::memory_order_relaxed);
            record->next = records_.load(std::memory_order_relaxed);
            while (!records_.compare_exchange_weak(record->next, record, std::memory_order_seq_cst)) {}
        }
        last = record, of = this, serial = serial_;
        return record;
    }

    bool take(Record* record, uint64_t flags) {
        uint64_t none = 0;
        return record->section.load(std::memory_order_relaxed) == 0 &&
               record->section.compare_exchange_strong(none, now() | flags, std::memory_order_acq_rel);
    }

    void settle(Record* record, uint64_t flags) {
        uint64_t epoch;
        do {
            epoch = now();
            record->section.store(epoch | flags, std::memory_order_seq_cst);
        } while (now() != epoch);
        // What was unlinked before the epoch began is not seen by any load that follows.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }

    static uint64_t next_serial() {
        static std::atomic<uint64_t> serials{0};
        return serials.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    std::atomic<uint64_t> global_{3};
    std::atomic<Record*> records_{nullptr};
    const uint64_t serial_ = next_serial();  // another cache may come to lie where one was
};

}  // namespace perfcore::cache
