// The least or the greatest of each w rows of a series, N rows at once. Of equal ones (-0.0 and 0.0) the newest.
//
// With `nexts`, the best of a row and the N - 1 before it, a window of w = q N + r rows is q of them, N rows apart, and one
// more, r rows before the oldest. Those q are a suffix of one block of q N rows and a prefix of the next one (van Herk; Gil
// and Werman), here of N rows at each step: nothing is moved across lanes, and a row costs the same for any w.
//
//     q = 3, N = 2      block before │  0 1   2 3   4 5  │  0 1   2 3 ◀ these windows      prefix: of 0 1 and 2 3
//                                    │              4 5  suffix, with those r rows before
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "isa.hpp"
#include "simd.hpp"

namespace perfcore::features {

template <bool is_max>
PERFCORE_INLINE bool is_better(double x, double other) {
    return is_max ? x > other : x < other;
}

template <bool is_max>
PERFCORE_INLINE double better(double x, double other) {  // one instruction: maxsd, minsd
    return is_better<is_max>(x, other) ? x : other;
}

template <bool is_max>
constexpr double worst() {
    return is_max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

template <bool is_max, int N>
class WindowExtrema {
public:
    // How many rows are taken at once: whole blocks; no more of them than a series of n has.
    static int64_t stride_of(int64_t w, int64_t n) {
        const int64_t block = w / N * N;
        return std::min(PIECE / block + 1, (n + block - 1) / block) * block;
    }
    // Doubles that it works in.
    static int64_t room(int64_t w, int64_t stride) { return N + stride + w / N * N; }

    WindowExtrema(int64_t w, int64_t stride, double* room)
        : block_(w / N * N), left_(w % N), stride_(stride), nexts_(room + N), suffixes_(nexts_ + stride) {
        std::fill(room, nexts_, worst<is_max>());
        std::fill(suffixes_, suffixes_ + block_, worst<is_max>());
    }

    // The next `stride` rows. The N - 1 before them lie before them; no cell is NaN.
    PERFCORE_INLINE void run(const double* cells, double* out) {
        for (int64_t j = 0; j < stride_; j += N) {
            Rows best, row;
            load(best, cells + j - N + 1);
            for (int k = N - 2; k >= 0; k--) {
                load(row, cells + j - k);
                add_newer(best, row);
            }
            store(best, nexts_ + j);
        }
        for (int64_t i = 0; i < stride_; i += block_) {
            tell(nexts_ + i, out + i);
            turn_over(nexts_ + i);
        }
        std::copy(nexts_ + stride_ - N, nexts_ + stride_, nexts_ - N);
    }

private:
    static constexpr int64_t PIECE = 256;  // rows; they and all that is made of them stay in the nearest cache

    using Rows = typename LanesOf<N>::Type;  // by reference: as values they need the instructions in each caller
    static PERFCORE_INLINE void load(Rows& rows, const double* from) { std::memcpy(&rows, from, sizeof rows); }
    static PERFCORE_INLINE void store(const Rows& rows, double* to) { std::memcpy(to, &rows, sizeof rows); }
    static PERFCORE_INLINE void add_newer(Rows& best, const Rows& rows) {
        if constexpr (is_max) best = best > rows ? best : rows;
        else best = best < rows ? best : rows;
    }
    static PERFCORE_INLINE void add_older(Rows& best, const Rows& rows) {
        if constexpr (is_max) best = rows > best ? rows : best;
        else best = rows < best ? rows : best;
    }

    // The windows that end in a block.
    PERFCORE_INLINE void tell(const double* nexts, double* out) const {
        Rows best, rows, prefix = Rows{} + worst<is_max>();
        for (int64_t j = 0; j < block_; j += N) {
            const bool is_last = j + N == block_;
            load(rows, nexts + j);
            add_newer(prefix, rows);
            load(best, is_last ? nexts - left_ : suffixes_ + j + N);
            add_newer(best, prefix);
            store(best, out + j);
        }
    }

    // The suffixes of a block, each with the rows before it that are left of w.
    PERFCORE_INLINE void turn_over(const double* nexts) {
        Rows best, rows, suffix = Rows{} + worst<is_max>();
        for (int64_t j = block_ - N; j > 0; j -= N) {
            load(rows, nexts + j);
            add_older(suffix, rows);
            load(best, nexts + j - left_);
            add_newer(best, suffix);
            store(best, suffixes_ + j);
        }
    }

    const int64_t block_, left_, stride_;  // rows
    double *const nexts_, *const suffixes_;
};

}  // namespace perfcore::features
