// What a table holds besides ordinary numbers, in one pass.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "forest.hpp"

namespace perfcore {

struct Found {
    bool nan, large;  // large: |cell| >= bound
};

template <typename Real>
inline void scan_some(const Real* cell, int64_t n, Real bound, Found& found) {
    for (int64_t i = 0; i < n; ++i) {
        found.nan |= std::isnan(cell[i]);
        found.large |= std::fabs(cell[i]) >= bound;
    }
}

#if defined(__GNUC__)

template <typename Real, typename Bits>
inline void scan_run(const Real* cell, int64_t n, Real bound, Found& found) {
    constexpr int64_t LANES = 16 / sizeof(Real);
    typedef Real Cells __attribute__((vector_size(16)));
    typedef Bits Masks __attribute__((vector_size(16)));
    const Masks no_sign = ~(Masks{} + (Bits{1} << (8 * sizeof(Real) - 1)));
    const Cells bounds = Cells{} + bound;
    Masks nan{}, large{};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        Cells cells;
        std::memcpy(&cells, cell + i, sizeof cells);
        nan |= reinterpret_cast<Masks>(cells != cells);
        large |= reinterpret_cast<Masks>(reinterpret_cast<Cells>(reinterpret_cast<Masks>(cells) & no_sign) >= bounds);
    }
    for (int64_t lane = 0; lane < LANES; ++lane) {
        found.nan |= nan[lane] != 0;
        found.large |= large[lane] != 0;
    }
    scan_some(cell + i, n - i, bound, found);
}

#else

template <typename Real, typename Bits>
inline void scan_run(const Real* cell, int64_t n, Real bound, Found& found) {
    scan_some(cell, n, bound, found);
}

#endif

template <typename Real, typename Bits>
inline Found scan_as(const Table& x, int64_t n_columns, Real bound) {
    constexpr int64_t SIZE = sizeof(Real);
    const auto at = [&](int64_t row, int64_t column) {
        return reinterpret_cast<const Real*>(x.data + row * x.row_stride + column * x.column_stride);
    };
    Found found{false, false};
    if (x.column_stride == SIZE && x.row_stride == n_columns * SIZE) {
        scan_run<Real, Bits>(at(0, 0), x.n * n_columns, bound, found);
    } else if (x.column_stride == SIZE) {
        for (int64_t row = 0; row < x.n; ++row) scan_run<Real, Bits>(at(row, 0), n_columns, bound, found);
    } else if (x.row_stride == SIZE) {
        for (int64_t column = 0; column < n_columns; ++column) scan_run<Real, Bits>(at(0, column), x.n, bound, found);
    } else {
        for (int64_t row = 0; row < x.n; ++row)
            for (int64_t column = 0; column < n_columns; ++column) scan_some(at(row, column), 1, bound, found);
    }
    return found;
}

inline Found scan(const Table& x, int64_t n_columns, double bound) {
    return x.is_float ? scan_as<float, uint32_t>(x, n_columns, static_cast<float>(bound))
                      : scan_as<double, uint64_t>(x, n_columns, bound);
}

}  // namespace perfcore
