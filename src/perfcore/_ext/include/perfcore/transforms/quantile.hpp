// Where cells lie among quantiles: numpy.interp from below and from above, and their mean, as scikit-learn's
// QuantileTransformer takes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace perfcore::transforms {

// numpy/_core/src/multiarray/compiled_base.c, arr_interp, of one number that is not NaN.
inline double interpolated(double x, const double* at, const double* value, int64_t n) {
    if (x > at[n - 1]) return value[n - 1];
    const int64_t j = std::upper_bound(at, at + n, x) - at - 1;
    if (j < 0) return value[0];
    if (j == n - 1 || at[j] == x) return value[j];
    const double slope = (value[j + 1] - value[j]) / (at[j + 1] - at[j]);
    double y = slope * (x - at[j]) + value[j];
    if (y != y) {
        y = slope * (x - at[j + 1]) + value[j + 1];
        if (y != y && value[j] == value[j + 1]) y = value[j];
    }
    return y;
}

// The four arrays have n numbers each; below, above: the quantiles and references, and these reversed and negated.
struct Quantiles {
    const double *below, *below_value, *above, *above_value;
    int64_t n;
};

// A column, in place. `threshold`: how near to an end a cell counts as at it; 0: only there.
template <typename Real>
inline void ranks(const Quantiles& q, Real threshold, int64_t n_rows, Real* x, int64_t step) {
    const double low = q.below[0], high = q.below[q.n - 1];
    for (int64_t i = 0; i < n_rows; ++i) {
        const Real cell = x[i * step];
        if (cell != cell) continue;
        const bool is_low = threshold > 0 ? static_cast<double>(cell - threshold) < low : cell == low;
        const bool is_high = threshold > 0 ? static_cast<double>(cell + threshold) > high : cell == high;
        if (is_low || is_high) {
            x[i * step] = is_low ? 0 : 1;
            continue;
        }
        const double upwards = interpolated(cell, q.below, q.below_value, q.n);
        const double downwards = interpolated(-cell, q.above, q.above_value, q.n);
        x[i * step] = static_cast<Real>(0.5 * (upwards - downwards));
    }
}

}  // namespace perfcore::transforms
