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
#include <utility>
#include <vector>

namespace perfcore::counters {

struct Counters {
    int64_t n_values, n_projections, n_tables;
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
};

constexpr uint64_t FREE = ~uint64_t{0};

// A table in which a key lies in one of two buckets, so that looking one up takes no branch.
class Cuckoo {
  public:
    // Of CatBoost's buckets, which are searched from the key's own on up to a free one; false: the keys fall together.
    bool build(const uint64_t* key, const uint32_t* place, int64_t n, uint32_t unknown) {
        unknown_ = unknown;
        std::vector<Bucket> found;
        const uint64_t last = static_cast<uint64_t>(n) - 1;
        for (uint64_t i = 0; i <= last; ++i) {
            if (key[i] == FREE) continue;
            uint64_t at = key[i] & last;
            while (key[at] != key[i] && key[at] != FREE) at = (at + 1) & last;
            if (at == i) found.push_back({key[i], place[i]});
        }
        uint64_t size = 4;
        while (size < 4 * found.size()) size *= 2;
        for (int tries = 0; tries < 4; ++tries, size *= 2)
            if (lay(found, size)) return true;
        return false;
    }

    uint32_t operator()(uint64_t key) const {
        const Bucket &a = buckets_[first(key)], &b = buckets_[second(key)];
        // A free bucket's place is the unknown one.
        const uint32_t other = b.key == key ? b.place : unknown_;
        return a.key == key ? a.place : other;
    }

  private:
    struct Bucket {
        uint64_t key;
        uint32_t place;
    };

    uint64_t first(uint64_t key) const { return key & mask_; }
    uint64_t second(uint64_t key) const { return key >> 32 & mask_; }

    bool lay(const std::vector<Bucket>& found, uint64_t size) {
        mask_ = size - 1;
        buckets_.assign(size, {FREE, unknown_});
        for (Bucket each : found) {
            uint64_t at = buckets_[first(each.key)].key == FREE ? first(each.key) : second(each.key);
            for (int moves = 0; buckets_[at].key != FREE; ++moves) {
                if (moves == 100) return false;
                std::swap(each, buckets_[at]);
                at = at == first(each.key) ? second(each.key) : first(each.key);
            }
            buckets_[at] = each;
        }
        return true;
    }

    std::vector<Bucket> buckets_;
    uint64_t mask_ = 0;
    uint32_t unknown_ = 0;
};

// Those of each table that has counters; false where one cannot be built.
inline bool build(const Counters& c, std::vector<Cuckoo>& tables) {
    tables.resize(static_cast<size_t>(c.n_tables));
    for (int64_t t = 0; t < c.n_tables; ++t) {
        const int64_t first = c.counter_start[t], begin = c.bucket_start[t];
        if (first == c.counter_start[t + 1]) continue;
        const auto unknown = static_cast<uint32_t>(c.place_start[first + 1] - c.place_start[first] - 1);
        const int64_t n = c.bucket_start[t + 1] - begin;
        if (!tables[static_cast<size_t>(t)].build(c.bucket_key + begin, c.bucket_place + begin, n, unknown)) return false;
    }
    return true;
}

// Rows whose cells of one column lie end to end: `stride` apart the columns, `n` the rows.
struct Rows {
    const uint32_t* hash;  // of the categories
    float* cell;           // the floats; after them come one column a value, one a counter
    int64_t stride, n, n_floats;
};

constexpr int64_t ROWS = 256;

// hash.h, CalcHash(key, with) = MAGIC * (key + MAGIC * with), from 0 on.
inline void keys_of(const Counters& c, int64_t p, const Rows& rows, int64_t from, int64_t n, uint64_t* key) {
    constexpr uint64_t MAGIC = 0x4906ba494954cb65u, SQUARE = MAGIC * MAGIC;
    for (int64_t i = 0; i < n; ++i) key[i] = 0;
    for (int64_t k = c.category_start[p]; k < c.category_start[p + 1]; ++k) {
        const uint32_t* hash = rows.hash + c.category[k] * rows.stride + from;
        // A hash is a signed number there.
        for (int64_t i = 0; i < n; ++i)
            key[i] = MAGIC * key[i] + SQUARE * static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(hash[i])));
    }
    for (int64_t k = c.float_start[p]; k < c.float_start[p + 1]; ++k) {
        const float* cell = rows.cell + c.float_column[k] * rows.stride + from;
        const float border = c.float_border[k];
        if (c.float_nan[k] != 0)
            for (int64_t i = 0; i < n; ++i) key[i] = MAGIC * key[i] + (cell[i] <= border ? 0 : SQUARE);
        else
            for (int64_t i = 0; i < n; ++i) key[i] = MAGIC * key[i] + (cell[i] > border ? SQUARE : 0);
    }
    for (int64_t k = c.match_start[p]; k < c.match_start[p + 1]; ++k) {
        const uint32_t* hash = rows.hash + c.match_category[k] * rows.stride + from;
        for (int64_t i = 0; i < n; ++i) key[i] = MAGIC * key[i] + (hash[i] == c.match_hash[k] ? SQUARE : 0);
    }
}

inline void fill(const Counters& c, const std::vector<Cuckoo>& tables, const Rows& rows) {
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
                if (c.counter_start[t] == c.counter_start[t + 1]) continue;
                const Cuckoo& table = tables[static_cast<size_t>(t)];
                for (int64_t i = 0; i < n; ++i) place[i] = table(key[i]);
                for (int64_t k = c.counter_start[t]; k < c.counter_start[t + 1]; ++k) {
                    const float* number = c.number + c.place_start[k];
                    float* to = numbers + k * rows.stride + from;
                    for (int64_t i = 0; i < n; ++i) to[i] = number[place[i]];
                }
            }
        }
    }
}

}  // namespace perfcore::counters
