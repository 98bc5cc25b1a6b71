// On-balance volume: the volume of rows that closed higher less that of those that closed lower.
#pragma once

#include "smoothing.hpp"

namespace perfcore::features {

struct ObvState {
    int64_t n_seen;  // up to 1
    double close, total;
};

// Of close, volume. TA-Lib begins with the first row's volume, the others with none.
class Obv final : public Indicator<Obv, ObvState, 2, 1> {
public:
    static constexpr bool FUSED = false;
    Obv(const Spec& spec, bool with_first) : Indicator(spec), with_first_(with_first) {}
    using Indicator::is_ready;
    bool is_ready(const ObvState& state) const { return state.n_seen > 0; }
    PERFCORE_INLINE void next(ObvState& state, const double* cells, double* out) const {
        const double close = cells[0], volume = cells[1];
        if (state.n_seen == 0) {
            state.n_seen = 1;
            state.total = with_first_ ? volume : 0.0;
        } else {  // no jumps, which would guess wrong every other row; -0.0 is what changes no sum
            state.total += close > state.close ? volume : close < state.close ? -volume : -0.0;
        }
        state.close = close;
        out[0] = state.total;
    }

private:
    const bool with_first_;
};

}  // namespace perfcore::features
