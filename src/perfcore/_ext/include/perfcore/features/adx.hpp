// How much of the true range the highs' rises (+DI) and the lows' falls (-DI) make up, and how far one outweighs the other
// (ADX), averaged. Of high, low, close; says ADX, +DI, -DI.
#pragma once

#include "atr.hpp"

namespace perfcore::features {

struct Moves {
    double up, down, range;

    // What a row adds to them: the larger of a rise of the high and a fall of the low, if it is one.
    static PERFCORE_INLINE Moves of(double high, double low, const double* last) {
        const double rise = high - last[0], fall = last[1] - low;
        return {rise > fall && rise > 0.0 ? rise : 0.0, fall > rise && fall > 0.0 ? fall : 0.0,
                true_range(high, low, last[2])};
    }
};

// TA-Lib's: sums of the first n - 1 moves, which lose an nth of themselves before each that follows.
struct AdxState {
    int64_t n_seen;  // rows, up to 2 n
    double last[3];
    Moves sums;
    double adx;  // a sum of n until row 2 n
};

class Adx final : public Indicator<Adx, AdxState, 3, 3> {
public:
    static constexpr bool FUSED = false;
    Adx(const Spec& spec, int64_t n) : Indicator(spec), n_(n) {}
    using Indicator::is_ready;
    bool is_ready(const AdxState& state) const { return state.n_seen >= 2 * n_; }
    PERFCORE_INLINE void next(AdxState& state, const double* cells, double* out) const {
        out[0] = out[1] = out[2] = this->none_;
        const int64_t row = state.n_seen;
        if (row < 2 * n_) state.n_seen++;
        const Moves moves = Moves::of(cells[0], cells[1], state.last);
        std::memcpy(state.last, cells, sizeof state.last);
        if (row == 0) return;
        Moves& sums = state.sums;
        const double n = double(n_);
        if (row >= n_) sums = {sums.up - sums.up / n, sums.down - sums.down / n, sums.range - sums.range / n};
        sums = {sums.up + moves.up, sums.down + moves.down, sums.range + moves.range};
        if (row < n_) return;
        const bool has_range = sums.range > 0.0;
        out[1] = has_range ? 100.0 * (sums.up / sums.range) : 0.0;
        out[2] = has_range ? 100.0 * (sums.down / sums.range) : 0.0;
        const double both = out[1] + out[2];
        if (has_range && both >= 1e-14) {
            const double dx = 100.0 * (std::fabs(out[2] - out[1]) / both);
            state.adx = row < 2 * n_ ? state.adx + dx : (state.adx * (n - 1.0) + dx) / n;
        }
        if (row == 2 * n_ - 1) state.adx /= n;
        if (row >= 2 * n_ - 1) out[0] = state.adx;
    }

private:
    const int64_t n_;
};

// TradingView's: Wilder's averages, of the moves and of their difference.
struct DmiState {
    int64_t n_seen;  // up to 1
    double last[3];
    Average up, down, range, dx;
    int64_t n_told;  // up to 1
    double plus, minus;
};

class Dmi final : public Indicator<Dmi, DmiState, 3, 3> {
public:
    static constexpr bool FUSED = false;
    Dmi(const Spec& spec, int64_t n) : Indicator(spec), smoothing_(rma<Weights>(n, true)) {}
    using Indicator::is_ready;
    bool is_ready(const DmiState& state) const {
        return state.n_seen > 0 && state.n_told > 0 && smoothing_.is_ready(state.up) && smoothing_.is_ready(state.down) &&
               smoothing_.is_ready(state.range) && smoothing_.is_ready(state.dx);
    }
    PERFCORE_INLINE void next(DmiState& state, const double* cells, double* out) const {
        out[0] = out[1] = out[2] = this->none_;
        const Moves moves = Moves::of(cells[0], cells[1], state.last);
        std::memcpy(state.last, cells, sizeof state.last);
        if (state.n_seen == 0) {
            state.n_seen = 1;
            return;
        }
        smoothing_.push(state.up, moves.up);
        smoothing_.push(state.down, moves.down);
        if (!smoothing_.push(state.range, moves.range)) return;
        if (state.range.value > 0.0) {  // else as they were: Pine's fixnan
            state.n_told = 1;
            state.plus = 100.0 * state.up.value / state.range.value;
            state.minus = 100.0 * state.down.value / state.range.value;
        }
        if (state.n_told == 0) return;
        out[1] = state.plus;
        out[2] = state.minus;
        const double both = state.plus + state.minus;
        const double dx = std::fabs(state.plus - state.minus) / (both == 0.0 ? 1.0 : both);
        if (smoothing_.push(state.dx, dx)) out[0] = plain(100.0 * state.dx.value);  // NaN of two signs meet in it
    }

private:
    const Smoothing<Weights> smoothing_;
};

}  // namespace perfcore::features
