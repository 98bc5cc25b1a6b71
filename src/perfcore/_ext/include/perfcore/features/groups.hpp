// From keys to series: which rows belong together, in the order in which they come.
//
//     keys        codes: by first appearance      order: rows series by series      bounds
//     7 9 7 3 9   0 1 0 2 1                       0 2  1 4  3                       0 2 4 5
//
// A row without a key belongs to no series: its code is -1, and `order` leaves it out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "feature.hpp"

namespace perfcore::features {

// Codes of whole numbers; `absent` null: there is a key in each row. Returns each code's first row. Throws std::bad_alloc.
inline std::vector<int64_t> encode(const int64_t* keys, const uint8_t* absent, int64_t n, int64_t* codes) {
    std::vector<int64_t> firsts;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        if (absent != nullptr && absent[i]) continue;
        least = std::min(least, keys[i]);
        most = std::max(most, keys[i]);
    }
    const uint64_t range = least > most ? 0 : uint64_t(most) - uint64_t(least);
    const bool is_dense = range < uint64_t(4 * n + 1024);
    size_t size = 1024;
    if (is_dense) size = size_t(range) + 1;
    std::vector<int64_t> places(size, -1);  // dense: by key; else a hash table of codes, its size a power of two
    int64_t last = 0, last_code = -1;
    const auto code_of = [&](int64_t key, int64_t row) {
        if (is_dense) {
            int64_t& code = places[size_t(uint64_t(key) - uint64_t(least))];
            if (code < 0) {
                code = int64_t(firsts.size());
                firsts.push_back(row);
            }
            return code;
        }
        const auto slot = [&](int64_t k) {
            uint64_t h = uint64_t(k) * 0x9E3779B97F4A7C15;
            h ^= h >> 32;
            size_t at = size_t(h * 0x9E3779B97F4A7C15 >> 20) & (places.size() - 1);
            while (places[at] >= 0 && keys[firsts[size_t(places[at])]] != k) at = (at + 1) & (places.size() - 1);
            return at;
        };
        size_t at = slot(key);
        if (places[at] >= 0) return places[at];
        const auto code = int64_t(firsts.size());
        firsts.push_back(row);
        places[at] = code;
        if (firsts.size() * 2 > places.size()) {
            std::vector<int64_t>(places.size() * 2, -1).swap(places);
            for (size_t c = 0; c < firsts.size(); c++) places[slot(keys[firsts[c]])] = int64_t(c);
        }
        return code;
    };
    for (int64_t i = 0; i < n; i++) {
        if (absent != nullptr && absent[i]) {
            codes[i] = -1;
        } else if (last_code >= 0 && keys[i] == last) {
            codes[i] = last_code;
        } else {
            codes[i] = last_code = code_of(last = keys[i], i);
        }
    }
    return firsts;
}

// Where the series begin whose keys ascend, and where the last ends; empty where a key is less than the one before it.
// Throws std::bad_alloc.
inline std::vector<int64_t> ascending(const int64_t* keys, int64_t n) {
    constexpr int64_t BLOCK = 16;
    std::vector<int64_t> bounds;
    if (n > 0) bounds.push_back(0);
    for (int64_t i = 1; i < n;) {
        const int64_t end = std::min(i + BLOCK, n);
        int64_t differ = end - i < BLOCK;
        for (int64_t j = 0; j < BLOCK && end - i == BLOCK; j++) differ |= keys[i + j] ^ keys[i + j - 1];
        if (differ == 0) {
            i = end;
            continue;
        }
        for (; i < end; i++) {
            if (keys[i] == keys[i - 1]) continue;
            if (keys[i] < keys[i - 1]) return {};
            bounds.push_back(i);
        }
    }
    bounds.push_back(n);
    return bounds;
}

// Whether the rows of each series lie together, in the order of the codes, none left out.
inline bool lie_in_order(const int64_t* codes, int64_t n) {
    int64_t last = 0;
    for (int64_t i = 0; i < n; i++) {
        if (codes[i] < last) return false;
        last = codes[i];
    }
    return true;
}

// bounds[c] .. bounds[c + 1]: where the rows of code c lie in the order. bounds has n_codes + 1 numbers.
inline void count(const int64_t* codes, int64_t n, int64_t n_codes, int64_t* bounds) {
    std::fill_n(bounds, n_codes + 1, int64_t(0));
    for (int64_t i = 0; i < n; i++)
        if (codes[i] >= 0) bounds[codes[i] + 1]++;
    for (int64_t c = 0; c < n_codes; c++) bounds[c + 1] += bounds[c];
}

// A stable counting sort; `order` has bounds[n_codes] numbers. Throws std::bad_alloc.
inline void arrange(const int64_t* codes, int64_t n, int64_t n_codes, const int64_t* bounds, int64_t* order) {
    std::vector<int64_t> next(bounds, bounds + n_codes);
    for (int64_t i = 0; i < n; i++)
        if (codes[i] >= 0) order[next[size_t(codes[i])]++] = i;
}

// Of each row, the one `ago` (from 1) rows before it in its series; -1 where there is none. Throws std::bad_alloc.
inline void rows_before(const int64_t* codes, int64_t n, int64_t n_codes, int64_t ago, int64_t* places) {
    // A ring for each series: its last `ago` rows, or as many as it has. `at[c]`: what a row of it takes the place of.
    std::vector<int64_t> bounds(size_t(n_codes) + 1);
    count(codes, n, n_codes, bounds.data());
    int64_t begin = 0;
    for (size_t c = 0; c < size_t(n_codes); c++) {
        const int64_t rows = std::min(bounds[c + 1] - bounds[c], ago);
        bounds[c] = begin;
        begin += rows;
    }
    bounds[size_t(n_codes)] = begin;
    std::vector<int64_t> at(bounds), rings(size_t(begin), -1);
    for (int64_t i = 0; i < n; i++) {
        if (codes[i] < 0) {
            places[i] = -1;
            continue;
        }
        const size_t c = size_t(codes[i]);
        int64_t& row = rings[size_t(at[c])];
        places[i] = row;
        row = i;
        if (++at[c] == bounds[c + 1]) at[c] = bounds[c];
    }
}

// The same of series whose rows lie together.
inline void rows_before(const int64_t* bounds, int64_t n_series, int64_t ago, int64_t* places) {
    for (int64_t s = 0; s < n_series; s++) {
        const int64_t first = std::min(bounds[s] + ago, bounds[s + 1]);
        std::fill(places + bounds[s], places + first, int64_t(-1));
        for (int64_t i = first; i < bounds[s + 1]; i++) places[i] = i - ago;
    }
}

// How the times of each series run: a late row has an earlier time than a row of its series before it.
struct Times {
    int64_t first_late = -1, n_late = 0, n_same = 0;  // a row of the table; rows; rows with the time of the one before
};

// `n` rows of the table; `n_same` is counted only where it is asked for.
inline Times look_at(const int64_t* times, int64_t n, const int64_t* order, const int64_t* bounds, int64_t n_series,
                     bool counts_same) {
    Times told;
    if (!counts_same && std::is_sorted(times, times + n)) return told;
    for (int64_t s = 0; s < n_series; s++) {
        int64_t latest = INT64_MIN;
        for (int64_t i = bounds[s]; i < bounds[s + 1]; i++) {
            const int64_t row = order == nullptr ? i : order[i];
            told.n_same += i > bounds[s] && times[row] == latest;
            if (times[row] < latest) {
                told.n_late++;
                if (told.first_late < 0 || row < told.first_late) told.first_late = row;
            } else {
                latest = times[row];
            }
        }
    }
    return told;
}

// The rows that are not late; `kept` and `kept_bounds` have room for all. Returns how many.
inline int64_t leave_out_late(const int64_t* times, const int64_t* order, const int64_t* bounds, int64_t n_series,
                              int64_t* kept, int64_t* kept_bounds) {
    int64_t n = 0;
    for (int64_t s = 0; s < n_series; s++) {
        int64_t latest = INT64_MIN;
        kept_bounds[s] = n;
        for (int64_t i = bounds[s]; i < bounds[s + 1]; i++) {
            const int64_t row = order == nullptr ? i : order[i];
            if (times[row] < latest) continue;
            latest = times[row];
            kept[n++] = row;
        }
    }
    kept_bounds[n_series] = n;
    return n;
}

}  // namespace perfcore::features
