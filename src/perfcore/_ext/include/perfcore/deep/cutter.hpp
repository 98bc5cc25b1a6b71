// How a tree is cut into lines, and which of its leaves have the same values.
#pragma once

#include "plan.hpp"

namespace perfcore::deep {

// A row pays for each line that it visits, a block for each line that must come near: cuts are placed where both
// together cost least. How often a node is visited is told from its leaves.
class Cutter {
  public:
    explicit Cutter(const ForestView& forest) : f_(forest) {}

    // The lines that a row is expected to visit in this tree.
    double cut(int64_t tree) {
        root_ = f_.root[tree];
        if (root_ < 0) return 1;
        const int32_t n_leaves = f_.leaf_start[tree + 1] - f_.leaf_start[tree], n_nodes = n_leaves - 1;
        leaves_.assign(n_nodes, 0);
        cost_.resize(n_nodes);
        for (int32_t i = n_nodes; i-- > 0;) {  // children come after their parents
            const int32_t left = f_.left[root_ + i], right = f_.right[root_ + i];
            leaves_[i] = (left < 0 ? 1 : leaves_[left - root_]) + (right < 0 ? 1 : leaves_[right - root_]);
            Cost& own = cost_[i];
            for (int below = 0; below < LEVELS; ++below)
                own.kept[below + 1] = least(left, below) + least(right, below);
            own.cut = 1 + VISIT_IN_LINES * leaves_[i] / n_leaves + own.kept[LEVELS];
        }
        return visits(n_leaves);
    }

    // Whether a line of its own begins at this node, `levels` before its parents' line ends.
    bool is_cut(int32_t node, int levels) const {
        if (levels == 0) return true;
        const Cost& own = cost_[node - root_];
        return own.cut <= own.kept[levels];
    }

  private:
    static constexpr float VISIT_IN_LINES = 1000;  // a visit of every row of a block, in lines that the block reads

    struct Cost {
        float cut, kept[LEVELS + 1];  // kept[l]: with l levels of the line left
    };

    float least(int32_t child, int levels) const {
        if (child < 0) return 0;
        const Cost& own = cost_[child - root_];
        return levels == 0 ? own.cut : std::min(own.cut, own.kept[levels]);
    }

    double visits(int32_t n_leaves) {
        double visited = 0;
        stack_.assign(1, {root_, 0});
        while (!stack_.empty()) {
            auto [node, levels] = stack_.back();
            stack_.pop_back();
            if (is_cut(node, levels)) {
                visited += leaves_[node - root_];
                levels = LEVELS;
            }
            for (const int32_t child : {f_.left[node], f_.right[node]})
                if (child >= 0) stack_.push_back({child, levels - 1});
        }
        return visited / n_leaves;
    }

    struct Place {
        int32_t node;
        int levels;
    };

    const ForestView& f_;
    int32_t root_ = 0;
    std::vector<int32_t> leaves_;
    std::vector<Cost> cost_;
    std::vector<Place> stack_;
};

// The distinct leaf values of one tree, by their bytes.
class ValueSet {
  public:
    explicit ValueSet(const ForestView& forest)
        : f_(forest), row_bytes_(forest.leaf_width * (forest.sums_in_float ? 4 : 8)) {}

    int64_t row_bytes() const { return row_bytes_; }
    size_t distinct() const { return leaf_of_.size(); }

    void begin(int32_t n_leaves) {
        size_t size = 64;
        while (size < 2 * static_cast<size_t>(n_leaves)) size *= 2;
        place_.assign(size, -1);
        leaf_of_.clear();
    }

    uint32_t number_of(int32_t leaf) {
        const char* row = bytes_of(leaf);
        uint64_t hash = 0;
        for (int64_t i = 0; i < row_bytes_; i += 4) {
            uint32_t word;
            std::memcpy(&word, row + i, 4);
            hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
            hash ^= hash >> 32;
        }
        for (size_t at = hash & (place_.size() - 1);; at = (at + 1) & (place_.size() - 1)) {
            if (place_[at] < 0) {
                place_[at] = static_cast<int32_t>(leaf_of_.size());
                leaf_of_.push_back(leaf);
            }
            if (std::memcmp(bytes_of(leaf_of_[place_[at]]), row, row_bytes_) == 0) return place_[at];
        }
    }

    void append_to(std::vector<char>& values) const {
        for (const int32_t leaf : leaf_of_) values.insert(values.end(), bytes_of(leaf), bytes_of(leaf) + row_bytes_);
    }

  private:
    const char* bytes_of(int32_t leaf) const { return static_cast<const char*>(f_.value) + leaf * row_bytes_; }

    const ForestView& f_;
    const int64_t row_bytes_;
    std::vector<int32_t> place_, leaf_of_;  // by hash: the number of a value; by number: a leaf that has it
};

}  // namespace perfcore::deep
