// The relative strength index: the part of all moves that went up, each averaged as Wilder does.
#pragma once

#include "smoothing.hpp"

namespace perfcore::features {

struct RsiState {
    int64_t n_seen;  // up to 1
    double last;
    Average gain, loss;
};

template <typename Rule, Convention convention>
class Rsi final : public Indicator<Rsi<Rule, convention>, RsiState, 1, 1> {
public:
    static constexpr bool FUSED = Rule::FUSED;
    Rsi(const Spec& spec, Smoothing<Rule> smoothing) : Indicator<Rsi, RsiState, 1, 1>(spec), smoothing_(smoothing) {}
    using Indicator<Rsi, RsiState, 1, 1>::is_ready;
    bool is_ready(const RsiState& state) const {
        return state.n_seen > 0 && smoothing_.is_ready(state.gain) && smoothing_.is_ready(state.loss);
    }
    PERFCORE_INLINE void next(RsiState& state, const double* cells, double* out) const {
        out[0] = this->none_;
        const double move = cells[0] - state.last;
        state.last = cells[0];
        if (state.n_seen == 0) {
            state.n_seen = 1;
            return;
        }
        const double gain = move > 0.0 ? move : 0.0;
        const bool is_there = smoothing_.push(state.gain, gain);
        smoothing_.push(state.loss, gain - move);
        if (is_there) out[0] = index(state.gain.value, state.loss.value);
    }

private:
    // Where nothing moved: TA-Lib says 0, TradingView 100, and pandas' 0 / 0 is not there.
    PERFCORE_INLINE double index(double gain, double loss) const {
        if (convention == Convention::TALIB) return gain + loss > 0.0 ? 100.0 * (gain / (gain + loss)) : 0.0;
        if (convention == Convention::TRADINGVIEW && loss == 0.0) return 100.0;
        if (convention == Convention::TRADINGVIEW && gain == 0.0) return 0.0;
        return gain + loss > 0.0 ? 100.0 - 100.0 / (1.0 + gain / loss) : this->none_;
    }

    const Smoothing<Rule> smoothing_;
};

}  // namespace perfcore::features
