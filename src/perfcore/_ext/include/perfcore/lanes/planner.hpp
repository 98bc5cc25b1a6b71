// From a forest to its plan.
#pragma once

#include <string>

#include "sets.hpp"
#include "walks.hpp"

namespace perfcore::lanes {

// Empty, or why the forest is none for this kernel. `set_lanes`: trees a register, or 0 where there are no sets.
inline std::string build(const ForestView& f, int set_lanes, int set_columns, Plan& p) {
    if (f.linear_applies) return "linear leaves";
    for (int64_t i = 0; i < f.n_nodes; ++i)
        if (f.flags[i] & CATEGORICAL) return "categories";
    p.sums_in_float = f.sums_in_float;
    p.rounds_to_float = f.rounds_to_float;
    p.n_outputs = f.n_outputs;
    p.leaf_width = f.leaf_width;
    p.n_trees = f.n_trees;
    p.zero_bound = f.zero_bound;
    p.missing = f.missing;
    p.output = f.output;
    p.base = static_cast<const char*>(f.base);
    ColumnPlanner columns(f, p);
    columns.build();
    if (set_lanes > 0 && most_leaves(f) <= SET_LEAVES && p.form == Form::narrow && p.n_columns() <= set_columns) {
        p.form = Form::sets;
        SetPlanner(f, columns.questions(), set_lanes, p).build();
        return {};
    }
    return WalkPlanner(f, columns, p).build();
}

}  // namespace perfcore::lanes
