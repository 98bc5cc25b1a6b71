// Products of columns, each of one that is there already and a column of the table.
#pragma once

#include <cstdint>
#include <vector>

namespace perfcore::transforms {

constexpr int64_t POLYNOMIAL_TILE = 64;  // rows at a time: a few hundred columns of them lie in the second-level cache

// Column c of all is the left one of these times column `right` of the table; left -1: the column itself; right -1: 1.
struct Monomial {
    int32_t left, right;
};

// Writes the columns from `first` on; a bias, which is the first of all, is kept where `keeps_bias`. Steps in elements.
template <typename Real>
inline void products(const std::vector<Monomial>& columns, const Real* x, int64_t x_row, int64_t x_column, int64_t n_rows,
                     int64_t first, bool keeps_bias, Real* out, int64_t row_step, int64_t column_step) {
    std::vector<Real> made(columns.size() * POLYNOMIAL_TILE);
    for (int64_t row = 0; row < n_rows; row += POLYNOMIAL_TILE) {
        const int64_t n = n_rows - row < POLYNOMIAL_TILE ? n_rows - row : POLYNOMIAL_TILE;
        const Real* from = x + row * x_row;
        for (size_t c = 0; c < columns.size(); ++c) {
            Real* to = made.data() + c * POLYNOMIAL_TILE;
            const Monomial& of = columns[c];
            const Real* right = from + of.right * x_column;
            if (of.right < 0) {
                for (int64_t i = 0; i < n; ++i) to[i] = 1;
            } else if (of.left < 0) {
                for (int64_t i = 0; i < n; ++i) to[i] = right[i * x_row];
            } else {
                // Not of the table: a column of single powers is made before what is made of it.
                const Real* left = made.data() + of.left * POLYNOMIAL_TILE;
                for (int64_t i = 0; i < n; ++i) to[i] = left[i] * right[i * x_row];
            }
        }
        Real* to = out + row * row_step;
        if (keeps_bias) {
            for (int64_t i = 0; i < n; ++i) to[i * row_step] = 1;
            to += column_step;
        }
        for (size_t c = first; c < columns.size(); ++c, to += column_step)
            for (int64_t i = 0; i < n; ++i) to[i * row_step] = made[c * POLYNOMIAL_TILE + i];
    }
}

}  // namespace perfcore::transforms
