// The interleaved walk: for trees too deep to slice, and for too few rows to fill a block.
//
// A walk waits for memory at every step; eight walks at once wait together. Over many rows, eight rows go down one
// tree; for a single row, eight trees are gone down side by side. Nodes are packed to 16 bytes, siblings lie side by
// side, and a step is free of branches:
//
//   node   [ threshold: double | left: u32 | column: u32 ]     next = left + (goes right)
//
// A leaf is a node that leads to itself, so that walks of different lengths need no care. NaN needs none either: cells
// are copied, and a number takes its place that all nodes of its column send where they send NaN. Where no number does,
// nodes that send NaN left and nodes that send it right ask columns of their own.
//
// Where a row's walks ask for few of very many columns, copying would cost more than they do. There they read the table
// in place, and a node's column holds two things: [ feature: 31 bits | sends NaN left: 1 bit ].
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
constexpr double FEW_STEPS = 1.0 / 6;  // for each column: below, cells are read in place
constexpr int64_t IN_PLACE_ROWS = 16;  // at a time, while the next ones are on their way
constexpr int64_t SMALL_FOREST = 1 << 20;  // bytes that a second-level cache keeps, however few rows ask for them

struct Node {
    double threshold;
    uint32_t left, column;
};

enum class Care { none, nan, all };  // what a step must look out for: nothing, NaN, or zeros and categories too

// Sums over all trees: how deep their leaves lie, on average and at most.
struct Depth {
    double mean = 0, most = 0;
};

inline void prefetch(const char* at) {
#if defined(__GNUC__)
    __builtin_prefetch(at);
#else
    static_cast<void>(at);
#endif
}

// The cells of a block of rows: copied, one after the other, ...
struct Copied {
    using Row = const double*;
    const double* cells;
    int64_t width;

    Row row(int64_t i) const { return cells + i * width; }
    double cell(Row row, uint32_t column) const { return row[column]; }
};

// ... or where they are.
template <typename Real>
struct InPlace {
    using Row = const char*;
    const char* data;
    int64_t row_stride, column_stride;
    bool rounds;
    double missing;

    InPlace(const ForestView& f, const Table& x, int64_t first)
        : data(x.data + first * x.row_stride), row_stride(x.row_stride), column_stride(x.column_stride),
          rounds(f.rounds_to_float && sizeof(Real) > sizeof(float)), missing(f.missing) {}

    Row row(int64_t i) const { return data + i * row_stride; }
    double cell(Row row, int64_t feature) const {  // as walk::cell
        double v = *reinterpret_cast<const Real*>(row + feature * column_stride);
        if (rounds) v = static_cast<double>(static_cast<float>(v));
        return v == missing ? std::nan("") : v;
    }
};

class Packed {
  public:
    explicit Packed(const ForestView& forest) : f_(forest) {
        plan_columns();
        nodes_.reserve(static_cast<size_t>(f_.n_nodes + f_.n_leaves));
        number_.reserve(nodes_.capacity());
        flags_.reserve(nodes_.capacity());
        struct Todo {
            int32_t from;  // a node or ~leaf of the forest
            uint32_t at;   // its place here
            int32_t depth;
        };
        std::vector<Todo> stack;
        for (int64_t tree = 0; tree < f_.n_trees; ++tree) {
            root_.push_back(room_for(1));
            stack.push_back({f_.root[tree], root_.back(), 0});
            int64_t depths = 0;
            int32_t most = 0;
            while (!stack.empty()) {
                const auto [from, at, depth] = stack.back();
                stack.pop_back();
                if (from < 0) {
                    depths += depth;
                    most = std::max(most, depth);
                    nodes_[at] = {std::numeric_limits<double>::infinity(), at, 0};
                    number_[at] = ~from;
                    flags_[at] = NAN_LEFT;
                    continue;
                }
                const uint32_t left = room_for(2);
                nodes_[at] = {f_.threshold[from], left, column_of(from)};
                number_[at] = from;
                flags_[at] = f_.flags[from];
                stack.push_back({f_.right[from], left + 1, depth + 1});
                stack.push_back({f_.left[from], left, depth + 1});
            }
            depth_.mean += static_cast<double>(depths) / (f_.leaf_start[tree + 1] - f_.leaf_start[tree]);
            depth_.most += most;
        }
        if (only_numbers_ && f_.n_nodes > 0 && depth_.most < FEW_STEPS * static_cast<double>(columns_.size()))
            read_in_place();
    }

    int64_t bytes() const { return static_cast<int64_t>(nodes_.size() * (sizeof(Node) + 5) + root_.size() * 4); }

    const Depth& depth() const { return depth_; }
    int64_t n_columns() const { return static_cast<int64_t>(columns_.size()); }

    // Lines of a cache that a row of floats is read from.
    int64_t row_lines() const { return static_cast<int64_t>(line_.size()); }

    bool is_in_place() const { return is_in_place_; }

    // Doubles of scratch space that the calls below need.
    int64_t scratch_cells() const { return is_in_place_ ? 0 : block_rows() * width(); }

    // Rows that go down a tree before the next one: a forest that no near cache holds is read once for all of them.
    int64_t block_rows() const {
        if (is_in_place_) return IN_PLACE_ROWS;
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
    // A feature as nodes ask for it, and the number that stands for its NaN.
    struct Column {
        int32_t feature;
        double nan;
    };

    // A number that goes left where its NaN does: the least threshold of the nodes that send NaN left, if those that
    // send it right have lesser ones.
    void plan_columns() {
        const double infinity = std::numeric_limits<double>::infinity();
        struct Sides {
            double least_left, most_right;
        };
        used_.assign(f_.feature, f_.feature + f_.n_nodes);
        std::sort(used_.begin(), used_.end());
        used_.erase(std::unique(used_.begin(), used_.end()), used_.end());
        bool has_places_for_nan = true;
        std::vector<Sides> sides(used_.size(), {infinity, -infinity});
        for (int64_t i = 0; i < f_.n_nodes; ++i) {
            const bool left = (f_.flags[i] & NAN_LEFT) != 0;
            const double t = f_.threshold[i];
            Sides& of = sides[place(f_.feature[i])];
            if (left) of.least_left = std::min(of.least_left, t);
            if (!left && t == t) of.most_right = std::max(of.most_right, t);
            // Numbers that all go right, or all left, leave none for a NaN that goes the other way.
            has_places_for_nan &= !(left ? t != t : t == infinity);
            only_numbers_ &= (f_.flags[i] & (ZERO_MISSING | CATEGORICAL)) == 0;
        }
        is_plain_ = only_numbers_ && has_places_for_nan;
        for (size_t i = 0; i < used_.size(); ++i) {
            if (i == 0 || used_[i] / 16 != used_[i - 1] / 16) line_.push_back(used_[i]);
            first_column_.push_back(static_cast<uint32_t>(columns_.size()));
            columns_.push_back({used_[i], sides[i].least_left});
            if (is_plain_ && sides[i].most_right >= sides[i].least_left) columns_.push_back({used_[i], infinity});
        }
        first_column_.push_back(static_cast<uint32_t>(columns_.size()));
    }

    void read_in_place() {
        is_in_place_ = true;
        for (uint32_t at = 0; at < nodes_.size(); ++at) {
            const bool is_leaf = nodes_[at].left == at;
            const uint32_t feature = is_leaf ? 0 : static_cast<uint32_t>(f_.feature[number_[at]]);
            nodes_[at].column = feature << 1 | (flags_[at] & NAN_LEFT);
        }
    }

    size_t place(int32_t feature) const {
        return static_cast<size_t>(std::lower_bound(used_.begin(), used_.end(), feature) - used_.begin());
    }

    uint32_t column_of(int32_t node) const {
        const size_t i = place(f_.feature[node]);
        const bool has_two = first_column_[i + 1] - first_column_[i] == 2;
        return first_column_[i] + static_cast<uint32_t>(has_two && (f_.flags[node] & NAN_LEFT) == 0);
    }

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
        if (is_in_place_) fetch(x, begin, std::min(together, end - begin));
        for (int64_t first = begin; first < end; first += together) {
            const int64_t n = std::min(together, end - first);
            if (is_in_place_) {
                fetch(x, first + n, std::min(together, end - first - n));
                if (x.is_float) {
                    block<Care::nan>(first, n, InPlace<float>(f_, x, first), visit);
                } else {
                    block<Care::nan>(first, n, InPlace<double>(f_, x, first), visit);
                }
                continue;
            }
            copy(x, first, n, cells);
            if (is_plain_) {
                block<Care::none>(first, n, Copied{cells, width()}, visit);
            } else {
                block<Care::all>(first, n, Copied{cells, width()}, visit);
            }
        }
    }

    // The cells that any node asks for, as nodes compare them.
    void copy(const Table& x, int64_t first, int64_t n, double* cells) const {
        for (int64_t i = 0; i < n; ++i, cells += width()) {
            cells[0] = 0.0;  // leaves ask for the first column, even where there is none
            for (size_t j = 0; j < columns_.size(); ++j) {
                const double v = walk::cell(f_, x, first + i, columns_[j].feature);
                cells[j] = v != v && is_plain_ ? columns_[j].nan : v;
            }
        }
    }

    // Walks jump about a row, so that no machine foresees what they will read.
    void fetch(const Table& x, int64_t first, int64_t n) const {
        for (int64_t i = first; i < first + n; ++i) {
            const char* row = x.data + i * x.row_stride;
            for (const int32_t feature : line_) prefetch(row + feature * x.column_stride);
        }
    }

    template <Care CARE, typename Cells, typename Visit>
    void block(int64_t first, int64_t n, const Cells& cells, const Visit& visit) const {
        typename Cells::Row row[LANES];
        uint32_t at[LANES];
        if (n < LANES) {
            for (int64_t i = 0; i < n; ++i) {
                for (int lane = 0; lane < LANES; ++lane) row[lane] = cells.row(i);
                for (int64_t tree = 0; tree < f_.n_trees; tree += LANES) {
                    const int64_t left = f_.n_trees - tree, lanes = left < LANES ? left : LANES;
                    for (int lane = 0; lane < LANES; ++lane) at[lane] = root_[tree + (lane < lanes ? lane : 0)];
                    descend<CARE>(cells, row, at);
                    for (int64_t lane = 0; lane < lanes; ++lane) visit(first + i, tree + lane, number_[at[lane]]);
                }
            }
            return;
        }
        for (int64_t tree = 0; tree < f_.n_trees; ++tree)
            for (int64_t i = 0; i < n; i += LANES) {
                const int64_t from = i + LANES <= n ? i : n - LANES;  // the last eight may repeat some rows' walks
                for (int lane = 0; lane < LANES; ++lane) {
                    row[lane] = cells.row(from + lane);
                    at[lane] = root_[tree];
                }
                descend<CARE>(cells, row, at);
                for (int64_t lane = i - from; lane < LANES; ++lane) visit(first + from + lane, tree, number_[at[lane]]);
            }
    }

    template <Care CARE, typename Cells>
    void descend(const Cells& cells, const typename Cells::Row row[LANES], uint32_t at[LANES]) const {
        for (uint32_t moved = 1; moved;) {
            moved = 0;
            for (int lane = 0; lane < LANES; ++lane) {
                const uint32_t next = step<CARE>(cells, row[lane], step<CARE>(cells, row[lane], at[lane]));
                moved |= next ^ at[lane];
                at[lane] = next;
            }
        }
    }

    template <Care CARE, typename Cells>
    uint32_t step(const Cells& cells, typename Cells::Row row, uint32_t at) const {
        const Node& node = nodes_[at];
        const double v = cells.cell(row, CARE == Care::nan ? node.column >> 1 : node.column);
        if constexpr (CARE == Care::none) {
            return node.left + static_cast<uint32_t>(!(v <= node.threshold));
        } else if constexpr (CARE == Care::nan) {
            const uint32_t left = static_cast<uint32_t>(v <= node.threshold) |
                                  (static_cast<uint32_t>(v != v) & node.column);
            return node.left + 1 - left;
        } else {
            const uint8_t flags = flags_[at];
            if (flags & (ZERO_MISSING | CATEGORICAL))
                return node.left + (walk::goes_left(f_, number_[at], v) ? 0 : 1);
            const uint32_t left = static_cast<uint32_t>(v <= node.threshold) |
                                  (static_cast<uint32_t>(v != v) & flags & NAN_LEFT);
            return node.left + 1 - left;
        }
    }

    const ForestView& f_;
    bool only_numbers_ = true, is_plain_ = false, is_in_place_ = false;
    std::vector<Column> columns_;
    std::vector<int32_t> used_;           // features
    std::vector<int32_t> line_;           // the first feature of each line of a row of floats
    std::vector<uint32_t> first_column_;  // of each of them, and the end
    std::vector<Node> nodes_;
    std::vector<int32_t> number_;  // of the node or the leaf in the forest
    std::vector<uint8_t> flags_;
    std::vector<uint32_t> root_;
    Depth depth_;
};

}  // namespace perfcore::interleave

namespace perfcore {

class InterleaveKernel final : public Kernel {
    // What a call's work is counted in. Steps as deep as leaves lie on average, and at most; FEW: eight trees of a row
    // side by side, else eight rows of a tree; FAR: times how much larger than a second-level cache the forest is.
    enum Amount {
        CALLS, CELLS, ADDITIONS, FEW_WALKS, FEW_MEAN_STEPS, FEW_MOST_STEPS, FEW_FAR_STEPS, WALKS, MEAN_STEPS,
        MOST_STEPS, FAR_STEPS, BLOCK_TREES, TABLE_LINES, FETCHES, ROWS, IN_PLACE_STEPS
    };

  public:
    InterleaveKernel(const ForestView& forest, const interleave::Packed& packed) : f_(forest), packed_(packed) {}

    KernelName name() const override { return KernelName::interleave; }
    InstructionSet isa() const override { return InstructionSet::portable; }
    int64_t bytes() const override { return packed_.bytes(); }
    int64_t piece_rows() const override { return 2048; }
    int64_t scratch_bytes() const override { return packed_.scratch_cells() * 8; }

    Work work(int64_t rows) const override {
        const double n = static_cast<double>(rows), walks = n * static_cast<double>(f_.n_trees);
        const interleave::Depth& depth = packed_.depth();
        const double far = log2_over(packed_.bytes() + f_.n_leaves * f_.leaf_width * 8, int64_t{1} << 20);
        const double blocks = static_cast<double>((rows + packed_.block_rows() - 1) / packed_.block_rows());
        const bool few = rows < interleave::LANES;
        Work w{};
        w[CALLS] = 1;
        w[ROWS] = n;
        w[TABLE_LINES] = n * static_cast<double>(packed_.row_lines());
        w[ADDITIONS] = walks * f_.leaf_width;
        if (packed_.is_in_place()) {
            w[IN_PLACE_STEPS] = n * depth.most;
            return w;
        }
        w[CELLS] = n * static_cast<double>(packed_.n_columns());
        w[few ? FEW_WALKS : WALKS] = walks;
        w[few ? FEW_MEAN_STEPS : MEAN_STEPS] = n * depth.mean;
        w[few ? FEW_MOST_STEPS : MOST_STEPS] = n * depth.most;
        w[few ? FEW_FAR_STEPS : FAR_STEPS] = n * depth.mean * far;
        w[BLOCK_TREES] = few ? 0 : blocks * static_cast<double>(f_.n_trees);
        w[FETCHES] = far * met(n * depth.mean, blocks * static_cast<double>(f_.n_nodes));
        return w;
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
