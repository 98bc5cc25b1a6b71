// A user's own function of the cells of one row, compiled by Numba: a C function behind a pointer.
#pragma once

#include "feature.hpp"

namespace perfcore::features {

// What the compiled form writes where the function raised an error (src/perfcore/_jit/): no C function can raise one.
constexpr uint64_t RAISED_BITS = 0x7FF8000000000EEE;

// Many rows at once: its loop is compiled with the function in it. One row is a call with n = 1, and the same bits.
using RowsFunction = void (*)(const double* const* columns, int64_t n, double* out);

// An answer's NaN has the bits of np.nan, whatever the arithmetic made.
inline double answer_of(double told) {
    return bits_of(told) == RAISED_BITS ? told : plain(told);
}

// Where NaN is what is missing the function sees it; elsewhere the answer of a missing cell is missing, as Arrow's of null.
inline void call(RowsFunction function, const double* const* columns, int n_columns, int64_t n, bool nan_is_missing,
                 double* out) {
    function(columns, n, out);
    for (int64_t i = 0; i < n; i++) out[i] = answer_of(out[i]);
    if (nan_is_missing) return;
    for (int j = 0; j < n_columns; j++)
        for (int64_t i = 0; i < n; i++)
            if (bits_of(columns[j][i]) == MISSING_BITS) out[i] = missing();
}

class Map final : public Feature {
public:
    Map(RowsFunction function, int n_inputs, bool nan_is_missing)
        : function_(function), n_inputs_(n_inputs), nan_is_missing_(nan_is_missing) {}
    int n_inputs() const override { return n_inputs_; }
    size_t state_bytes(int64_t) const override { return 0; }
    void reset(void*, int64_t) const override {}
    int64_t forgotten(int64_t n) const override { return n; }
    bool is_ready(const void*) const override { return true; }
    bool step(void*, const double* cells, int64_t, double* out) const override {
        const double* columns[MAX_INPUTS];
        for (int j = 0; j < n_inputs_; j++) columns[j] = cells + j;
        call(function_, columns, n_inputs_, 1, nan_is_missing_, out);
        return true;
    }
    void run(const Series& series, double* const* out, State&) const override {
        constexpr int64_t TILE = 1024;  // rows, so that what was written is still near when it is looked at again
        const double* columns[MAX_INPUTS];
        for (int64_t first = 0; first < series.n; first += TILE) {
            for (int j = 0; j < n_inputs_; j++) columns[j] = series.columns[j] + first;
            const int64_t n = series.n - first < TILE ? series.n - first : TILE;
            call(function_, columns, n_inputs_, n, nan_is_missing_, out[0] + first);
        }
    }

private:
    const RowsFunction function_;
    const int n_inputs_;
    const bool nan_is_missing_;
};

inline std::unique_ptr<Feature> make_map(const Spec& spec) {
    if (spec.kind != "map" || spec.integer("function", 0) == 0) return nullptr;
    return std::make_unique<Map>(reinterpret_cast<RowsFunction>(spec.integer("function", 0)),
                                 int(spec.integer("n_inputs", 1)), spec.nan_is_missing);
}

}  // namespace perfcore::features
