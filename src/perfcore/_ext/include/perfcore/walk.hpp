// The plain walk: one row, one tree, one node at a time. Every other kernel is tested against it.
#pragma once

#include <cmath>

#include "forest.hpp"
#include "kernel.hpp"

namespace perfcore::walk {

// The cell a node compares: rounded to the forest's precision, with the forest's missing value as NaN.
inline double cell(const ForestView& f, const Table& x, int64_t row, int32_t column) {
    double v = x.cell(row, column);
    if (f.rounds_to_float) v = static_cast<double>(static_cast<float>(v));
    return v == f.missing ? std::nan("") : v;
}

// Codes are whole numbers from 0; a set holds those that go left.
inline bool category_goes_left(const ForestView& f, int64_t node, double v) {
    const bool is_code = f.truncates_negative ? v > -1.0 : v >= 0.0;
    const uint32_t* words = f.set_words + f.set_start[f.category[node]];
    const int64_t n_words = f.set_start[f.category[node] + 1] - f.set_start[f.category[node]];
    if (!is_code || n_words == 0 || v >= 32.0 * static_cast<double>(n_words)) return (f.flags[node] & OTHER_LEFT) != 0;
    const int64_t code = static_cast<int64_t>(v);
    return (words[code / 32] >> (code % 32)) & 1u;
}

inline bool goes_left(const ForestView& f, int64_t node, double v) {
    const uint8_t flags = f.flags[node];
    if (std::isnan(v)) return (flags & NAN_LEFT) != 0;
    if ((flags & ZERO_MISSING) && std::fabs(v) <= f.zero_bound) return (flags & NAN_LEFT) != 0;
    if (flags & CATEGORICAL) return category_goes_left(f, node, v);
    return v <= f.threshold[node];
}

inline int32_t leaf(const ForestView& f, const Table& x, int64_t row, int64_t tree) {
    int32_t node = f.root[tree];
    while (node >= 0) {
        node = goes_left(f, node, cell(f, x, row, f.feature[node])) ? f.left[node] : f.right[node];
    }
    return ~node;
}

// LightGBM adds a linear leaf's terms in order, and falls back to its plain value where a cell is NaN.
inline double linear_value(const ForestView& f, const Table& x, int64_t row, int32_t leaf) {
    double sum = f.linear_constant[leaf];
    for (int32_t i = f.linear_start[leaf]; i < f.linear_start[leaf + 1]; ++i) {
        double v = cell(f, x, row, f.linear_feature[i]);
        if (std::isnan(v)) return static_cast<const double*>(f.value)[leaf];
        if (std::fabs(v) <= f.zero_bound) v = 0.0;
        sum += f.linear_coefficient[i] * v;
    }
    return sum;
}

template <typename Real>
inline Real value(const ForestView& f, const Table& x, int64_t row, int32_t leaf, int32_t column) {
    if (f.linear_applies && f.linear_applies[leaf]) return static_cast<Real>(linear_value(f, x, row, leaf));
    return static_cast<const Real*>(f.value)[static_cast<int64_t>(leaf) * f.leaf_width + column];
}

// Rows [begin, end) into out[(row - begin) * n_outputs + column]: trees outside, a few rows inside, so that
// a tree's nodes are read once for all of them; each row's sum still runs in tree order.
template <typename Real>
inline void predict(const ForestView& f, const Table& x, int64_t begin, int64_t end, Real* out) {
    constexpr int64_t ROWS = 64;
    for (int64_t first = begin; first < end; first += ROWS) {
        const int64_t last = first + ROWS < end ? first + ROWS : end;
        Real* sums = out + (first - begin) * f.n_outputs;
        for (int64_t i = 0; i < (last - first) * f.n_outputs; ++i)
            sums[i] = static_cast<const Real*>(f.base)[i % f.n_outputs];
        for (int64_t tree = 0; tree < f.n_trees; ++tree) {
            const int32_t output = f.output[tree];
            for (int64_t row = first; row < last; ++row) {
                const int32_t l = leaf(f, x, row, tree);
                Real* sum = sums + (row - first) * f.n_outputs;
                if (output >= 0) {
                    sum[output] += value<Real>(f, x, row, l, 0);
                } else {
                    for (int32_t k = 0; k < f.n_outputs; ++k) sum[k] += value<Real>(f, x, row, l, k);
                }
            }
        }
    }
}

// Leaf labels of rows [begin, end) into out[(row - begin) * n_trees + tree].
inline void leaves(const ForestView& f, const Table& x, int64_t begin, int64_t end, int32_t* out) {
    for (int64_t row = begin; row < end; ++row)
        for (int64_t tree = 0; tree < f.n_trees; ++tree)
            *out++ = f.label[leaf(f, x, row, tree)];
}

}  // namespace perfcore::walk

namespace perfcore {

class WalkKernel final : public Kernel {
  public:
    explicit WalkKernel(const ForestView& forest) : f_(forest) {}

    KernelName name() const override { return KernelName::walk; }
    InstructionSet isa() const override { return InstructionSet::portable; }
    int64_t bytes() const override { return 0; }
    Work work(int64_t rows) const override { return {static_cast<double>(rows * f_.n_trees)}; }
    int64_t piece_rows() const override { return 1024; }
    int64_t scratch_bytes() const override { return 0; }

    void predict(const Table& x, int64_t begin, int64_t end, char*, void* out) const override {
        if (f_.sums_in_float) {
            walk::predict(f_, x, begin, end, static_cast<float*>(out));
        } else {
            walk::predict(f_, x, begin, end, static_cast<double*>(out));
        }
    }

  private:
    const ForestView& f_;
};

}  // namespace perfcore
