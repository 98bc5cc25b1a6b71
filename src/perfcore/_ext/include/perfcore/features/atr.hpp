// The average true range, also in percent of the close. A true range is a row's, with the gap from the close before it.
#pragma once

#include "smoothing.hpp"

namespace perfcore::features {

PERFCORE_INLINE double true_range(double high, double low, double last_close) {
    double range = high - low;
    const double above = std::fabs(last_close - high), below = std::fabs(last_close - low);
    if (above > range) range = above;
    if (below > range) range = below;
    return range;
}

struct AtrState {
    int64_t n_seen;  // up to 1
    double close;
    Average range;
};

// Of high, low, close. TA-Lib has no true range of the first row; the others take its high less its low.
template <typename Rule, Convention convention, bool in_percent>
class Atr final : public Indicator<Atr<Rule, convention, in_percent>, AtrState, 3, 1> {
public:
    static constexpr bool FUSED = Rule::FUSED;
    Atr(const Spec& spec, Smoothing<Rule> smoothing) : Indicator<Atr, AtrState, 3, 1>(spec), smoothing_(smoothing) {}
    using Indicator<Atr, AtrState, 3, 1>::is_ready;
    bool is_ready(const AtrState& state) const { return state.n_seen > 0 && smoothing_.is_ready(state.range); }
    PERFCORE_INLINE void next(AtrState& state, const double* cells, double* out) const {
        const double high = cells[0], low = cells[1], close = cells[2];
        const bool is_first = state.n_seen == 0;
        const double range = is_first ? high - low : true_range(high, low, state.close);
        state.n_seen = 1;
        state.close = close;
        out[0] = this->none_;
        if (is_first && convention == Convention::TALIB) return;
        if (!smoothing_.push(state.range, range)) return;
        if (!in_percent) out[0] = state.range.value;
        else out[0] = close == 0.0 ? 0.0 : state.range.value / close * 100.0;
    }

private:
    const Smoothing<Rule> smoothing_;
};

}  // namespace perfcore::features
