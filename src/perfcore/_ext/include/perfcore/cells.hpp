// What a table holds besides ordinary numbers: one pass, no branch, so that compilers vectorise it.
#pragma once

#include <cmath>
#include <cstdint>

#include "forest.hpp"

namespace perfcore {

struct Found {
    bool nan, large;  // large: |cell| >= bound
};

template <typename Real, typename Bits>
inline void scan_run(const Real* cell, int64_t n, Real bound, Bits& nan, Bits& large) {
    Bits any_nan = 0, any_large = 0;
    for (int64_t i = 0; i < n; ++i) {
        any_nan |= cell[i] != cell[i] ? ~Bits{0} : Bits{0};
        any_large |= std::fabs(cell[i]) >= bound ? ~Bits{0} : Bits{0};
    }
    nan |= any_nan;
    large |= any_large;
}

template <typename Real, typename Bits>
inline Found scan_as(const Table& x, int64_t n_columns, Real bound) {
    constexpr int64_t SIZE = sizeof(Real);
    const auto at = [&](int64_t row, int64_t column) {
        return reinterpret_cast<const Real*>(x.data + row * x.row_stride + column * x.column_stride);
    };
    Bits nan = 0, large = 0;
    if (x.column_stride == SIZE) {
        for (int64_t row = 0; row < x.n; ++row) scan_run(at(row, 0), n_columns, bound, nan, large);
    } else if (x.row_stride == SIZE) {
        for (int64_t column = 0; column < n_columns; ++column) scan_run(at(0, column), x.n, bound, nan, large);
    } else {
        for (int64_t row = 0; row < x.n; ++row)
            for (int64_t column = 0; column < n_columns; ++column) scan_run(at(row, column), 1, bound, nan, large);
    }
    return {nan != 0, large != 0};
}

inline Found scan(const Table& x, int64_t n_columns, double bound) {
    return x.is_float ? scan_as<float, uint32_t>(x, n_columns, static_cast<float>(bound))
                      : scan_as<double, uint64_t>(x, n_columns, bound);
}

}  // namespace perfcore
