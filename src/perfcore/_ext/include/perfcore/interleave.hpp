// The interleaved walk: for trees too deep to slice, and for too few rows to fill a block.
//
// A walk waits for memory at every step; eight walks at once wait together. Over many rows, eight rows go down one
// tree; for a single row, eight trees are gone down side by side. Nodes are packed to 16 bytes, siblings lie side by
// side, and a step is free of branches:
//
//   node   [ threshold: double | left: u32 | column: u32 ]     next = left + (goes right)
//
// A leaf is a node that leads to itself, so that walks of different lengths need no care. What a block of rows does
// not need is left out of its steps: NaN where it has none, zeros and categories where the forest has none.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "forest.hpp"
#include "kernel.hpp"
#include "walk.hpp"

namespace perfcore::interleave {

constexpr int LANES = 8;
constexpr int64_t SMALL_FOREST = 1 << 20;  // bytes that a second-level cache keeps, however few rows ask for them
struct Node {
    double threshold;
    uint32_t left, column;
};

enum class Care { none, nan, all };  // what a step must look out for

class Packed {
  public:
    explicit Packed(const ForestView& forest) : f_(forest) {
        columns_.assign(f_.feature, f_.feature + f_.n_nodes);
        std::sort(columns_.begin(), columns_.end());
        columns_.erase(std::unique(columns_.begin(), columns_.end()), columns_.end());
        const auto place = [&](int32_t feature) {
            return static_cast<uint32_t>(std::lower_bound(columns_.begin(), columns_.end(), feature) - columns_.begin());
        };
        nodes_.reserve(static_cast<size_t>(f_.n_nodes + f_.n_leaves));
        number_.reserve(nodes_.capacity());
        flags_.reserve(nodes_.capacity());
        std::vector<std::pair<int32_t, uint32_t>> stack;  // a node or ~leaf of the forest, and its place here
        for (int64_t tree = 0; tree < f_.n_trees; ++tree) {
            root_.push_back(room_for(1));
            stack.emplace_back(f_.root[tree], root_.back());
            while (!stack.empty()) {
                const auto [from, at] = stack.back();
                stack.pop_back();
                if (from < 0) {
                    nodes_[at] = {std::numeric_limits<double>::infinity(), at, 0};
                    number_[at] = ~from;
                    flags_[at] = NAN_LEFT;
                    continue;
                }
                const uint32_t left = room_for(2);
                nodes_[at] = {f_.threshold[from], left, place(f_.feature[from])};
                number_[at] = from;
                flags_[at] = f_.flags[from];
                is_plain_ &= (f_.flags[from] & (ZERO_MISSING | CATEGORICAL)) == 0;
                stack.emplace_back(f_.right[from], left + 1);
                stack.emplace_back(f_.left[from], left);
            }
        }
    }

    int64_t bytes() const { return static_cast<int64_t>(nodes_.size() * (sizeof(Node) + 5) + root_.size() * 4); }

    // Doubles of scratch space that the calls below need.
    int64_t scratch_cells() const { return block_rows() * width(); }

    // Rows that go down a tree before the next one: a forest that no near cache holds is read once for all of them.
    int64_t block_rows() const {
        const int64_t fitting = (int64_t{1} << 16) / width();  // half a megabyte of cells
        return bytes() <= SMALL_FOREST || fitting < 64 ? 64 : fitting < 2048 ? fitting : 2048;
    }

    template <typename Real>
    void predict(const Table& x, int64_t begin, int64_t end, double* cells, Real* out) const {
        each_leaf(x, begin, end, cells, [&](int64_t row, int64_t tree, int32_t leaf) {
            Real* sum = out + (row - begin) * f_.n_outputs;
            if (tree == 0)
                for (int32_t k = 0; k < f_.n_outputs; ++k) sum[k] = static_cast<const Real*>(f_.base)[k];
            const int32_t output = f_.output[tree];
            if (output >= 0) {
                sum[output] += walk::value<Real>(f_, x, row, leaf, 0);
            } else {
                for (int32_t k = 0; k < f_.n_outputs; ++k) sum[k] += walk::value<Real>(f_, x, row, leaf, k);
            }
        });
    }

    void leaves(const Table& x, int64_t begin, int64_t end, double* cells, int32_t* out) const {
        each_leaf(x, begin, end, cells, [&](int64_t row, int64_t tree, int32_t leaf) {
            out[(row - begin) * f_.n_trees + tree] = f_.label[leaf];
        });
    }

  private:
    int64_t width() const { return columns_.empty() ? 1 : static_cast<int64_t>(columns_.size()); }

    uint32_t room_for(uint32_t n) {
        const uint32_t at = static_cast<uint32_t>(nodes_.size());
        nodes_.resize(at + n);
        number_.resize(at + n);
        flags_.resize(at + n);
        return at;
    }

    // Calls visit(row, tree, leaf); for one row, trees come in order.
    template <typename Visit>
    void each_leaf(const Table& x, int64_t begin, int64_t end, double* cells, const Visit& visit) const {
        const int64_t together = block_rows();
        for (int64_t first = begin; first < end; first += together) {
            const int64_t n = end - first < together ? end - first : together;
            const bool has_nan = copy(x, first, n, cells);
            if (!is_plain_) {
                block<Care::all>(first, n, cells, visit);
            } else if (has_nan) {
                block<Care::nan>(first, n, cells, visit);
            } else {
                block<Care::none>(first, n, cells, visit);
            }
        }
    }

    // The cells that any node asks for, as nodes compare them; whether one is NaN.
    bool copy(const Table& x, int64_t first, int64_t n, double* cells) const {
        bool has_nan = false;
        for (int64_t i = 0; i < n; ++i, cells += width()) {
            cells[0] = 0.0;  // leaves ask for the first column, even where there is none
            for (size_t j = 0; j < columns_.size(); ++j) {
                cells[j] = walk::cell(f_, x, first + i, columns_[j]);
                has_nan |= cells[j] != cells[j];
            }
        }
        return has_nan;
    }

    template <Care CARE, typename Visit>
    void block(int64_t first, int64_t n, const double* cells, const Visit& visit) const {
        const double* row[LANES];
        uint32_t at[LANES];
        if (n < LANES) {
            for (int64_t i = 0; i < n; ++i) {
                for (int lane = 0; lane < LANES; ++lane) row[lane] = cells + i * width();
                for (int64_t tree = 0; tree < f_.n_trees; tree += LANES) {
                    const int64_t left = f_.n_trees - tree, lanes = left < LANES ? left : LANES;
                    for (int lane = 0; lane < LANES; ++lane) at[lane] = root_[tree + (lane < lanes ? lane : 0)];
                    descend<CARE>(row, at);
                    for (int64_t lane = 0; lane < lanes; ++lane) visit(first + i, tree + lane, number_[at[lane]]);
                }
            }
            return;
        }
        for (int64_t tree = 0; tree < f_.n_trees; ++tree)
            for (int64_t i = 0; i < n; i += LANES) {
                const int64_t from = i + LANES <= n ? i : n - LANES;  // the last eight may repeat some rows' walks
                for (int lane = 0; lane < LANES; ++lane) {
                    row[lane] = cells + (from + lane) * width();
                    at[lane] = root_[tree];
                }
                descend<CARE>(row, at);
                for (int64_t lane = i - from; lane < LANES; ++lane) visit(first + from + lane, tree, number_[at[lane]]);
            }
    }

    template <Care CARE>
    void descend(const double* const row[LANES], uint32_t at[LANES]) const {
        for (uint32_t moved = 1; moved;) {
            moved = 0;
            for (int lane = 0; lane < LANES; ++lane) {
                const uint32_t next = step<CARE>(row[lane], step<CARE>(row[lane], at[lane]));
                moved |= next ^ at[lane];
                at[lane] = next;
            }
        }
    }

    template <Care CARE>
    uint32_t step(const double* row, uint32_t at) const {
        const Node& node = nodes_[at];
        const double v = row[node.column];
        if constexpr (CARE == Care::none) {
            return node.left + static_cast<uint32_t>(!(v <= node.threshold));
        } else {
            const uint8_t flags = flags_[at];
            if (CARE == Care::all && (flags & (ZERO_MISSING | CATEGORICAL)))
                return node.left + (walk::goes_left(f_, number_[at], v) ? 0 : 1);
            const uint32_t left = static_cast<uint32_t>(v <= node.threshold) |
                                  (static_cast<uint32_t>(v != v) & flags & NAN_LEFT);
            return node.left + 1 - left;
        }
    }

    const ForestView& f_;
    bool is_plain_ = true;
    std::vector<int32_t> columns_;  // of the table, those that are asked for
    std::vector<Node> nodes_;
    std::vector<int32_t> number_;  // of the node or the leaf in the forest
    std::vector<uint8_t> flags_;
    std::vector<uint32_t> root_;
};

}  // namespace perfcore::interleave

namespace perfcore {

class InterleaveKernel final : public Kernel {
  public:
    InterleaveKernel(const ForestView& forest, const interleave::Packed& packed) : f_(forest), packed_(packed) {}

    KernelName name() const override { return KernelName::interleave; }
    InstructionSet isa() const override { return InstructionSet::portable; }
    int64_t bytes() const override { return packed_.bytes(); }
    int64_t piece_rows() const override { return 2048; }
    int64_t scratch_bytes() const override { return packed_.scratch_cells() * 8; }

    double cost(int64_t rows) const override {
        const double leaves = static_cast<double>(f_.n_leaves) / static_cast<double>(f_.n_trees);
        const double level = packed_.bytes() > (int64_t{8} << 20) ? 6.0 : 2.6;  // from beyond a second-level cache, or not
        return static_cast<double>(rows * f_.n_trees) * level * std::log2(leaves + 1);
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        double* cells = reinterpret_cast<double*>(scratch);
        if (f_.sums_in_float) {
            packed_.predict(x, begin, end, cells, static_cast<float*>(out));
        } else {
            packed_.predict(x, begin, end, cells, static_cast<double*>(out));
        }
    }

  private:
    const ForestView& f_;
    const interleave::Packed& packed_;
};

}  // namespace perfcore
