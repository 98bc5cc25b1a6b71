// CatBoost's counter features (CTR): for the categories of a row, numbers that were counted in training.
//
// The categories of a projection, and the answers to its yes-or-no questions, become one key; tables say at which place
// of theirs a key lies; a counter has a number for each place, and one more for keys that the table does not have.
//
//     projection ──▶ key ──▶ tables ──▶ place ──▶ counters ──▶ cell
//
// static_ctr_provider.cpp, CalcCtrs; ctr_provider.h, CalcHashes; dense_hash_view.h, GetIndex.
#pragma once

#include <cmath>
#include <cstdint>

namespace perfcore::counters {

struct Counters {
    int64_t n_values, n_projections;
    const int32_t* value_category;  // one-hot features: a cell is 1 where the category's hash is the value
    const uint32_t* value_hash;

    // Of projection p: categories, floats (cell > border) and values (hash == value), each from start[p] to start[p + 1]
    const int64_t *category_start, *float_start, *match_start;
    const int32_t *category, *float_column, *match_category;
    const float* float_border;
    const uint8_t* float_nan;  // the answer where the cell is NaN
    const uint32_t* match_hash;

    const int64_t *table_start;   // projection -> tables
    const int64_t *bucket_start;  // table -> buckets, a power of two of them, one at least free
    const uint64_t* bucket_key;   // FREE where nothing lies
    const uint32_t* bucket_place;
    const int64_t *counter_start, *place_start;  // table -> counters; counter -> its numbers, the last for unknown keys
    const float* number;

    static constexpr uint64_t FREE = ~uint64_t{0};
};

inline uint64_t combined(uint64_t key, uint64_t with) {
    constexpr uint64_t MAGIC = 0x4906ba494954cb65u;
    return MAGIC * (key + MAGIC * with);
}

constexpr int64_t ROWS = 256;

// Rows whose cells of one column lie end to end: `stride` apart the columns, `n` the rows.
struct Rows {
    const uint32_t* hash;  // of the categories
    float* cell;           // the floats; after them come one column a value, one a counter
    int64_t stride, n, n_floats;
};

inline void keys_of(const Counters& c, int64_t p, const Rows& rows, int64_t from, int64_t n, uint64_t* key) {
    for (int64_t i = 0; i < n; ++i) key[i] = 0;
    for (int64_t k = c.category_start[p]; k < c.category_start[p + 1]; ++k) {
        const uint32_t* hash = rows.hash + c.category[k] * rows.stride + from;
        // A hash is a signed number there.
        for (int64_t i = 0; i < n; ++i)
            key[i] = combined(key[i], static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(hash[i]))));
    }
    for (int64_t k = c.float_start[p]; k < c.float_start[p + 1]; ++k) {
        const float* cell = rows.cell + c.float_column[k] * rows.stride + from;
        const float border = c.float_border[k];
        const bool nan = c.float_nan[k] != 0;
        for (int64_t i = 0; i < n; ++i) key[i] = combined(key[i], cell[i] > border || (nan && std::isnan(cell[i])));
    }
    for (int64_t k = c.match_start[p]; k < c.match_start[p + 1]; ++k) {
        const uint32_t* hash = rows.hash + c.match_category[k] * rows.stride + from;
        for (int64_t i = 0; i < n; ++i) key[i] = combined(key[i], hash[i] == c.match_hash[k]);
    }
}

// The place of each key in table t, or `unknown`.
inline void places_of(const Counters& c, int64_t t, const uint64_t* key, int64_t n, uint32_t unknown, uint32_t* place) {
    const uint64_t mask = static_cast<uint64_t>(c.bucket_start[t + 1] - c.bucket_start[t]) - 1;
    const uint64_t* keys = c.bucket_key + c.bucket_start[t];
    const uint32_t* places = c.bucket_place + c.bucket_start[t];
    for (int64_t i = 0; i < n; ++i) {
        uint64_t at = key[i] & mask;
        while (keys[at] != key[i] && keys[at] != Counters::FREE) at = (at + 1) & mask;
        place[i] = keys[at] == Counters::FREE ? unknown : places[at];
    }
}

inline void fill(const Counters& c, const Rows& rows) {
    float* const values = rows.cell + rows.n_floats * rows.stride;
    float* const numbers = values + c.n_values * rows.stride;
    uint64_t key[ROWS];
    uint32_t place[ROWS];
    for (int64_t from = 0; from < rows.n; from += ROWS) {
        const int64_t n = rows.n - from < ROWS ? rows.n - from : ROWS;
        for (int64_t v = 0; v < c.n_values; ++v) {
            const uint32_t* hash = rows.hash + c.value_category[v] * rows.stride + from;
            float* to = values + v * rows.stride + from;
            for (int64_t i = 0; i < n; ++i) to[i] = hash[i] == c.value_hash[v] ? 1.0f : 0.0f;
        }
        for (int64_t p = 0; p < c.n_projections; ++p) {
            keys_of(c, p, rows, from, n, key);
            for (int64_t t = c.table_start[p]; t < c.table_start[p + 1]; ++t) {
                const int64_t first = c.counter_start[t], last = c.counter_start[t + 1];
                if (first == last) continue;
                const int64_t unknown = c.place_start[first + 1] - c.place_start[first] - 1;
                places_of(c, t, key, n, static_cast<uint32_t>(unknown), place);
                for (int64_t k = first; k < last; ++k) {
                    const float* number = c.number + c.place_start[k];
                    float* to = numbers + k * rows.stride + from;
                    for (int64_t i = 0; i < n; ++i) to[i] = number[place[i]];
                }
            }
        }
    }
}

}  // namespace perfcore::counters
