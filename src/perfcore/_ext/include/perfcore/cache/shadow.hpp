// Which of two policies would have more hits: directories of a sample of the keys, one for each, without rows.
//
//                         hash says: of the sample?
//     every get and put ------------------------------> CLOCK's directory      hits, decayed --+
//                                      |                                                       +--> the better one
//                                      +--------------> W-TinyLFU's directory  hits, decayed --+    by a margin
//
// The sample is 1 of 2, 4, ... 64 keys, so that a directory has some 1,000 entries or all of the cache's.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <vector>

#include "frequency.hpp"
#include "lists.hpp"

namespace perfcore::cache {

// A policy as one thread would run it, over hashes alone: the plain form of what the store does without locks.
class Directory {
public:
    // ``n_window`` 0: CLOCK; otherwise W-TinyLFU, by counts of the cache's own sketch.
    Directory(uint32_t n, uint32_t n_window, const Sketch& sketch)
        : n_(n), n_window_(n_window), sketch_(sketch), entries_(n), heads_(2 * n, NONE), main_(n), window_(n) {}

    void clear() {
        std::fill(heads_.begin(), heads_.end(), NONE);
        main_.head = main_.n = window_.head = window_.n = 0;
        n_used_ = 0, has_evicted_ = false;
    }

    bool touch(uint64_t hash) {
        const uint32_t id = find(hash);
        if (id == NONE) return false;
        if (entries_[id].heat < 3) entries_[id].heat++;
        return true;
    }

    void insert(uint64_t hash) {
        if (find(hash) != NONE) return;
        const uint32_t id = n_used_ < n_ ? n_used_++ : evict();
        uint32_t& head = head_of(hash);
        entries_[id] = {hash, head, 0};
        head = id;
        (n_window_ == 0 || (!has_evicted_ && window_.n >= n_window_) ? main_ : window_).push(id);
    }

    static uint64_t nbytes_for(uint32_t n) { return n * (sizeof(Entry) + 4 * sizeof(uint32_t)); }

private:
    struct Entry {
        uint64_t hash;
        uint32_t next;
        uint8_t heat;
    };
    struct Fifo {
        explicit Fifo(uint32_t size) : ids(size) {}
        void push(uint32_t id) { ids[(head + n++) % ids.size()] = id; }
        uint32_t first() const { return ids[head]; }
        uint32_t pop() {
            const uint32_t id = ids[head];
            head = (head + 1) % ids.size(), n--;
            return id;
        }
        std::vector<uint32_t> ids;
        size_t head = 0, n = 0;
    };

    uint32_t& head_of(uint64_t hash) { return heads_[high_product(hash, heads_.size())]; }
    uint32_t find(uint64_t hash) {
        uint32_t id = head_of(hash);
        while (id != NONE && entries_[id].hash != hash) id = entries_[id].next;
        return id;
    }

    uint32_t evict() {
        has_evicted_ = true;
        for (;;) {
            Fifo& queue = window_.n > 0 && (window_.n >= n_window_ || main_.n == 0) ? window_ : main_;
            const uint32_t id = queue.pop();
            Entry& entry = entries_[id];
            if (entry.heat > 0) {
                entry.heat--;
                queue.push(id);
            } else if (&queue == &window_ && beats_the_coldest(entry)) {
                main_.push(id);
            } else {
                uint32_t* link = &head_of(entry.hash);
                while (*link != id) link = &entries_[*link].next;
                *link = entry.next;
                return id;
            }
        }
    }

    bool beats_the_coldest(const Entry& candidate) {
        for (bool is_first = true; main_.n > 0; is_first = false) {
            Entry& coldest = entries_[main_.first()];
            if (coldest.heat == 0 || !is_first) {
                const bool is_more = sketch_.is_worth(candidate.hash, coldest.hash);
                if (coldest.heat == 0 || !is_more) return is_more;
            }
            coldest.heat--;
            main_.push(main_.pop());
        }
        return true;
    }

    const uint32_t n_, n_window_;
    const Sketch& sketch_;
    std::vector<Entry> entries_;
    std::vector<uint32_t> heads_;
    Fifo main_, window_;
    uint32_t n_used_ = 0;
    bool has_evicted_ = false;
};

// Whoever comes while another thread is in here leaves its requests out: it is a sample.
class Duel {
public:
    Duel(int64_t capacity, int64_t n_window, const Sketch& sketch)
        : shift_(shift_for(capacity)), n_(entries_for(capacity)),
          clock_(n_, 0, sketch), lfu_(n_, uint32_t(std::max<int64_t>(n_window >> shift_, 1)), sketch) {}

    bool is_lfu_better() const { return is_lfu_better_.load(std::memory_order_relaxed); }

    // ``found[i]`` is NONE where the cache missed.
    void got(const uint64_t* hashes, const uint32_t* found, int64_t n) {
        if (busy_.test_and_set(std::memory_order_acquire)) return;
        for (int64_t i = 0; i < n; i++)
            if (is_sampled(hashes[i])) got(hashes[i], found[i] != NONE);
        busy_.clear(std::memory_order_release);
    }

    void put(uint64_t hash) {
        if (!is_sampled(hash) || busy_.test_and_set(std::memory_order_acquire)) return;
        clock_.insert(hash);
        lfu_.insert(hash);
        busy_.clear(std::memory_order_release);
    }

    void clear() {  // in the child of a fork, where another thread may have been inside
        clock_.clear();
        lfu_.clear();
        busy_.clear();
    }

    void begin_as(const Duel& other) { is_lfu_better_.store(other.is_lfu_better(), std::memory_order_relaxed); }

    static uint64_t nbytes_for(int64_t capacity) { return 2 * Directory::nbytes_for(entries_for(capacity)); }

private:
    static int shift_for(int64_t capacity) {
        int shift = 0;
        while (shift < 6 && capacity >> shift > 2048) shift++;
        return shift;
    }
    static uint32_t entries_for(int64_t capacity) {
        return uint32_t(std::max<int64_t>(capacity >> shift_for(capacity), 1));
    }
    bool is_sampled(uint64_t hash) const { return (hash >> 24 & ((1u << shift_) - 1)) == 0; }

    // What the cache has and a directory has not is there as soon as it is asked for; anything else by its put.
    void got(uint64_t hash, bool is_hit) {
        const bool in_clock = clock_.touch(hash), in_lfu = lfu_.touch(hash);
        lead_ += int(in_lfu) - int(in_clock);
        if (is_hit && !in_clock) clock_.insert(hash);
        if (is_hit && !in_lfu) lfu_.insert(hash);
        if (++n_asked_ < n_) return;
        const double lead = double(lead_) / n_;
        leads_ = KEPT * leads_ + lead, squares_ = KEPT * squares_ + lead * lead, periods_ = KEPT * periods_ + 1;
        n_asked_ = 0, lead_ = 0;
        // A change costs hits, too: not for less than half a hit in 100 requests, nor where the periods disagree.
        if (std::abs(leads_) > LEAST * periods_ && leads_ * leads_ > SURE * squares_)
            is_lfu_better_.store(leads_ > 0, std::memory_order_relaxed);
    }

    static constexpr double KEPT = 0.98, LEAST = 0.005, SURE = 0.95;

    const int shift_;
    const uint32_t n_;
    Directory clock_, lfu_;
    uint32_t n_asked_ = 0;
    int64_t lead_ = 0;
    // How many more hits a request W-TinyLFU had, in each period of as many requests as a directory has entries; summed
    // up with what is older counting less.
    double leads_ = 0, squares_ = 0, periods_ = 0;
    std::atomic<bool> is_lfu_better_{true};
    std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

}  // namespace perfcore::cache
