// Exponential moving averages, and the MACD: a fast one less a slow one, and how that moves around its own average.
#pragma once

#include "smoothing.hpp"

namespace perfcore::features {

template <typename Rule>
class Ema final : public Indicator<Ema<Rule>, Average, 1, 1> {
public:
    static constexpr bool FUSED = Rule::FUSED;
    Ema(const Spec& spec, Smoothing<Rule> smoothing) : Indicator<Ema, Average, 1, 1>(spec), smoothing_(smoothing) {}
    using Indicator<Ema, Average, 1, 1>::is_ready;
    bool is_ready(const Average& average) const { return smoothing_.is_ready(average); }
    PERFCORE_INLINE void next(Average& average, const double* cells, double* out) const {
        out[0] = smoothing_.push(average, cells[0]) ? average.value : this->none_;
    }

private:
    const Smoothing<Rule> smoothing_;
};

struct MacdState {
    int64_t n_led;
    Average fast, slow, signal;
};

// Macd, signal, histogram. TA-Lib's fast average begins so late that its seed ends with the slow one's, and it says nothing
// before all three are there.
template <typename Rule>
class Macd final : public Indicator<Macd<Rule>, MacdState, 1, 3> {
public:
    static constexpr bool FUSED = Rule::FUSED;
    Macd(const Spec& spec, bool is_seeded, bool is_talib)
        : Indicator<Macd, MacdState, 1, 3>(spec),
          fast_(ema<Rule>(spec.integer("fast", 12), is_seeded)),
          slow_(ema<Rule>(spec.integer("slow", 26), is_seeded)),
          signal_(ema<Rule>(spec.integer("signal", 9), is_seeded)),
          lead_(is_talib ? slow_.seed - fast_.seed : 0),
          at_once_(is_talib) {}
    using Indicator<Macd, MacdState, 1, 3>::is_ready;
    bool is_ready(const MacdState& state) const {
        return state.n_led >= lead_ && fast_.is_ready(state.fast) && slow_.is_ready(state.slow) &&
               signal_.is_ready(state.signal);
    }
    PERFCORE_INLINE void next(MacdState& state, const double* cells, double* out) const {
        const double x = cells[0];
        out[0] = out[1] = out[2] = this->none_;
        const bool has_slow = slow_.push(state.slow, x);
        if (state.n_led < lead_) {
            state.n_led++;
            return;
        }
        if (!fast_.push(state.fast, x) || !has_slow) return;
        const double macd = state.fast.value - state.slow.value;
        const bool has_signal = signal_.push(state.signal, macd);
        if (has_signal || !at_once_) out[0] = macd;
        if (!has_signal) return;
        out[1] = state.signal.value;
        out[2] = macd - state.signal.value;
    }

private:
    const Smoothing<Rule> fast_, slow_, signal_;
    const int64_t lead_;
    const bool at_once_;
};

}  // namespace perfcore::features
