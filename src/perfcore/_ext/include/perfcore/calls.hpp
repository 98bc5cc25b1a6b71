// How often a predictor was called, for how many rows, and how long calls take: one call in 64 is timed.
//
//   calls, rows, failed       every call counts
//   buckets[120]              timed calls by how long they took: four buckets an octave, from 128 ns to 137 s
//
// All threads that call a predictor count together, holding Python's lock, and whoever reads does so at any time: a
// call's numbers may be there in part for a moment, none is ever lost.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace perfcore {

class Calls {
  public:
    static constexpr int n_buckets = 120;
    static constexpr int64_t one_in = 64;

    // When a call began, for count(); 0: it is none of those timed.
    int64_t begin() const noexcept { return (get(calls_) & (one_in - 1)) == 0 ? now() : 0; }

    // A call that was answered, for a row, or a table of so many.
    void count_row(int64_t began) noexcept {
        add(calls_, 1);
        if (began != 0) time(now() - began);
    }
    void count_table(int64_t began, int64_t n) noexcept {
        add(tables_, 1);
        add(rows_, n);
        count_row(began);
    }
    // A call that raised.
    void count_failed() noexcept { add(failed_, 1); }

    int64_t calls() const noexcept { return get(calls_); }
    // Those of tables, and a row for each call of one.
    int64_t rows() const noexcept { return get(rows_) + get(calls_) - get(tables_); }
    int64_t failed() const noexcept { return get(failed_); }
    int64_t nanoseconds() const noexcept { return get(nanoseconds_); }  // of the calls that were timed
    int64_t bucket(int i) const noexcept { return get(buckets_[i]); }

    // Nanoseconds at which bucket i ends; the last one has no end.
    static int64_t end_of(int i) noexcept { return (int64_t{4} + (i & 3) + 1) << (5 + (i >> 2)); }

    void clear() noexcept {
        for (auto* each : {&calls_, &tables_, &rows_, &failed_, &nanoseconds_}) each->store(0);
        for (auto& each : buckets_) each.store(0);
    }

  private:
    using Count = std::atomic<int64_t>;

    // Whoever counts holds the GIL, where there is one; an addition locked against others takes 6 ns.
    static void add(Count& count, int64_t n) noexcept {
#ifdef Py_GIL_DISABLED
        count.fetch_add(n, std::memory_order_relaxed);
#else
        count.store(get(count) + n, std::memory_order_relaxed);
#endif
    }
    static int64_t get(const Count& count) noexcept { return count.load(std::memory_order_relaxed); }
    static int64_t now() noexcept {
        using namespace std::chrono;
        return duration_cast<std::chrono::nanoseconds>(steady_clock::now().time_since_epoch()).count();
    }

    void time(int64_t nanoseconds) noexcept {
        add(nanoseconds_, nanoseconds);
        int i = 0;
        for (int step = 64; step > 0; step >>= 1)  // the first bucket that ends behind it
            if (i + step < n_buckets && nanoseconds >= end_of(i + step - 1)) i += step;
        add(buckets_[i], 1);
    }

    Count calls_{0}, tables_{0}, rows_{0}, failed_{0}, nanoseconds_{0};
    std::array<Count, n_buckets> buckets_{};
};

}  // namespace perfcore
