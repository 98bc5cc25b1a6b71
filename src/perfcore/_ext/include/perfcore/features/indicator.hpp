// Indicators of prices: features that leave a row out, as if it were not there, when one of its cells is missing, NaN or
// infinite. What they say of such a row is missing, or NaN where no cell is missing; what they remember stays as it was.
//
// Some of TA-Lib's sums are of fused multiplications, where the machine has them (std::fma, the C library's where the
// compiler may not use the instruction): `run` uses the instruction when it is there. The bits are the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "feature.hpp"
#include "isa.hpp"

namespace perfcore::features {

PERFCORE_INLINE bool counts(const double* cells, int n) {
    bool all = true;
    for (int j = 0; j < n; j++) all &= cells[j] - cells[j] == 0.0;
    return all;
}

// What is said of a row that does not count.
class Absence {
public:
    explicit Absence(const Spec& spec) : nan_is_missing_(spec.nan_is_missing) {}
    double of(const double* cells, int n) const {
        if (!nan_is_missing_)
            for (int j = 0; j < n; j++)
                if (is_missing(cells[j], false)) return missing();
        return not_a_number();
    }

private:
    bool nan_is_missing_;
};

// `Own` has `void next(OwnState&, const double* cells, double* out) const`, for rows that count, `bool is_ready(const
// OwnState&) const`, and says whether it is FUSED. An OwnState of zeros has seen no row.
template <typename Own, typename OwnState, int N_IN, int N_OUT>
class Indicator : public Feature {
public:
    explicit Indicator(const Spec& spec) : absence_(spec), has_fma_(may_use_fma()), none_(spec.none()) {}
    int n_inputs() const override { return N_IN; }
    int n_outputs() const override { return N_OUT; }
    size_t state_bytes(int64_t) const override { return sizeof(OwnState); }
    void reset(void* state, int64_t) const override { std::memset(state, 0, sizeof(OwnState)); }
    bool is_ready(const void* state) const override { return own().is_ready(*static_cast<const OwnState*>(state)); }
    bool step(void* state, const double* cells, int64_t, double* out) const override {
        row(*static_cast<OwnState*>(state), cells, out);
        return true;
    }
    void run(const Series& series, double* const* out, State&) const override {
        if (Own::FUSED && has_fma_) run_with_fma(series, out);
        else loop(series, out);
    }

private:
    static constexpr int64_t BLOCK = 64;

    const Own& own() const { return static_cast<const Own&>(*this); }

    PERFCORE_FMA void run_with_fma(const Series& series, double* const* out) const { loop(series, out); }

    // Block by block. Where all rows of one count, and the first rows' questions are answered, a loop without either has the
    // state in registers; others go through a copy of it.
    PERFCORE_INLINE void loop(const Series& series, double* const* out) const {
        OwnState state{};
        for (int64_t i = 0; i < series.n;) {
            const int64_t end = std::min(i + BLOCK, series.n);
            if (own().is_ready(state) && all_count(series, i, end)) {
                for (; i < end; i++) {
                    if (!own().is_ready(state)) PERFCORE_UNREACHABLE;  // once ready, it stays so
                    double cells[N_IN], told[N_OUT];
                    for (int j = 0; j < N_IN; j++) cells[j] = series.columns[j][i];
                    own().next(state, cells, told);
                    for (int k = 0; k < N_OUT; k++) out[k][i] = told[k];
                }
            } else {
                OwnState copy = state;
                rows(series, i, end, copy, out);
                state = copy;
                i = end;
            }
        }
    }

    static PERFCORE_INLINE bool all_count(const Series& series, int64_t begin, int64_t end) {
        uint64_t none = 0;  // x - x is +0.0, without a bit, but for NaN and infinities
        for (int j = 0; j < N_IN; j++)
            for (int64_t i = begin; i < end; i++) none |= bits_of(series.columns[j][i] - series.columns[j][i]);
        return none == 0;
    }

    PERFCORE_APART void rows(const Series& series, int64_t begin, int64_t end, OwnState& state, double* const* out) const {
        double cells[N_IN], told[N_OUT];
        for (int64_t i = begin; i < end; i++) {
            for (int j = 0; j < N_IN; j++) cells[j] = series.columns[j][i];
            row(state, cells, told);
            for (int k = 0; k < N_OUT; k++) out[k][i] = told[k];
        }
    }

    PERFCORE_INLINE void row(OwnState& state, const double* cells, double* out) const {
        if (counts(cells, N_IN)) return own().next(state, cells, out);
        const double absent = absence_.of(cells, N_IN);
        for (int k = 0; k < N_OUT; k++) out[k] = absent;
    }

    const Absence absence_;
    const bool has_fma_;

protected:
    const double none_;
};

}  // namespace perfcore::features
