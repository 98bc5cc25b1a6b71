// Rows through the plan, in the form that an instruction set's Isa gives its steps:
//
//   above(pivots, x)                      how many of sixteen thresholds x is not at or below
//   sets<ROWS>(plan, group, codes, ids)   each lane's leaf, a byte a lane; codes and ids one row after the other
//   narrow(plan, codes, tree, leaves)     the leaves of 64 trees, by NarrowCode: bytes, or 256 times as much
//   wide(plan, nodes, codes, tree, leaves)
#pragma once

#include "add.hpp"
#include "row.hpp"

namespace perfcore::lanes {

// The steps of a group are issued before the additions of the one before it, whose chain they fill.
template <class Isa, class Real, int ROWS, int STRIDE>
inline void predict_by_sets(const Plan& p, const Table& x, int64_t row, char* scratch, Real* out) {
    uint8_t* codes = reinterpret_cast<uint8_t*>(scratch);
    uint8_t* ids = reinterpret_cast<uint8_t*>(scratch + p.leaves_at());
    const Bench bench(p, scratch);
    for (int r = 0; r < ROWS; ++r) code_row<Isa>(p, x, row + r, bench, codes + r * p.code_bytes());
    const typename Isa::template Tables<ROWS> tables(p, codes);
    Sums<Isa, Real> sums(p, out, ROWS);
    constexpr int64_t LANES = Isa::LANES;
    Isa::template sets<ROWS>(p, p.groups[0], tables, ids);
    for (size_t g = 0; g < p.groups.size(); ++g, ids += ROWS * LANES) {
        if (g + 1 < p.groups.size()) Isa::template sets<ROWS>(p, p.groups[g + 1], tables, ids + ROWS * LANES);
        const int64_t first = static_cast<int64_t>(g) * LANES;
        const auto leaf = [&](int r, int64_t t) { return t * STRIDE + ids[r * LANES + t - first]; };
        if (first + LANES <= p.n_trees) {
            add<ROWS>(p, first, first + LANES, sums, leaf);
        } else {
            add<ROWS>(p, first, p.n_trees, sums, leaf);
        }
    }
    finish(p, sums, ROWS);
}

template <class Isa, class Real, int ROWS>
inline void predict_by_sets(const Plan& p, const Table& x, int64_t row, char* scratch, Real* out) {
    if (p.leaf_stride == SET_LEAVES) {
        predict_by_sets<Isa, Real, ROWS, SET_LEAVES>(p, x, row, scratch, out);
    } else {
        predict_by_sets<Isa, Real, ROWS, SET_LEAVES / 2>(p, x, row, scratch, out);
    }
}

template <class Isa, class Code, class Real, class Walk>
inline void predict_by_walks(const Plan& p, const Table& x, int64_t row, char* scratch, Real* out, int32_t scale,
                             const Walk& walk) {
    Code* codes = reinterpret_cast<Code*>(scratch);
    uint32_t* leaves = reinterpret_cast<uint32_t*>(scratch + p.leaves_at());
    code_row<Isa>(p, x, row, Bench(p, scratch), codes, scale);
    Sums<Isa, Real> sums(p, out, 1);
    for (int64_t t = 0; t < p.n_trees; t += 64) {
        walk(codes, t, leaves);
        add<1>(p, t, std::min(p.n_trees, t + 64), sums, [&](int, int64_t tree) { return leaves[tree - t]; });
    }
    finish(p, sums, 1);
}

template <class Isa, class Real>
inline void predict_by_walks(const Plan& p, const Table& x, int64_t row, char* scratch, Real* out) {
    if (p.form == Form::narrow) {
        using Code = typename Isa::NarrowCode;
        predict_by_walks<Isa, Code>(p, x, row, scratch, out, sizeof(Code) == 2 ? 256 : 1,
                                    [&](const Code* codes, int64_t t, uint32_t* to) { Isa::narrow(p, codes, t, to); });
    } else {
        const WideNode* nodes = x.is_float || p.rounds_to_float ? p.wide.data() : p.wide_ranks.data();
        predict_by_walks<Isa, int32_t>(p, x, row, scratch, out, 1, [&](const int32_t* codes, int64_t t, uint32_t* to) {
            Isa::wide(p, nodes, codes, t, to);
        });
    }
}

template <class Isa, class Real>
inline void predict_rows(const Plan& p, const Table& x, int64_t begin, int64_t end, char* scratch, Real* out) {
    if (p.form != Form::sets) {
        std::memset(scratch, 0, p.code_bytes());  // a leaf's node looks at codes that no column writes
        for (int64_t row = begin; row < end; ++row, out += p.n_outputs) predict_by_walks<Isa>(p, x, row, scratch, out);
        return;
    }
    if constexpr (Isa::LANES > 0) {
        for (; begin + 4 <= end; begin += 4, out += 4 * p.n_outputs)
            predict_by_sets<Isa, Real, 4>(p, x, begin, scratch, out);
        if (end - begin == 3) predict_by_sets<Isa, Real, 3>(p, x, begin, scratch, out);
        if (end - begin == 2) predict_by_sets<Isa, Real, 2>(p, x, begin, scratch, out);
        if (end - begin == 1) predict_by_sets<Isa, Real, 1>(p, x, begin, scratch, out);
    }
}

template <class Isa>
inline void predict_all(const Plan& p, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    if (p.sums_in_float) {
        predict_rows<Isa>(p, x, begin, end, scratch, static_cast<float*>(out));
    } else {
        predict_rows<Isa>(p, x, begin, end, scratch, static_cast<double*>(out));
    }
}

}  // namespace perfcore::lanes
