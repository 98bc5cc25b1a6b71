// Averages in which each value weighs a constant part less than the one after it. They begin as the mean of the first few.
//
//     SMA seed   x1 ... xn ─▶ (0 + x1 + ... + xn) / n      then   average, x ─▶ Rule::next
//     no seed    x1        ─▶ x1
#pragma once

#include "indicator.hpp"

namespace perfcore::features {

enum class Convention { TALIB, TRADINGVIEW, PANDAS };

// With the old value's weight b and the new one's a. The order of operations is each source's own.
struct Towards {  // pandas' ewm(adjust=False), up to its last bits
    static constexpr bool FUSED = false;
    static PERFCORE_INLINE double next(double old, double x, double a, double) { return (x - old) * a + old; }
};
struct Fused {  // TA-Lib 0.8, ta_EMA.c on machines with FMA
    static constexpr bool FUSED = true;
    static PERFCORE_INLINE double next(double old, double x, double a, double) { return std::fma(x - old, a, old); }
};
struct FusedWeights {  // TA-Lib 0.8, ta_ATR.c on machines with FMA
    static constexpr bool FUSED = true;
    static PERFCORE_INLINE double next(double old, double x, double a, double b) { return std::fma(b, old, a * x); }
};
struct Wilder {  // TA-Lib 0.8, ta_RSI.c; b is n - 1
    static constexpr bool FUSED = false;
    static PERFCORE_INLINE double next(double old, double x, double a, double b) { return (old * b + x) * a; }
};
struct Weights {  // Pine: alpha * source + (1 - alpha) * previous
    static constexpr bool FUSED = false;
    static PERFCORE_INLINE double next(double old, double x, double a, double b) { return a * x + b * old; }
};

struct Average {
    int64_t n_seen;  // up to the seed's length
    double value;    // a sum until then
};

template <typename Rule>
struct Smoothing {
    static constexpr bool FUSED = Rule::FUSED;
    int64_t seed;
    double a, b, scale;  // scale: what makes a mean of the seed's sum

    // True: there is an average.
    PERFCORE_INLINE bool push(Average& average, double x) const {
        if (average.n_seen >= seed) {
            average.value = Rule::next(average.value, x, a, b);
            return true;
        }
        average.value += x;
        if (++average.n_seen < seed) return false;
        average.value = scale == 0.0 ? average.value / double(seed) : average.value * scale;
        return true;
    }
    bool is_ready(const Average& average) const { return average.n_seen >= seed; }
};

// An EMA of n: the new value weighs 2 / (n + 1).
template <typename Rule>
Smoothing<Rule> ema(int64_t n, bool is_seeded) {
    const double a = 2.0 / double(n + 1);
    return {is_seeded ? n : 1, a, 1.0 - a, 0.0};
}

// Wilder's average of n: the new value weighs 1 / n.
inline Smoothing<Wilder> wilder(int64_t n) { return {n, 1.0 / double(n), double(n - 1), 1.0 / double(n)}; }
inline Smoothing<FusedWeights> fused_wilder(int64_t n) {
    const double b = double(n - 1) / double(n);
    return {n, 1.0 - b, b, 0.0};
}
template <typename Rule>
Smoothing<Rule> rma(int64_t n, bool is_seeded) {
    const double a = 1.0 / double(n);
    return {is_seeded ? n : 1, a, 1.0 - a, 0.0};
}

}  // namespace perfcore::features
