// The canonical forest as the kernels see it; src/perfcore/model/forest.py draws the layout and checks it.
#pragma once

#include <cstdint>

namespace perfcore {

enum Flag : uint8_t { NAN_LEFT = 1, ZERO_MISSING = 2, CATEGORICAL = 4, OTHER_LEFT = 8 };

enum class Status : int { ok = 0, out_of_memory = 1 };

struct ForestView {
    // nodes
    const int32_t* feature;
    const double* threshold;
    const int32_t* left;   // >= 0: node, < 0: ~leaf
    const int32_t* right;
    const uint8_t* flags;
    const int32_t* category;
    const int64_t* set_start;
    const uint32_t* set_words;
    // trees
    const int32_t* root;
    const int32_t* leaf_start;
    const int32_t* output;
    // leaves: value is float* or double*
    const void* value;
    const int32_t* label;
    const void* base;
    // linear leaves, null where there are none
    const double* linear_constant;
    const int32_t* linear_start;
    const int32_t* linear_feature;
    const double* linear_coefficient;
    const uint8_t* linear_applies;

    int64_t n_nodes, n_leaves, n_trees;
    int32_t n_features, n_outputs, leaf_width;
    bool sums_in_float, rounds_to_float, truncates_negative;
    double zero_bound, missing;
};

// A table of n rows: cell (i, j) lies at data + i * row_stride + j * column_stride bytes.
struct Table {
    const char* data;
    int64_t row_stride, column_stride, n;
    bool is_float;  // float32, else float64

    double cell(int64_t row, int64_t column) const {
        const char* at = data + row * row_stride + column * column_stride;
        return is_float ? static_cast<double>(*reinterpret_cast<const float*>(at))
                        : *reinterpret_cast<const double*>(at);
    }
};

}  // namespace perfcore
