// Sums of weighted cells in float32, in the order of columns, absent cells left out: XGBoost's GBLinear::Pred.
#pragma once

#include <cstdint>

#include "forest.hpp"
#include "threads.hpp"

namespace perfcore {

struct OrderedSum {
    const float* start;   // [n_outputs]
    const float* weight;  // [n_features][n_outputs]
    int64_t n_features, n_outputs;
    float missing;  // a cell of this value is absent, as one of NaN is
};

constexpr int64_t SUM_LANES = 16;  // rows at a time: their sums wait for one another's columns, not for their own
constexpr int64_t SUM_PIECE = 1024;

// Rows [begin, begin + n) of one output, n at most SUM_LANES.
template <typename Real>
inline void sum_lanes(const OrderedSum& sum, const Table& x, int64_t begin, int64_t n, int64_t output, float* out) {
    float lane[SUM_LANES];
    for (int64_t i = 0; i < n; ++i) lane[i] = sum.start[output];
    for (int64_t column = 0; column < sum.n_features; ++column) {
        const float weight = sum.weight[column * sum.n_outputs + output];
        const char* at = x.data + begin * x.row_stride + column * x.column_stride;
        for (int64_t i = 0; i < n; ++i, at += x.row_stride) {
            const float cell = static_cast<float>(*reinterpret_cast<const Real*>(at));
            const float next = lane[i] + cell * weight;
            lane[i] = cell != cell || cell == sum.missing ? lane[i] : next;
        }
    }
    for (int64_t i = 0; i < n; ++i) out[(begin + i) * sum.n_outputs + output] = lane[i];
}

template <typename Real>
inline Status sum_rows(const OrderedSum& sum, const Table& x, float* out, int n_threads) {
    ScratchPool pool{0};
    return in_pieces(x.n, SUM_PIECE, n_threads, pool, [&](int64_t begin, int64_t end, char*) {
        for (int64_t row = begin; row < end; row += SUM_LANES)
            for (int64_t output = 0; output < sum.n_outputs; ++output)
                sum_lanes<Real>(sum, x, row, end - row < SUM_LANES ? end - row : SUM_LANES, output, out);
    });
}

// Sums of all rows into out[row * n_outputs + output].
inline Status ordered_sum(const OrderedSum& sum, const Table& x, float* out, int n_threads) {
    return x.is_float ? sum_rows<float>(sum, x, out, n_threads) : sum_rows<double>(sum, x, out, n_threads);
}

}  // namespace perfcore
