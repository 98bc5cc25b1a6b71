// Exponentially weighted means, variances and what is made of them, by pandas' conventions (DataFrame.ewm).
//
// With each row, or with the time since the last, what came before loses a part of its weight:
//
//     adjust         weights 1, 1 - alpha, (1 - alpha)^2, ... from the newest row back
//     no adjust      alpha for the newest row, what is left for the mean so far
//
// Each number is moved by an increment to its next value: mean += r * (x - mean). Two doubles hold it, so that
// the roundings of the sums do not add up over 1 / alpha rows, nor does a large mean hide small deviations.
#pragma once

#include <algorithm>
#include <cmath>

#include "moments.hpp"

namespace perfcore::features {

struct Wide {
    double high, low;  // their sum; high is that sum, rounded

    void add(double more) {
        more += low;
        const double sum = high + more, back = sum - high;
        low = (high - (sum - back)) + (more - back);
        high = sum;
    }
    // To the mean of it, which weighs `rest`, and x, which weighs `part`: from the nearer of the two.
    void move(double x, double by, double part, double rest) {
        if (part > 0.5) *this = {x, 0};
        add(part > 0.5 ? -rest * by : part * by);
    }
    // To `kept` of it: 1 - loss.
    void shrink(double loss, double kept) {
        if (loss > 0.5) *this = {kept * high, 0};
        else add(-loss * high);
    }
};

enum class Ewm { MEAN, VAR, STD, COV, CORR };

struct EwmState {
    int64_t n, last;      // cells so far; the time of the last row
    Wide weight;          // of all cells so far
    Wide pairs;           // weight^2 less the sum of the squares of weights: the products of any two
    Wide mean, mean_y;
    Wide xx, xy, yy;      // weighted means of the products of deviations
    double unbiased;      // weight^2 / pairs as of the last cell: what follows it changes both, not this; 0 of one cell
    double odd, odd_y;    // the sum of infinite and NaN cells, which stay for good
};

template <Ewm what>
class Weighted final : public Feature {
public:
    explicit Weighted(const Spec& spec)
        : alpha_(spec.number("alpha", 0.5)),
          decay_(spec.integer("time", 0) == 0 ? 0 : std::log(2.0) / double(spec.integer("time", 0))),
          min_periods_(std::max<int64_t>(1, spec.integer("min_periods", 1))),
          adjusts_(spec.integer("adjust", 1) != 0),
          skips_(spec.integer("ignore_na", 0) != 0),
          is_biased_(spec.integer("bias", 0) != 0),
          nan_is_missing_(spec.nan_is_missing) {}

    int n_inputs() const override { return HAS_Y ? 2 : 1; }
    size_t state_bytes(int64_t) const override { return sizeof(EwmState); }
    void reset(void* state, int64_t) const override { std::memset(state, 0, sizeof(EwmState)); }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        *out = one(*static_cast<EwmState*>(state), cells[0], cells[HAS_Y], time);
        return true;
    }
    bool is_ready(const void* state) const override { return static_cast<const EwmState*>(state)->n >= min_periods_; }
    bool is_state(const void* bytes, int64_t) const override {
        const int64_t n = static_cast<const EwmState*>(bytes)->n;
        return n >= 0 && n < INT64_MAX / 2;
    }

    void run(const Series& series, double* const* out, State&) const override {
        EwmState state{};
        const double *x = series.columns[0], *y = series.columns[HAS_Y];
        const int64_t* times = series.times;
        for (int64_t i = 0; i < series.n; i++) out[0][i] = one(state, x[i], y[i], times == nullptr ? 0 : times[i]);
    }

private:
    // What weighs less, after a long run of missing rows, is forgotten: its products would lose digits to underflow.
    static constexpr double LEAST_WEIGHT = 1e-290;
    static constexpr bool HAS_Y = what == Ewm::COV || what == Ewm::CORR;

    double one(EwmState& state, double x, double y, int64_t time) const {
        const bool is_there = !is_missing(x, nan_is_missing_) && !(HAS_Y && is_missing(y, nan_is_missing_));
        if (state.n != 0 && (is_there || !skips_)) {
            const double passed = decay_ * double(uint64_t(time) - uint64_t(state.last));
            const double loss = decay_ == 0 ? alpha_ : -std::expm1(-passed);
            const double kept = decay_ == 0 ? 1 - alpha_ : std::exp(-passed);
            state.weight.shrink(loss, kept);
            if (what != Ewm::MEAN) state.pairs.shrink(loss * (2 - loss), kept * kept);
        }
        state.last = time;
        if (is_there) take(state, x, y);
        return state.n < min_periods_ ? missing() : told(state);
    }

    void take(EwmState& state, double x, double y) const {
        if (!std::isfinite(x) || (HAS_Y && !std::isfinite(y))) {
            state.odd += std::isfinite(x) ? 0 : x;
            state.odd_y += !HAS_Y || std::isfinite(y) ? 0 : y;
        }
        const double before = state.weight.high;
        if (state.n++ == 0 || before < LEAST_WEIGHT) {
            state.weight = {1, 0};
            state.mean = {x, 0};
            state.mean_y = {y, 0};
            state.pairs = state.xx = state.xy = state.yy = {0, 0};
            state.unbiased = 0;
            return;
        }
        const double weight = adjusts_ ? 1 : decay_ == 0 ? alpha_ : (1 - before) - state.weight.low;
        state.weight.add(weight);
        const double all = state.weight.high, part = weight / all, rest = before / all;
        const double by = (x - state.mean.high) - state.mean.low;
        state.mean.move(x, by, part, rest);
        if (what == Ewm::MEAN) {
            if (!adjusts_) state.weight = {1, 0};
            return;
        }
        if (what != Ewm::COV) deviate(state.xx, by * by, part, rest);
        if (HAS_Y) {
            const double by_y = (y - state.mean_y.high) - state.mean_y.low;
            state.mean_y.move(y, by_y, part, rest);
            deviate(state.xy, by * by_y, part, rest);
            if (what == Ewm::CORR) deviate(state.yy, by_y * by_y, part, rest);
        }
        state.pairs.add(2 * weight * before);
        if (!adjusts_) {
            if (all != 1) state.pairs = {state.pairs.high / (all * all), 0};
            state.weight = {1, 0};
        }
        state.unbiased = state.pairs.high > 0 ? state.weight.high * state.weight.high / state.pairs.high : 0;
    }

    // To rest * (it + part * product).
    static void deviate(Wide& mean, double product, double part, double rest) {
        if (part > 0.5) mean = {rest * (mean.high + part * product), 0};
        else mean.add(part * (rest * product - mean.high));
    }

    double told(const EwmState& state) const {
        if (state.odd != 0 || state.odd_y != 0) {
            const bool is_infinite = what == Ewm::MEAN && std::isinf(state.odd);
            return is_infinite ? state.odd : not_a_number();
        }
        if (what == Ewm::MEAN) return state.mean.high;
        if (what == Ewm::CORR) {
            const double xx = state.xx.high, yy = state.yy.high;
            if (xx < LEAST_POWER || yy < LEAST_POWER) return missing();
            const double both = std::sqrt(xx) * std::sqrt(yy);
            return std::isfinite(both) ? std::max(-1.0, std::min(1.0, state.xy.high / both)) : not_a_number();
        }
        double cov = what == Ewm::COV ? state.xy.high : state.xx.high < 0 ? 0 : state.xx.high;
        if (!is_biased_) {
            if (!(state.unbiased > 0)) return missing();
            cov *= state.unbiased;
        }
        return what == Ewm::STD ? std::sqrt(cov) : cov;
    }

    const double alpha_, decay_;
    const int64_t min_periods_;
    const bool adjusts_, skips_, is_biased_, nan_is_missing_;
};

inline std::unique_ptr<Feature> make_ewm(const Spec& spec) {
    if (spec.kind == "ewm_mean") return std::make_unique<Weighted<Ewm::MEAN>>(spec);
    if (spec.kind == "ewm_var") return std::make_unique<Weighted<Ewm::VAR>>(spec);
    if (spec.kind == "ewm_std") return std::make_unique<Weighted<Ewm::STD>>(spec);
    if (spec.kind == "ewm_cov") return std::make_unique<Weighted<Ewm::COV>>(spec);
    if (spec.kind == "ewm_corr") return std::make_unique<Weighted<Ewm::CORR>>(spec);
    return nullptr;
}

}  // namespace perfcore::features
