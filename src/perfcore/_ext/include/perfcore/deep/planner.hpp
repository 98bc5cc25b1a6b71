// From a forest to its deep plan: thresholds sorted, nodes cut into lines, leaf values without duplicates.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "cutter.hpp"
#include "plan.hpp"

namespace perfcore::deep {

class Planner {
  public:
    // `bytes`: columns are named for byte permutes, where there are few enough.
    Planner(const ForestView& forest, bool bytes) : f_(forest), bytes_(bytes) {}

    // Empty, or why the forest cannot be taken.
    std::string build(Plan& plan) {
        p_ = &plan;
        if (f_.linear_applies) return "linear leaves";
        plan.sums_in_float = f_.sums_in_float;
        plan.rounds_to_float = f_.rounds_to_float;
        plan.n_outputs = f_.n_outputs;
        plan.leaf_width = f_.leaf_width;
        plan.zero_bound = f_.zero_bound;
        plan.missing = f_.missing;
        plan.has_missing = f_.missing == f_.missing;
        last_.resize(f_.n_nodes);
        column_.resize(f_.n_nodes);
        const size_t real = f_.sums_in_float ? 4 : 8;
        plan.base.resize(f_.n_outputs * real);
        std::memcpy(plan.base.data(), f_.base, plan.base.size());
        std::string why = plan_features();
        if (why.empty()) why = name_columns();
        if (why.empty()) why = plan_trees();
        return why;
    }

  private:
    // -- columns ---------------------------------------------------------------------------------

    std::string plan_features() {
        std::map<int32_t, std::vector<std::pair<double, int32_t>>> asked;  // of features that are: there may be few
        for (int64_t i = 0; i < f_.n_nodes; ++i) {
            if (f_.flags[i] & CATEGORICAL) return "category sets";
            double t = f_.threshold[i];
            if (f_.rounds_to_float && t == t) t = floor_float(t);
            asked[f_.feature[i]].emplace_back(t + 0.0, static_cast<int32_t>(i));
        }
        std::vector<double> sorted;
        for (auto& [feature, nodes] : asked) {
            const auto never =
                std::partition(nodes.begin(), nodes.end(), [](const auto& n) { return n.first == n.first; });
            for (auto node = never; node != nodes.end(); ++node) last_[node->second] = 0;  // all numbers go right
            std::sort(nodes.begin(), never);
            sorted.clear();
            for (auto node = nodes.begin(); node != never; ++node) {
                if (sorted.empty() || sorted.back() != node->first) sorted.push_back(node->first);
                last_[node->second] = static_cast<uint16_t>(sorted.size());
            }
            if (static_cast<int64_t>(sorted.size()) > MAX_THRESHOLDS)
                return "feature " + std::to_string(feature) + " has more than 65,533 thresholds";
            add_finder(p_->floats, sorted);
            if (!f_.rounds_to_float) add_finder(p_->doubles, sorted);
            add_columns(feature, nodes);
        }
        pad(p_->floats);
        pad(p_->doubles);
        return {};
    }

    template <class Real>
    static void add_finder(Thresholds<Real>& thresholds, const std::vector<double>& sorted) {
        using Bits = std::make_unsigned_t<Key<Real>>;
        Finder<Real> finder{};
        finder.start = static_cast<int64_t>(thresholds.start.size());
        finder.threshold = static_cast<int64_t>(thresholds.sorted.size());
        std::vector<Real> own(sorted.size());
        for (size_t i = 0; i < sorted.size(); ++i)
            own[i] = sizeof(Real) == 4 ? static_cast<Real>(floor_float(sorted[i])) : static_cast<Real>(sorted[i]);
        if (!own.empty()) {
            finder.least = key_of(own.front());
            finder.most = key_of(own.back());
        }
        const auto above = [&](Key<Real> key) {
            return static_cast<Bits>(static_cast<Bits>(key) - static_cast<Bits>(finder.least));
        };
        while ((above(finder.most) >> finder.shift) >= 4 * own.size() + 4) ++finder.shift;
        const size_t n_buckets = static_cast<size_t>(above(finder.most) >> finder.shift) + 1;
        size_t next = 0, fullest = 0;
        for (size_t bucket = 0; bucket < n_buckets; ++bucket) {
            const size_t first = next;
            thresholds.start.push_back(static_cast<uint16_t>(first));
            while (next < own.size() && (above(key_of(own[next])) >> finder.shift) == bucket) ++next;
            fullest = std::max(fullest, next - first);
        }
        while ((size_t{1} << finder.steps) <= fullest) ++finder.steps;
        thresholds.sorted.insert(thresholds.sorted.end(), own.begin(), own.end());
        thresholds.sorted.resize(thresholds.sorted.size() + (size_t{1} << finder.steps),
                                 std::numeric_limits<Real>::infinity());
        thresholds.of_feature.push_back(finder);
    }

    template <class Real>
    static void pad(Thresholds<Real>& thresholds) {
        thresholds.start.resize(thresholds.start.size() + 2);  // starts are gathered four bytes at a time
    }

    void add_columns(int32_t feature, const std::vector<std::pair<double, int32_t>>& nodes) {
        Feature of{feature, static_cast<int32_t>(p_->columns.size()), 0};
        for (const bool zero_missing : {false, true}) {
            Column column{zero_missing, false, false};
            for (const auto& [threshold, node] : nodes) {
                if (((f_.flags[node] & ZERO_MISSING) != 0) != zero_missing) continue;
                ((f_.flags[node] & NAN_LEFT) ? column.nan_left : column.nan_right) = true;
                column_[node] = static_cast<int32_t>(p_->columns.size());
            }
            if (column.nan_left || column.nan_right) p_->columns.push_back(column);
        }
        of.column_end = static_cast<int32_t>(p_->columns.size());
        p_->features.push_back(of);
    }

    std::string name_columns() {
        Plan& p = *p_;
        p.n_columns = static_cast<int64_t>(p.columns.size());
        if (p.n_columns > 32767) return "more than 32,767 columns";
        p.naming = bytes_ && p.n_columns <= 64 ? Naming::bytes : p.n_columns <= 256 ? Naming::narrow : Naming::wide;
        if (p.naming == Naming::bytes) p.twin_column = p.n_columns <= 32 ? 32 : 64;
        if (p.naming == Naming::narrow) p.twin_column = 256;
        if (p.naming == Naming::wide) p.twin_column = 32768;
        p.mixes_nan = false;
        for (const Column& column : p.columns) p.mixes_nan |= column.nan_left && column.nan_right;
        p.row_bytes = std::max<int64_t>(64, (p.n_columns + COLUMN_GROUP - 1) / COLUMN_GROUP * 64);
        p.block_rows = 8192;  // codes stay in a second-level cache; 4,096 rows cost up to 10 % more, 16,384 the same
        while (p.block_rows > CHUNK_ROWS && p.block_rows * p.row_bytes > (1 << 19)) p.block_rows /= 2;
        return {};
    }

    uint16_t name_of(int32_t node) const {
        const Column& column = p_->columns[column_[node]];
        const bool reads_twin = column.nan_left && column.nan_right && (f_.flags[node] & NAN_LEFT);
        const int64_t c = column_[node] + (reads_twin ? p_->twin_column : 0);
        if (p_->naming == Naming::bytes) return static_cast<uint16_t>(2 * c | (2 * c + 1) << 8);
        return static_cast<uint16_t>(c);
    }

    // -- trees -----------------------------------------------------------------------------------

    std::string plan_trees() {
        Plan& p = *p_;
        p.lines_a_row = 0;
        std::vector<uint32_t> leaf;
        Cutter cutter(f_);
        ValueSet values(f_);
        bool is_far = false;
        for (int64_t tree = 0; tree < f_.n_trees; ++tree) {
            p.trees.push_back({static_cast<int64_t>(p.lines.size()), f_.output[tree]});
            p.first_value.push_back(static_cast<int64_t>(p.values.size()) / values.row_bytes());
            p.lines_a_row += cutter.cut(tree);
            values.begin(f_.leaf_start[tree + 1] - f_.leaf_start[tree]);
            roots_.assign(1, f_.root[tree]);
            for (size_t i = 0; i < roots_.size(); ++i) {
                const size_t first_child = roots_.size();
                Line line;
                for (int k = 0; k < NODES; ++k) {
                    line.last[k] = NAN_RIGHT_CODE;
                    line.column[k] = 0;
                }
                leaf.resize(leaf.size() + EXITS, 0);
                uint32_t mask = 0;
                fill(line, mask, leaf.data() + leaf.size() - EXITS, cutter, values, roots_[i], 1, 0);
                if (roots_.size() > static_cast<size_t>(MAX_LINES))
                    return "tree " + std::to_string(tree) + " takes more than 65,536 lines";
                line.header = mask << 16 | static_cast<uint32_t>(mask ? first_child : 0);
                p.lines.push_back(line);
            }
            is_far |= values.distinct() > 65536;
            values.append_to(p.values);
        }
        if (is_far) {
            p.far_leaf = std::move(leaf);
        } else {
            p.near_leaf.assign(leaf.begin(), leaf.end());
        }
        return {};
    }

    template <class Values>
    void fill(Line& line, uint32_t& mask, uint32_t* leaf, const Cutter& cutter, Values& values, int32_t node,
              int32_t at, int level) {
        const int32_t exit = (at << (LEVELS - level)) - EXITS;
        if (node < 0) {
            leaf[exit] = values.number_of(~node);
        } else if (level > 0 && cutter.is_cut(node, LEVELS - level)) {
            mask |= 1u << exit;
            roots_.push_back(node);
        } else {
            line.last[at - 1] = last_[node];
            line.column[at - 1] = name_of(node);
            fill(line, mask, leaf, cutter, values, f_.left[node], 2 * at, level + 1);
            fill(line, mask, leaf, cutter, values, f_.right[node], 2 * at + 1, level + 1);
        }
    }

    const ForestView& f_;
    const bool bytes_;
    Plan* p_ = nullptr;
    std::vector<uint16_t> last_;    // of the forest's nodes
    std::vector<int32_t> column_;
    std::vector<int32_t> roots_;    // of the tree's lines: nodes, or ~leaf where the tree has no node
};

}  // namespace perfcore::deep
