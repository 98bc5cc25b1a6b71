// Sums of a few rows: leaf values in tree order, the rows' chains of additions side by side.
// Everything here is a template of Isa, so that no copy of it serves two instruction sets.
#pragma once

#include "plan.hpp"

namespace perfcore::lanes {

template <class Isa, class Real>
struct Sums {
    Real* out[ROWS_TOGETHER];   // n_outputs each
    Real one[ROWS_TOGETHER];    // the only output of each, while it is added to

    Sums(const Plan& p, Real* first, int rows) {
        for (int r = 0; r < ROWS_TOGETHER; ++r) {
            out[r] = first + static_cast<int64_t>(r < rows ? r : 0) * p.n_outputs;
            one[r] = *reinterpret_cast<const Real*>(p.base);
        }
        for (int r = 0; r < rows; ++r) std::memcpy(out[r], p.base, p.n_outputs * sizeof(Real));
    }
};

// Trees [begin, end); leaf(row, tree) is a leaf's place among the values.
template <int ROWS, class Isa, class Real, class Leaf>
inline void add(const Plan& p, int64_t begin, int64_t end, Sums<Isa, Real>& sums, const Leaf& leaf) {
    const Real* values = reinterpret_cast<const Real*>(p.values);
    if (p.n_outputs == 1) {
        Real one[ROWS];
        for (int r = 0; r < ROWS; ++r) one[r] = sums.one[r];
        int64_t t = begin;
        for (; t + 8 <= end; t += 8)  // spelled out: a loop's own instructions would keep later steps from starting
            for (int r = 0; r < ROWS; ++r) {
                one[r] += values[leaf(r, t)];
                one[r] += values[leaf(r, t + 1)];
                one[r] += values[leaf(r, t + 2)];
                one[r] += values[leaf(r, t + 3)];
                one[r] += values[leaf(r, t + 4)];
                one[r] += values[leaf(r, t + 5)];
                one[r] += values[leaf(r, t + 6)];
                one[r] += values[leaf(r, t + 7)];
            }
        for (; t < end; ++t)
            for (int r = 0; r < ROWS; ++r) one[r] += values[leaf(r, t)];
        for (int r = 0; r < ROWS; ++r) sums.one[r] = one[r];
    } else if (p.leaf_width == 1) {
        for (int64_t t = begin; t < end; ++t)
            for (int r = 0; r < ROWS; ++r) sums.out[r][p.output[t]] += values[leaf(r, t)];
    } else {
        for (int64_t t = begin; t < end; ++t)
            for (int r = 0; r < ROWS; ++r) {
                const Real* value = values + static_cast<int64_t>(leaf(r, t)) * p.leaf_width;
                for (int32_t k = 0; k < p.n_outputs; ++k) sums.out[r][k] += value[k];
            }
    }
}

template <class Isa, class Real>
inline void finish(const Plan& p, const Sums<Isa, Real>& sums, int rows) {
    if (p.n_outputs == 1)
        for (int r = 0; r < rows; ++r) sums.out[r][0] = sums.one[r];
}

}  // namespace perfcore::lanes
