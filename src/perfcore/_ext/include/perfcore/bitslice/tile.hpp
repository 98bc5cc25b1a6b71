// A tile: 64 rows of a table, a column at a time: column c at tile[64 * c], rows past the last repeating it.
#pragma once

#include "plan.hpp"

namespace perfcore::bitslice {

// Cells that lie together are transposed in registers: transpose(row, to) turns the 16 bytes at each of ROWS rows into
// columns. A lambda of an instruction set's folder, so that no copy of this function serves two of them.
template <int ROWS, class Real, class Transpose>
void fill_tile(const Plan& plan, const Table& x, int64_t row, int64_t n, Real* tile, const Transpose& transpose) {
    constexpr int64_t SIZE = sizeof(Real), TOGETHER = 16 / SIZE;
    const char* row_at[64];
    for (int64_t i = 0; i < 64; ++i) row_at[i] = x.data + (row + (i < n ? i : n - 1)) * x.row_stride;
    for (const int32_t first : plan.tile_groups) {
        if (x.column_stride == SIZE && first + 4 <= plan.n_features) {
            for (int64_t c = 0; c < 4; c += TOGETHER)
                for (int group = 0; group < 64; group += ROWS) {
                    const char* piece[ROWS];
                    for (int i = 0; i < ROWS; ++i) piece[i] = row_at[group + i] + (first + c) * SIZE;
                    transpose(piece, tile + 64 * c + group);
                }
        } else {
            for (int64_t c = 0; c < 4 && first + c < plan.n_features; ++c)
                for (int i = 0; i < 64; ++i)
                    std::memcpy(tile + 64 * c + i, row_at[i] + (first + c) * x.column_stride, sizeof(Real));
        }
        tile += 4 * 64;
    }
}

// Calls bin(feature, its 64 cells, first row) for all that is asked of rows [row, row + n). Columns that lie together,
// as a data frame's do, are read where they are.
template <int ROWS, class Real, class Transpose, class Bin>
void bin_tiles(const Plan& plan, const Table& x, int64_t row, int64_t n, char* scratch, const Transpose& transpose,
               const Bin& bin) {
    int64_t first = 0;
    if (x.row_stride == sizeof(Real)) {
        for (const NumericFeature& f : plan.numeric) {
            const Real* column = reinterpret_cast<const Real*>(x.data + f.feature * x.column_stride) + row;
            for (first = 0; first + 64 <= n; first += 64) bin(f, column + first, first);
        }
        first = n - n % 64;
    }
    Real* tile = reinterpret_cast<Real*>(scratch);
    for (; first < n; first += 64) {
        fill_tile<ROWS>(plan, x, row + first, n - first, tile, transpose);
        for (const NumericFeature& f : plan.numeric) bin(f, tile + 64 * f.tile_column, first);
    }
}

}  // namespace perfcore::bitslice
