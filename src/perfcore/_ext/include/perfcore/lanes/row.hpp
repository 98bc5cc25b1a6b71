// One row's codes. Isa offers `above(pivots, x)`: how many of sixteen thresholds x is not at or below.
#pragma once

#include "plan.hpp"

namespace perfcore::lanes {

template <class Isa, class Number>
inline int32_t rank_of(const Search& s, const Number* thresholds, Number x) {
    int32_t rank = Isa::above(thresholds + s.level[0], x);
    for (int32_t level = 1; level < s.levels; ++level)
        rank = 16 * rank + Isa::above(thresholds + s.level[level] + 16 * rank, x);
    return rank;
}

// Ranks of all cells (of floats and a wide plan: the cells as whole numbers), as if none were missing; whether one is.
template <class Isa, class Cell, class Number>
inline bool search_row(const Plan& p, const char* row, int64_t column_stride, const Bench& bench) {
    const bool raw = p.form == Form::wide && sizeof(Number) == 4;
    const Number* thresholds;
    if constexpr (sizeof(Number) == 4) {
        thresholds = p.floors.data();
    } else {
        thresholds = p.exact.data();
    }
    bool any_missing = false;
    const int64_t n = static_cast<int64_t>(p.searches.size());
    for (int64_t i = 0; i < n; ++i) {
        const Search& s = p.searches[i];
        const Number x = static_cast<Number>(*reinterpret_cast<const Cell*>(row + s.feature * column_stride));
        const bool missing = !(x == x) || static_cast<double>(x) == p.missing;
        any_missing |= missing;
        bench.missing[i] = missing;
        bench.cells[i] = static_cast<double>(x);
        const Number number = x == x ? x : Number{0};
        bench.ranks[i] = raw ? key_of(static_cast<float>(number)) : rank_of<Isa>(s, thresholds, number);
    }
    return any_missing;
}

// Codes times `scale`.
template <class Isa, class Code>
inline void code_row(const Plan& p, const Table& x, int64_t row, const Bench& bench, Code* codes, int32_t scale = 1) {
    const char* at = x.data + row * x.row_stride;
    const bool any_missing = x.is_float ? search_row<Isa, float, float>(p, at, x.column_stride, bench)
                             : p.rounds_to_float ? search_row<Isa, double, float>(p, at, x.column_stride, bench)
                                                 : search_row<Isa, double, double>(p, at, x.column_stride, bench);
    const int64_t n = p.n_columns();
    if (p.single_column) {
        for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<Code>(bench.ranks[i] * scale);
    } else if (p.form == Form::wide) {
        for (int64_t i = 0; i < n; ++i) codes[i] = static_cast<Code>(bench.ranks[p.columns[i].search]);
    } else {
        for (int64_t i = 0; i < n; ++i) {
            const int32_t over = bench.ranks[p.columns[i].search] - p.columns[i].first;
            codes[i] = static_cast<Code>((over < 0 ? 0 : over > 255 ? 255 : over) * scale);
        }
    }
    if (!any_missing && !p.any_zero_missing) return;
    for (int64_t i = 0; i < n; ++i) {
        const Column& c = p.columns[i];
        if (bench.missing[c.search] || (c.zero_missing && std::fabs(bench.cells[c.search]) <= p.zero_bound))
            codes[i] = static_cast<Code>(c.missing_code * scale);
    }
}

}  // namespace perfcore::lanes
