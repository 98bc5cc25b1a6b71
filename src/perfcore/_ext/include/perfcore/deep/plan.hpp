// The deep forest, prepared: cells become 16-bit codes, trees lines of a cache that hold four levels each.
//
//   a block of rows                  one row = 2 bytes a column            one tree: lines of 64 bytes
//   ┌───────────────┐  find, turn   ┌─────────────────┐    walk, a line   ┌────────┐   look up,
//   │ cells (floats) │ ───────────▶ │ codes, row major │ ───────────────▶ │ exits   │ ───────────▶ sums
//   └───────────────┘               └─────────────────┘      at a time     └────────┘   add
//
// Codes. Of a number, one more than how many thresholds of its feature lie below it; of NaN, 65,535 or 0. A node sends
// left what is at most `last`, so that NaN goes right or left as the code says. Where the nodes of a column disagree on
// NaN, blocks that hold one have their codes twice: NaN as 65,535 first, as 0 apart ("the twin"), and every node says
// which of the two it reads. Cells that are missing when zero are a column of their own.
//
// A line is a piece of a tree of up to 15 nodes, in four levels numbered as a heap:
//
//                         1                        line   [ first child line: u16 | exits that lead to lines: 16 bits ]
//              2                     3                    [ last:   u16, nodes 1 .. 15 ]
//         4         5           6         7               [ column: u16, nodes 1 .. 15 ]
//       8   9    10   11     12  13    14   15
// exit 0 1 2 3  4 5  6 7    8 9  ...       14 15
//
// An exit leads to a leaf or to the root of another line. The lines that the exits of one line lead to lie together, in
// the order of the exits, so that the line at exit e is `first + popcount(mask below e)`. Where a piece ends above the
// fourth level, the nodes below send everything left: only the first exit there is ever taken.
//
// Scratch: [codes, row major][their twin][codes, a column each][cells of a column]
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../floats.hpp"
#include "../forest.hpp"

namespace perfcore::deep {

constexpr int LEVELS = 4, NODES = 15, EXITS = 16;
constexpr int64_t MAX_THRESHOLDS = 65533;  // of one feature: codes 1 to 65,534
constexpr uint16_t NAN_RIGHT_CODE = 65535, NAN_LEFT_CODE = 0;
constexpr int64_t MAX_LINES = 65536;    // of one tree
constexpr int64_t CHUNK_ROWS = 256;     // go down a tree together, their codes in a first-level cache
constexpr int64_t COLUMN_GROUP = 32;    // rows of codes are padded to 64 bytes

struct alignas(64) Line {
    uint32_t header;
    uint16_t last[NODES];
    uint16_t column[NODES];
};
static_assert(sizeof(Line) == 64);

// What Line::column holds.
enum class Naming {
    bytes,   // 2c and 2c + 1, c up to 63, as the byte permutes of AVX-512 want it; the twin lies twin_column columns on
    narrow,  // c up to 255, and 256 more for the twin
    wide,    // c up to 32,767, and 32,768 more for the twin
};

// Where the thresholds of a feature lie: bits of the number, read as an ordered integer, lead to a run of less than
// 2^steps of the sorted thresholds, which is searched by halving.
template <class Real>
struct Finder {
    Key<Real> least, most;  // keys of the first and the last threshold
    int32_t shift, steps;
    int64_t start;        // into Thresholds::start, by bucket
    int64_t threshold;    // into Thresholds::sorted, 2^steps of infinity behind the last
};

template <class Real>
struct Thresholds {
    std::vector<Finder<Real>> of_feature;
    std::vector<uint16_t> start;
    std::vector<Real> sorted;

    int64_t bytes() const { return static_cast<int64_t>(start.size() * 2 + sorted.size() * sizeof(Real)); }
};

struct Column {
    bool zero_missing, nan_left, nan_right;  // whether any of its nodes sends NaN left, right
};

struct Feature {
    int32_t feature, column_begin, column_end;
};

struct Tree {
    int64_t line;
    int32_t output;  // the column of the sums, or -1: all of them
};

struct Plan {
    bool sums_in_float, rounds_to_float, has_missing, mixes_nan;
    int32_t n_outputs, leaf_width;
    double zero_bound, missing;
    Naming naming;
    int64_t twin_column, n_columns, row_bytes, block_rows;
    double lines_a_row;  // that a row is expected to visit in all trees

    std::vector<Feature> features;
    std::vector<Column> columns;
    Thresholds<float> floats;    // rounded down where the forest compares doubles
    Thresholds<double> doubles;  // empty where it does not
    std::vector<Tree> trees;
    std::vector<Line> lines;
    std::vector<uint16_t> near_leaf;  // the leaf at each exit; `far_leaf` where a tree has more than 65,536 values
    std::vector<uint32_t> far_leaf;
    std::vector<int64_t> first_value;  // of a tree, into values
    std::vector<char> values, base;

    int64_t codes_bytes() const { return block_rows * row_bytes; }
    int64_t twin_at() const { return codes_bytes(); }
    int64_t turned_at() const { return twin_at() + (mixes_nan ? codes_bytes() : 0); }
    int64_t cells_at() const { return turned_at() + codes_bytes(); }
    int64_t scratch_bytes() const { return cells_at() + block_rows * 8; }
    int64_t bytes() const {
        return static_cast<int64_t>(lines.size() * sizeof(Line) + near_leaf.size() * 2 + far_leaf.size() * 4 +
                                    values.size() + first_value.size() * 8 + trees.size() * sizeof(Tree)) +
               floats.bytes() + doubles.bytes();
    }
};

}  // namespace perfcore::deep
