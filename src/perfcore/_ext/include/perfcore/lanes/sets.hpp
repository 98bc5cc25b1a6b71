// Trees as sets of leaves: which steps take which leaves away.
#pragma once

#include "columns.hpp"

namespace perfcore::lanes {

class SetPlanner {
  public:
    // `lanes`: trees a register.
    SetPlanner(const ForestView& forest, const std::vector<Question>& questions, int lanes, Plan& plan)
        : f_(forest), questions_(questions), p_(plan) {
        p_.set_lanes = lanes;
        for (p_.half = lanes / 2; p_.half < p_.n_columns();) p_.half += lanes == 64 ? p_.half : 16;
    }

    void build() {
        const int64_t most = most_leaves(f_);
        p_.leaf_stride = most <= SET_LEAVES / 2 ? SET_LEAVES / 2 : SET_LEAVES;
        p_.n_planes = static_cast<int32_t>((most + 7) / 8);
        const int64_t real = f_.sums_in_float ? 4 : 8, value = f_.leaf_width * real;
        p_.own_values.assign(f_.n_trees * p_.leaf_stride * value, 0);
        for (int64_t first = 0; first < f_.n_trees; first += p_.set_lanes) {
            const int64_t end = std::min(f_.n_trees, first + p_.set_lanes);
            std::vector<std::vector<Step>> steps[SET_LEAVES / 8];
            for (auto& plane : steps) plane.resize(end - first);
            for (int64_t t = first; t < end; ++t) {
                const std::vector<int32_t> leaves = number_leaves(t);
                for (size_t i = 0; i < leaves.size(); ++i)
                    std::memcpy(&p_.own_values[(t * p_.leaf_stride + static_cast<int64_t>(i)) * value],
                                static_cast<const char*>(f_.value) + leaves[i] * value, value);
                for (const Step& step : steps_) steps[step.plane][t - first].push_back(step);
            }
            add_group(steps);
        }
        p_.values = p_.own_values.data();
    }

  private:
    struct Step {
        uint8_t plane, column, key, gone;
    };

    // The leaves of a tree from left to right; its steps in steps_.
    std::vector<int32_t> number_leaves(int64_t tree) {
        const int32_t root = f_.root[tree], n_nodes = f_.leaf_start[tree + 1] - f_.leaf_start[tree] - 1;
        root_ = root;
        size_.assign(std::max(n_nodes, 0), 0);
        for (int32_t i = n_nodes - 1; i >= 0; --i) size_[i] = size(f_.left[root + i]) + size(f_.right[root + i]);
        steps_.clear();
        std::vector<int32_t> leaves, stack{root};
        while (!stack.empty()) {
            const int32_t i = stack.back();
            stack.pop_back();
            if (i < 0) {
                leaves.push_back(~i);
                continue;
            }
            const bool mirrored = size(f_.right[i]) < size(f_.left[i]);
            const int32_t left = mirrored ? f_.right[i] : f_.left[i], right = mirrored ? f_.left[i] : f_.right[i];
            stack.push_back(right);
            stack.push_back(left);
            add_steps(questions_[i], mirrored, static_cast<int32_t>(leaves.size()), size(left));
        }
        return leaves;
    }

    int32_t size(int32_t child) const { return child < 0 ? 1 : size_[child - root_]; }

    void add_steps(Question q, bool mirrored, int32_t begin, int32_t n) {
        const int32_t column = q.column + (mirrored ? p_.half : 0), key = mirrored ? 254 - q.key : q.key;
        for (int32_t end = begin + n, next; begin < end; begin = next) {
            next = std::min(end, begin / 8 * 8 + 8);
            const uint32_t gone = ((1u << (next - begin)) - 1) << (begin % 8);
            steps_.push_back({static_cast<uint8_t>(begin / 8), static_cast<uint8_t>(column), static_cast<uint8_t>(key),
                              static_cast<uint8_t>(gone)});
        }
    }

    void add_group(const std::vector<std::vector<Step>> (&steps)[SET_LEAVES / 8]) {
        Group group{};
        group.steps = static_cast<int64_t>(p_.steps.size());
        for (int32_t plane = 0; plane < p_.n_planes; ++plane) {
            size_t n = 0;
            for (const auto& of_tree : steps[plane]) n = std::max(n, of_tree.size());
            n = (n + 1) / 2 * 2;
            group.n_steps[plane] = static_cast<int32_t>(n);
            for (size_t i = 0; i < n; ++i) {
                const size_t at = p_.steps.size(), lanes = static_cast<size_t>(p_.set_lanes);
                p_.steps.resize(at + 3 * lanes, 0);
                for (size_t lane = 0; lane < steps[plane].size(); ++lane)
                    if (i < steps[plane][lane].size()) {
                        const Step& step = steps[plane][lane][i];
                        p_.steps[at + lane] = step.column;
                        p_.steps[at + lanes + lane] = step.key;
                        p_.steps[at + 2 * lanes + lane] = step.gone;
                    }
            }
        }
        p_.groups.push_back(group);
    }

    const ForestView& f_;
    const std::vector<Question>& questions_;
    Plan& p_;
    int32_t root_ = 0;
    std::vector<int32_t> size_;
    std::vector<Step> steps_;
};

}  // namespace perfcore::lanes
