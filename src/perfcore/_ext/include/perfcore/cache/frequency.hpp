// What is remembered of keys that are not there: how often they came (a sketch), and that they left lately (a ghost).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "keys.hpp"

namespace perfcore::cache {

// A count-min sketch of 4-bit counters, 16 for each entry of the cache, halved after ten additions for each. A key has
// four of them, in one line of the processor's cache; an addition raises the least of them alone (Estan and Varghese's
// conservative update). Those that race may be lost: the counts are estimates.
class Sketch {
public:
    explicit Sketch(int64_t capacity)
        : n_lines_(lines_for(capacity)), period_(10 * 8 * n_lines_),
          lines_(new Line[n_lines_]()) {}

    void add(uint64_t hash) {
        Line& line = line_of(hash);
        uint64_t values[4], counts[4], least = 15;
        for (int i = 0; i < 4; i++) {
            values[i] = line.words[word_of(hash, i)].load(std::memory_order_relaxed);
            counts[i] = values[i] >> shift_of(hash, i) & 15;
            least = std::min(least, counts[i]);
        }
        if (least == 15) return;
        for (int i = 0; i < 4; i++)  // whichever are the least is not to be guessed: no branch
            line.words[word_of(hash, i)].store(values[i] + (uint64_t(counts[i] == least) << shift_of(hash, i)),
                                               std::memory_order_relaxed);
        const uint64_t added = added_.load(std::memory_order_relaxed) + 1;
        added_.store(added, std::memory_order_relaxed);
        if (added >= period_ && added_.exchange(period_ / 2, std::memory_order_relaxed) >= period_) halve();
    }

    int count(uint64_t hash) const {
        int least = 15;
        for (int i = 0; i < 4; i++) {
            const uint64_t value = line_of(hash).words[word_of(hash, i)].load(std::memory_order_relaxed);
            least = std::min(least, int(value >> shift_of(hash, i) & 15));
        }
        return least;
    }

    // Whether one key is worth another's place: the one that came has just been counted, and the other will be when its
    // turn comes, so that one more alone is no reason. In a loop larger than the cache all would change places
    // otherwise.
    bool is_worth(uint64_t hash, uint64_t other) const { return count(hash) > count(other) + 1; }

    static uint64_t nbytes_for(int64_t capacity) { return lines_for(capacity) * sizeof(Line); }

private:
    struct alignas(64) Line {
        std::atomic<uint64_t> words[8];
    };

    static uint64_t lines_for(int64_t capacity) { return uint64_t(std::max<int64_t>(capacity, 8) + 7) / 8; }

    // Five bits of the hash for each of the four: two words of 16 counters are one's own.
    Line& line_of(uint64_t hash) const { return lines_[high_product(hash, n_lines_)]; }
    static int word_of(uint64_t hash, int i) { return 2 * i + int(hash >> (5 * i + 4) & 1); }
    static int shift_of(uint64_t hash, int i) { return 4 * int(hash >> (5 * i) & 15); }

    void halve() {
        for (uint64_t i = 0; i < n_lines_; i++)
            for (auto& word : lines_[i].words) {
                const uint64_t value = word.load(std::memory_order_relaxed);
                word.store(value >> 1 & 0x7777777777777777ULL, std::memory_order_relaxed);
            }
    }

    const uint64_t n_lines_, period_;
    const std::unique_ptr<Line[]> lines_;
    std::atomic<uint64_t> added_{0};
};

// The last ``n`` keys that left, by 31 bits of their hash, each in one of two buckets of eight, and in the order in
// which they left. Threads that race may lose one of them: it is a hint.
class Ghost {
public:
    explicit Ghost(int64_t n)
        : n_(std::max<int64_t>(n, 1)), n_order_(order_for(n_)), n_buckets_(buckets_for(n_)),
          cells_(new std::atomic<uint64_t>[n_buckets_ * 8]()), order_(new std::atomic<uint64_t>[n_order_]()) {}

    void add(uint64_t hash) {
        const uint64_t at = added_.fetch_add(1, std::memory_order_relaxed);
        if (place_for(hash, at).exchange(its_cell(hash, at), std::memory_order_relaxed) == 0)
            n_held_.fetch_add(1, std::memory_order_relaxed);
        order_[at % n_order_].store(hash, std::memory_order_relaxed);
        while (n_held_.load(std::memory_order_relaxed) > n_ || added_.load() >= left_.load() + n_order_) {
            uint64_t oldest = left_.load(std::memory_order_relaxed);
            if (oldest > at) return;
            if (!left_.compare_exchange_strong(oldest, oldest + 1, std::memory_order_relaxed)) continue;
            const uint64_t its = order_[oldest % n_order_].load(std::memory_order_relaxed);
            forget(its, [&](uint64_t found) { return found == its_cell(its, oldest); });
        }
    }

    // Whether a key is among them; it is no longer, then.
    bool remove(uint64_t hash) {
        return forget(hash, [&](uint64_t found) { return found >> 32 == its_cell(hash, 0) >> 32; });
    }

    static uint64_t nbytes_for(int64_t n) { return (buckets_for(n) * 8 + order_for(n)) * 8; }

private:
    static uint64_t order_for(int64_t n) { return 2 * uint64_t(n); }
    static uint64_t buckets_for(int64_t n) { return uint64_t(n) / 4 + 1; }
    static uint64_t its_cell(uint64_t hash, uint64_t at) { return (hash | 1) << 32 | uint32_t(at); }
    std::atomic<uint64_t>* bucket_of(uint64_t hash, int which) const {
        return &cells_[8 * high_product(which == 0 ? hash : hash * 0x9e3779b97f4a7c15ULL, n_buckets_)];
    }

    // An empty cell of the emptier bucket; where both are full, that of the oldest key.
    std::atomic<uint64_t>& place_for(uint64_t hash, uint64_t at) {
        std::atomic<uint64_t>* empty = nullptr;
        std::atomic<uint64_t>* oldest = bucket_of(hash, 0);
        int most = 0;
        for (int which = 0; which < 2; which++) {
            std::atomic<uint64_t>* bucket = bucket_of(hash, which);
            int n_empty = 0;
            for (int i = 0; i < 8; i++) {
                const uint64_t its = bucket[i].load(std::memory_order_relaxed);
                if (its == 0 && ++n_empty > most) empty = &bucket[i];
                if (uint32_t(at) - uint32_t(its) > uint32_t(at) - uint32_t(oldest->load(std::memory_order_relaxed)))
                    oldest = &bucket[i];
            }
            most = std::max(most, n_empty);
        }
        return empty != nullptr ? *empty : *oldest;
    }

    template <class Is>
    bool forget(uint64_t hash, Is is) {
        for (int i = 0; i < 16; i++) {
            std::atomic<uint64_t>& cell = bucket_of(hash, i / 8)[i % 8];
            uint64_t found = cell.load(std::memory_order_relaxed);
            if (found == 0 || !is(found) || !cell.compare_exchange_strong(found, 0)) continue;
            n_held_.fetch_sub(1, std::memory_order_relaxed);
            return true;
        }
        return false;
    }

    const int64_t n_;
    const uint64_t n_order_, n_buckets_;
    const std::unique_ptr<std::atomic<uint64_t>[]> cells_, order_;
    std::atomic<uint64_t> added_{0}, left_{0};
    std::atomic<int64_t> n_held_{0};
};

}  // namespace perfcore::cache
