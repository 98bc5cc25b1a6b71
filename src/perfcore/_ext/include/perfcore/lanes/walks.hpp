// Trees as nodes to walk: packed in clusters that fill a cache line, so that a way down touches few.
#pragma once

#include <string>

#include "columns.hpp"

namespace perfcore::lanes {

class WalkPlanner {
  public:
    WalkPlanner(const ForestView& forest, ColumnPlanner& columns, Plan& plan)
        : f_(forest), columns_(columns), questions_(columns.questions()), p_(plan) {}

    // Empty, or why the forest cannot be walked; narrow nodes become wide ones where a distance does not fit.
    std::string build() {
        p_.numbers_aside = most_leaves(f_) > 256;
        p_.values = static_cast<const char*>(f_.value);
        if (p_.form == Form::narrow && !lay_out()) columns_.widen();
        for (p_.column_bits = 8; (int64_t{1} << p_.column_bits) < p_.n_columns();) ++p_.column_bits;
        if (p_.form == Form::wide && !lay_out()) return "trees too large for the features they ask for";
        return {};
    }

  private:
    static constexpr uint32_t CLUSTER = 16;  // words

    bool lay_out() {
        line_ = p_.form == Form::wide ? 8 : 16;
        p_.narrow.clear();
        p_.wide.clear();
        p_.wide_ranks.clear();
        p_.root.clear();
        p_.first_leaf.clear();
        p_.depth.clear();
        n_words_ = 0;
        fits_ = true;
        take(1);  // where the lanes go that no tree fills
        put_end(0, 0);
        for (int64_t t = 0; t < f_.n_trees; ++t) {
            p_.first_leaf.push_back(static_cast<uint32_t>(f_.leaf_start[t]));
            if (!lay_out_tree(t)) return false;
        }
        p_.root.resize(p_.padded_trees(), 0);
        p_.first_leaf.resize(p_.padded_trees(), 0);
        note_depths();
        return true;
    }

    uint32_t take(uint32_t n) {
        if (n_words_ % line_ + n > line_ && n <= line_) n_words_ = (n_words_ + line_ - 1) / line_ * line_;
        const uint32_t at = n_words_;
        n_words_ += n;
        if (p_.form == Form::wide) {
            p_.wide.resize(n_words_);
            if (!f_.rounds_to_float) p_.wide_ranks.resize(n_words_);
        } else {
            p_.narrow.resize(n_words_);
        }
        return at;
    }

    bool put(uint32_t at, uint32_t distance, Question q) {
        if (p_.form == Form::narrow) {
            p_.narrow[at] = (distance << 16) | (static_cast<uint32_t>(q.key) << 8) | static_cast<uint32_t>(q.column);
            return distance < (1u << 16);
        }
        const uint32_t link = (distance << p_.column_bits) | static_cast<uint32_t>(q.column);
        p_.wide[at] = {q.key, link};
        if (!p_.wide_ranks.empty()) p_.wide_ranks[at] = {q.rank, link};
        return (distance >> (32 - p_.column_bits)) == 0;
    }

    // A leaf, as a node that no code leads away from.
    void put_end(uint32_t at, uint32_t column) {
        const int32_t end = p_.form == Form::narrow ? 255 : std::numeric_limits<int32_t>::max();
        put(at, 0, {static_cast<int32_t>(column), end, end});
    }

    // A node, or a leaf and its number.
    uint32_t words_of(int32_t child) const { return child < 0 && p_.numbers_aside ? 2 : 1; }
    uint32_t words_below(int32_t node) const { return words_of(f_.left[node]) + words_of(f_.right[node]); }

    // A cluster is filled level by level from its first pair of siblings; what does not fit begins another.
    bool lay_out_tree(int64_t tree) {
        first_leaf_ = f_.leaf_start[tree];
        std::vector<int32_t> pending;  // nodes whose children have no place yet
        std::vector<uint32_t> place(std::max<int64_t>(f_.leaf_start[tree + 1] - first_leaf_ - 1, 0));
        const int32_t root = f_.root[tree];
        p_.root.push_back(lay_out_cluster({root}, -1, root, place, pending));
        while (!pending.empty()) {
            const int32_t parent = pending.back();
            pending.pop_back();
            lay_out_cluster({f_.left[parent], f_.right[parent]}, parent, root, place, pending);
        }
        return fits_;
    }

    uint32_t lay_out_cluster(std::vector<int32_t> members, int32_t parent, int32_t root, std::vector<uint32_t>& place,
                             std::vector<int32_t>& pending) {
        uint32_t words = 0;
        for (const int32_t child : members) words += words_of(child);
        std::vector<int32_t> split;  // members whose children are members
        const size_t own = members.size();
        for (size_t i = 0; i < members.size(); ++i) {
            const int32_t node = members[i];
            if (node < 0) continue;
            if (words + words_below(node) <= CLUSTER) {
                words += words_below(node);
                split.push_back(node);
                members.push_back(f_.left[node]);
                members.push_back(f_.right[node]);
            } else {
                pending.push_back(node);
            }
        }
        const uint32_t first = take(words);
        uint32_t number_at = first + static_cast<uint32_t>(members.size());
        for (size_t i = 0; i < members.size(); ++i) {
            const uint32_t at = first + static_cast<uint32_t>(i);
            if (members[i] >= 0) {
                place[members[i] - root] = at;
            } else {
                put_leaf(at, ~members[i] - first_leaf_, number_at);
            }
        }
        size_t below = own;
        if (parent >= 0) link(parent, root, place, first);
        for (const int32_t node : split) {
            link(node, root, place, first + static_cast<uint32_t>(below));
            below += 2;
        }
        return first;
    }

    void link(int32_t node, int32_t root, const std::vector<uint32_t>& place, uint32_t children) {
        const uint32_t at = place[node - root];
        fits_ &= put(at, children - at, questions_[node]);
    }

    void put_leaf(uint32_t at, int32_t number, uint32_t& number_at) {
        if (!p_.numbers_aside) {
            put_end(at, static_cast<uint32_t>(number));
            return;
        }
        put_end(at, number_at - at);
        if (p_.form == Form::narrow) {
            p_.narrow[number_at] = static_cast<uint32_t>(number);
        } else {
            p_.wide[number_at].key = number;
            if (!p_.wide_ranks.empty()) p_.wide_ranks[number_at].key = number;
        }
        ++number_at;
    }

    void note_depths() {
        std::vector<int32_t> below(f_.n_nodes, 0);
        const auto depth = [&](int32_t child) { return child < 0 ? 0 : below[child]; };
        for (int64_t i = f_.n_nodes - 1; i >= 0; --i)
            below[i] = 1 + std::max(depth(f_.left[i]), depth(f_.right[i]));
        p_.depth.assign(p_.padded_trees() / 8, 0);
        for (int64_t t = 0; t < f_.n_trees; ++t) p_.depth[t / 8] = std::max(p_.depth[t / 8], depth(f_.root[t]));
        std::vector<int32_t> above(f_.n_nodes, 0);
        double leaves = 0, deepest = 0;
        for (int64_t i = 0; i < f_.n_nodes; ++i)
            for (const int32_t child : {f_.left[i], f_.right[i]}) {
                if (child >= 0) above[child] = above[i] + 1;
                leaves += child < 0 ? above[i] + 1 : 0;
            }
        for (int64_t t = 0; t < f_.n_trees; ++t)
            deepest += static_cast<double>(depth(f_.root[t])) * (f_.leaf_start[t + 1] - f_.leaf_start[t]);
        p_.even = deepest <= 1.3 * leaves;
        p_.mean_steps = (p_.even ? deepest : 1.5 * leaves) / static_cast<double>(f_.n_leaves);
    }

    const ForestView& f_;
    ColumnPlanner& columns_;
    const std::vector<Question>& questions_;
    Plan& p_;
    bool fits_ = true;
    uint32_t line_ = 16, n_words_ = 0;  // line_: words of a cache line
    int32_t first_leaf_ = 0;
};

}  // namespace perfcore::lanes
