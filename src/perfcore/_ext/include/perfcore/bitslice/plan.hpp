// The bit-sliced forest, prepared: which questions to ask of a block of rows, and the trees as straight-line programs.
//
//   a block of rows                 one bit a row = one "plane"              one byte a row
//   ┌──────────────┐  bin, slice   ┌───────────────┐  program   ┌──────────┐  transpose   ┌─────────┐  look up,
//   │ cells (floats)│ ───────────▶ │ masks: x <= t  │ ─────────▶ │ id planes │ ───────────▶ │ leaf ids │ ────────▶ sums
//   └──────────────┘               │ (every question│            │ of a tree │              └─────────┘  add
//                                  │  asked once)   │            └──────────┘
//                                  └───────────────┘
//
// Leaf ids. The leaves of a tree are numbered from left to right in Gray code, ceil(log2 leaves) bits. An inner node
// chooses, for every bit, between what its two subtrees say: `plane = mask ? left : right`. Where both subtrees agree
// on a constant, nothing is left to do; where left says 1 and right says 0, the plane is the mask itself.
//
// Scratch, all in planes of plane_bytes (64 bytes for every 512 rows of a block):
//
//   [zeros][ones][slots: the programs' registers][masks: one a question][code planes][tables][ids][sums]
//                                                [cells, until the masks are made]
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../floats.hpp"
#include "../forest.hpp"

namespace perfcore::bitslice {

constexpr int MAX_LEVELS = 12;       // 4,095 thresholds of one feature
constexpr int MAX_ID_BITS = 12;      // 4,096 leaves of one tree
constexpr int MAX_MASKS = 1 << 16;   // 4 MB of masks at 512 rows
constexpr int64_t MAX_PIECES = 8192;  // of category sets, a tree: each is an instruction, and walking them is as fast
constexpr int GROUP_TREES = 4;       // programs run interleaved, to hide the latency from store to load
constexpr int CHUNK_TREES = 8;       // trees whose ids are added in one pass over the sums
constexpr int ROWS_PER_VECTOR = 512;

// `code <= rank` for one feature, or'ed or masked with its NaN and zero planes.
struct Question {
    uint16_t high, low;  // the rank's upper bits, and its lower four plus one
    bool never, nan_left, zero_missing;
};

struct NumericFeature {
    int32_t feature, n_thresholds, levels;
    int64_t tile_column;  // see tile_groups
    int64_t heap;       // into heap32: 2^levels pivots, the root at 1
    int64_t sorted;     // into floors and exact: the thresholds in ascending order, padded to 2^levels, or 16
    int64_t code_plane;  // levels planes, then one of NaN, then one of zeros
    bool needs_nan, needs_zero;
    int32_t question_begin, question_end;
};

// Whether a rank is in a set: one of `pieces` holds it (or, inverted, none); NaN goes its own way.
struct CategoryQuestion {
    int32_t piece_begin, piece_end;
    bool inverted, nan_left;
};

// Ranks (high << digit) + i, for the bits i of `subset`.
struct SetPiece {
    uint16_t high, subset;
};

struct CategoricalFeature {
    int32_t feature, levels;
    int digit;  // low bits of a rank: the planes of all subsets of their values are made once, for all questions
    int64_t rank_begin, n_codes;  // into rank_of_code; rank 0: every code that no set tells apart, and its last entry
    int64_t code_plane;           // levels planes, then one of NaN
    int32_t question_begin, question_end;
};

// Work space of a categorical feature: planes of the upper bits, of the low digit, and of the digit's subsets.
inline int64_t set_planes(const CategoricalFeature& c) {
    const int64_t high = int64_t{1} << (c.levels - c.digit), low = int64_t{1} << c.digit;
    return high + low + (int64_t{1} << low);
}

// dst = mask ? a : b, as byte offsets into the scratch, two to a word.
struct Op {
    uint32_t mask, a, b, dst;
};

struct TreeIds {
    int32_t bits;
    uint32_t plane[MAX_ID_BITS];
};

struct Group {
    int32_t op_begin, op_end, tree_begin, tree_end;
};

struct Chunk {
    int32_t group_begin, group_end, tree_begin, tree_end;
    int32_t id_bits;     // of the largest tree; every table has 2^id_bits entries
    int32_t output;      // the column, or -1: all of them
    int64_t table;       // byte offset: [column][tree][2^id_bits]
};

// How the tables of small trees lie, for look-ups in registers. split: doubles up to 64 leaves as two tables, of low
// and of high halves; bytes: doubles up to 32 leaves and floats up to 64 as a table for each of their bytes.
enum class Leaves { plain, split, bytes };

struct Plan {
    bool sums_in_float, rounds_to_float, truncates_negative, missing_is_float;
    int32_t n_features, n_outputs, leaf_width;
    double zero_bound, missing;
    int vectors;           // planes hold this many vectors of 512 rows
    int64_t plane_bytes, n_slots, n_masks, n_code_planes, largest_table_planes;

    std::vector<NumericFeature> numeric;
    std::vector<int32_t> tile_groups;  // columns that are asked for, four side by side: the first of each four
    std::vector<CategoricalFeature> categorical;
    std::vector<Question> questions;
    std::vector<CategoryQuestion> category_questions;
    std::vector<SetPiece> pieces;
    std::vector<uint16_t> rank_of_code;
    std::vector<float> heap32, floors, coarse;  // coarse: every sixteenth of the floors
    std::vector<double> exact;

    std::vector<Op> ops;
    std::vector<TreeIds> trees;
    std::vector<Group> groups;
    std::vector<Chunk> chunks;
    std::vector<char> tables;
    std::vector<char> base;  // n_outputs reals

    int64_t block_rows() const { return static_cast<int64_t>(vectors) * ROWS_PER_VECTOR; }
    int64_t masks_at() const { return (2 + n_slots) * plane_bytes; }
    int64_t tile_bytes() const { return static_cast<int64_t>(tile_groups.size()) * 4 * 64 * 8; }
    int64_t codes_at() const { return masks_at() + std::max(n_masks * plane_bytes, tile_bytes()); }
    int64_t work_at() const { return codes_at() + n_code_planes * plane_bytes; }
    int64_t ids_at() const { return work_at() + largest_table_planes * plane_bytes; }
    int64_t sums_at() const { return ids_at() + 2 * CHUNK_TREES * block_rows(); }
    int64_t scratch_bytes() const {
        return sums_at() + block_rows() * (sums_in_float ? 4 : 8) * (leaf_width > 1 ? n_outputs : 1);
    }
    int64_t bytes() const {
        return static_cast<int64_t>(ops.size() * sizeof(Op) + tables.size() + trees.size() * sizeof(TreeIds) +
                                    (heap32.size() + floors.size() + coarse.size()) * 4 + exact.size() * 8 +
                                    questions.size() * sizeof(Question) + pieces.size() * sizeof(SetPiece) +
                                    rank_of_code.size() * 2);
    }
};

}  // namespace perfcore::bitslice
