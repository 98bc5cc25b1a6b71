// The forest prepared for few rows: a row's cells become codes once, then many trees are asked side by side.
//
//   cells of a row     one code a column                         one leaf a tree
//   ┌──────────────┐  ┌─────────────────┐   64 trees at a time  ┌─────────────┐  in tree order
//   │ searched in   │─▶│ how many of the  │ ────────────────────▶ │ which leaf   │ ───────────────▶ sums
//   │ the thresholds│  │ thresholds lie    │   sets, or walks     └─────────────┘
//   └──────────────┘  │ below the cell    │
//                      └─────────────────┘
//
// A node then asks `code > key`, and goes right where that holds. A column is a feature as some nodes see it: a cell
// that is missing gets a code of its own in each, so that nodes which send it to different sides ask different columns.
//
// Sets (up to 64 leaves; byte codes). A tree is one byte lane of a register; its leaves, numbered from left to right,
// are the bits of that lane in up to eight planes. A node that is left to the right takes the leaves on its left out of
// the set; whatever the order of the nodes, the lowest leaf that stays is the row's. Children are swapped so that the
// smaller side is the left one; a node so mirrored asks for 255 - code in a second half of the table.
//
//   step   [ column of each lane's node | key | leaves on its left ]      one step: a node of each tree of the group,
//   group  plane 0: steps, plane 1: steps, ...                     as far as it touches that plane
//
// Walks (any tree). Siblings lie side by side, and a leaf leads to itself:
//
//   narrow node (4 bytes)  [ distance to the left child: 16 | key: 8 | column: 8 ]
//   wide node (8 bytes)    [ key: 32 ] [ distance | column: column_bits ]         next = at + distance + (code > key)
//
// A leaf's column field holds its number in the tree, or, where trees have more than 256 leaves, how many words
// further its number lies. Nodes are packed in clusters of a cache line: a pair of siblings and what is below it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include "../floats.hpp"
#include "../forest.hpp"

namespace perfcore::lanes {

constexpr int MAX_LEVELS = 8;         // of sixteen thresholds each: as many as a forest may have nodes
constexpr int BYTE_COLUMNS = 256;     // that a narrow node's column field tells apart
constexpr int SET_LEAVES = 64;
constexpr int ROWS_TOGETHER = 4;      // that share a step's loads

enum class Form { sets, narrow, wide };

template <class T>
struct OnCacheLines {
    using value_type = T;
    OnCacheLines() = default;
    template <class U>
    OnCacheLines(const OnCacheLines<U>&) {}
    T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t{64}); }
    friend bool operator==(const OnCacheLines&, const OnCacheLines&) { return true; }
    friend bool operator!=(const OnCacheLines&, const OnCacheLines&) { return false; }
};

template <class T>
using Lines = std::vector<T, OnCacheLines<T>>;

// The thresholds of a feature, in levels of blocks of sixteen: block b of a level holds the last ones of the blocks
// 16 b to 16 b + 15 of the level below. Positions into Plan::floors and Plan::exact, from the top level down.
struct Search {
    int32_t feature, levels;
    int32_t level[MAX_LEVELS];
};

struct Column {
    int32_t search;
    int32_t first;         // the rank that is code 0; codes end at Plan::code_end
    int32_t missing_code;
    bool zero_missing;
};

struct WideNode {
    int32_t key;
    uint32_t link;
};

// Trees [tree, tree + set_lanes): steps of its planes one after the other.
struct Group {
    int64_t steps;        // into Plan::steps, in bytes
    int32_t n_steps[SET_LEAVES / 8];  // even numbers
};

struct Plan {
    Form form;
    bool numbers_aside;   // of the leaves, in walks
    bool single_column;   // columns are the searches one to one
    bool sums_in_float, rounds_to_float;
    int32_t n_outputs, leaf_width;
    int64_t n_trees;
    double zero_bound, missing;
    const int32_t* output;
    const char* base;
    const char* values;       // [leaf][leaf_width], of the forest; sets: of own_values

    std::vector<Search> searches;
    std::vector<Column> columns;
    bool any_zero_missing = false;
    int32_t code_end;         // the largest code
    Lines<float> floors;
    Lines<double> exact;

    // sets
    int32_t set_lanes, n_planes, leaf_stride, half;  // half: where the mirrored codes begin in the table
    std::vector<Group> groups;
    Lines<uint8_t> steps;
    Lines<char> own_values;         // [tree][leaf_stride][leaf_width]

    // walks
    int column_bits;
    Lines<uint32_t> narrow;
    Lines<WideNode> wide;        // keys are floats as whole numbers of the same order, and so are the codes
    Lines<WideNode> wide_ranks;  // the same nodes for cells that floats do not hold: keys and codes are ranks
    std::vector<uint32_t> root;       // of each tree; padded with leaves to a multiple of 64
    std::vector<uint32_t> first_leaf;  // of each tree, padded
    std::vector<int32_t> depth;       // of the deepest of each eight trees
    bool even;                        // most leaves lie about as deep as the deepest
    double mean_steps;                // that a walk takes, about

    int64_t n_columns() const { return static_cast<int64_t>(columns.size()); }
    // Codes of one row, in bytes: whatever a leaf's column field holds may be read.
    int64_t code_bytes() const {
        if (form != Form::wide) return 2 * BYTE_COLUMNS + 64;
        return (std::max<int64_t>(n_columns(), BYTE_COLUMNS) * 4 + 63) / 64 * 64;
    }
    int64_t padded_trees() const { return (n_trees + 63) / 64 * 64; }
    int64_t bytes() const {
        return static_cast<int64_t>(searches.size() * sizeof(Search) + columns.size() * sizeof(Column) +
                                    floors.size() * 4 + exact.size() * 8 + groups.size() * sizeof(Group) +
                                    steps.size() + own_values.size() + narrow.size() * 4 + wide.size() * 8 +
                                    wide_ranks.size() * 8 + root.size() * 4 + first_leaf.size() * 4);
    }

    // Scratch: [codes of the rows together][leaves of the rows together][ranks][cells][missing]
    int64_t leaves_at() const { return ROWS_TOGETHER * code_bytes(); }
    int64_t ranks_at() const { return leaves_at() + ROWS_TOGETHER * padded_trees() * 4; }
    int64_t n_searches() const { return (static_cast<int64_t>(searches.size()) + 15) / 16 * 16; }
    int64_t cells_at() const { return ranks_at() + n_searches() * 4; }
    int64_t missing_at() const { return cells_at() + n_searches() * 8; }
    int64_t scratch_bytes() const { return missing_at() + n_searches() + 64; }
};

// Where a row's intermediate results lie.
struct Bench {
    int32_t* ranks;   // of each search
    double* cells;
    uint8_t* missing;

    Bench(const Plan& p, char* scratch)
        : ranks(reinterpret_cast<int32_t*>(scratch + p.ranks_at())),
          cells(reinterpret_cast<double*>(scratch + p.cells_at())),
          missing(reinterpret_cast<uint8_t*>(scratch + p.missing_at())) {}
};

inline int64_t most_leaves(const ForestView& f) {
    int64_t most = 1;
    for (int64_t t = 0; t < f.n_trees; ++t) most = std::max<int64_t>(most, f.leaf_start[t + 1] - f.leaf_start[t]);
    return most;
}

}  // namespace perfcore::lanes
