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

}  // namespace perfcore::bitslice
