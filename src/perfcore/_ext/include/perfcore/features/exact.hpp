// Sums that nothing rounds, so that any order of adding and subtracting gives the same bits: a batch's windows take
// cells in and let them go again, where the steps have their two stacks (window.hpp).
//
// Cells that are multiples of some power of two q, and whose magnitudes together are less than 2^52 q, have such sums:
// whole numbers, 0 and 1, and also float32 of like size, as 0.15f is a multiple of 2^-26.
#pragma once

#include <algorithm>
#include <cmath>

#include "of_cells.hpp"

namespace perfcore::features {

// The greatest magnitude; NaN have none.
inline double greatest(const double* cells, int64_t n) {
    constexpr int64_t AT_ONCE = 4;  // as one comparison waits for the one before
    double most[AT_ONCE] = {};
    const auto take = [&](int64_t i, int64_t k) {
        const double x = std::fabs(cells[i]);
        most[k] = x > most[k] ? x : most[k];
    };
    int64_t i = 0;
    for (; i + AT_ONCE <= n; i += AT_ONCE)
        for (int64_t k = 0; k < AT_ONCE; k++) take(i + k, k);
    for (; i < n; i++) take(i, 0);
    return *std::max_element(most, most + AT_ONCE);
}

// Of cells and of missing ones. Infinity, a NaN that is no missing cell and -0.0, whose sum with itself has a sign that
// none has from which it was taken away, are none of these.
inline bool are_sums_exact(const double* cells, int64_t n, bool nan_is_missing) {
    uint64_t odd = 0;
    const double most = greatest(cells, n);
    if (!nan_is_missing)
        for (int64_t i = 0; i < n; i++) odd |= cells[i] != cells[i] && bits_of(cells[i]) != MISSING_BITS;
    const double all = most * double(n);
    if (odd != 0 || all > 1e290 || (all < 1e-290 && all != 0)) return false;
    uint64_t exponent = bits_of(all) & 0x7FF0000000000000;
    double to_quanta;
    std::memcpy(&to_quanta, &exponent, sizeof to_quanta);
    to_quanta *= 3;  // sums are less than two thirds of it; beside it, cells are rounded to a 2^52nd of these
    for (int64_t i = 0; i < n; i++) odd |= bits_of(cells[i]) ^ bits_of((cells[i] + to_quanta) - to_quanta);
    return odd == 0;
}

// What `Say` tells of windows of cells whose sums are exact. M: Total, or Counted, which has no other.
template <typename M, typename Say>
class ExactSums {
public:
    ExactSums(const Spec& spec, const Window&) : say_(spec), span_(spec), nan_is_missing_(spec.nan_is_missing) {}

    // False: they are not exact, and nothing is told.
    bool run(const Series& series, double* out) const {
        const double* cells = series.columns[0];
        for (const int64_t n : {std::min(series.n, FEW_CELLS), series.n})
            if (!TAKES_MISSING<M> && !are_sums_exact(cells, n, nan_is_missing_)) return false;
        if (span_.time != 0) of_time(cells, series.times, series.n, out);
        else of_rows(cells, series.n, out);
        return true;
    }

private:
    static constexpr int64_t FEW_CELLS = 16;  // of which most series show that their sums are rounded

    // What a row adds.
    typename M::Kept of_row(double x) const {
        const bool is_there = !is_missing(x, nan_is_missing_);
        if constexpr (TAKES_MISSING<M>) return {1.0, is_there ? 1.0 : 0.0};
        else return {is_there ? 1.0 : 0.0, {is_there ? x : 0.0}};
    }
    static void add(typename M::Kept& held, const typename M::Kept& in, const typename M::Kept& out) {
        held.n += in.n - out.n;
        if constexpr (TAKES_MISSING<M>) held.there += in.there - out.there;
        else held.parts.sum += in.parts.sum - out.parts.sum;
    }
    double said(const typename M::Kept& held, const double* cells) const { return say_(Held<M>{held, {}}, cells); }

    void of_rows(const double* cells, int64_t n, double* out) const {
        const int64_t size = span_.rows == 0 ? n : span_.size(), delay = !span_.with_present;
        typename M::Kept held{};
        for (int64_t i = 0; i < n; i++) {
            const int64_t in = i - delay, gone = in - size;
            if (in >= 0) add(held, of_row(cells[in]), gone >= 0 ? of_row(cells[gone]) : typename M::Kept{});
            out[i] = said(held, cells + i);
        }
    }
    void of_time(const double* cells, const int64_t* times, int64_t n, double* out) const {
        typename M::Kept held{};
        int64_t oldest = 0, entering = 0;
        for (int64_t i = 0; i < n; i++) {
            for (; entering < i && span_.is_in(times[entering], times[i]); entering++)
                add(held, of_row(cells[entering]), {});
            if (span_.with_present) add(held, of_row(cells[entering++]), {});
            for (; oldest < entering && span_.is_out(oldest, times[oldest], i, times[i]); oldest++)
                add(held, {}, of_row(cells[oldest]));
            out[i] = said(held, cells + i);
        }
    }

    const Say say_;
    const Span span_;
    const bool nan_is_missing_;
};

// A window of sums: `Base` where they are rounded.
template <typename Base, typename M, typename Say>
class Summed final : public Base {
public:
    Summed(const Spec& spec, const Window& window) : Base(spec, window), exact_(spec, window) {}
    void run(const Series& series, double* const* out, State& scratch) const override {
        if (!exact_.run(series, out[0])) Base::run(series, out, scratch);
    }

private:
    const ExactSums<M, Say> exact_;
};

}  // namespace perfcore::features
