// Where the close lies between the lowest low and the highest high of late, in percent; its moving mean (%K), and the moving
// mean of that (%D). Of high, low, close.
#pragma once

#include <algorithm>

#include "extrema.hpp"
#include "moments.hpp"
#include "scan.hpp"
#include "smoothing.hpp"

namespace perfcore::features {

struct Extent {
    static constexpr int CELLS = 3;
    static constexpr bool LADDER = false;
    struct Anchor {};
    struct Body {
        double n, high, low;
    };
    using Kept = Body;

    static Anchor anchor(const double*) { return {}; }
    static Body nothing() { return {0.0, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()}; }
    static void push(Body& body, const Anchor&, const double* cells) {
        body = {body.n + 1.0, std::max(body.high, cells[0]), std::min(body.low, cells[1])};
    }
    static void add(Body& body, const Body& more) { body = kept(body, more); }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& more) {
        return {body.n + more.n, std::max(body.high, more.high), std::min(body.low, more.low)};
    }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) { return kept(front, back); }
};

// Where all highs and lows are one price, TA-Lib says 0 (up to roundings, ta_STOCH.c), and TradingView nothing.
template <Convention convention>
struct SayPlace {
    explicit SayPlace(const Spec& spec)
        : least(double(spec.integer("min_periods", 1))), none(spec.none()) {}
    double operator()(const Held<Extent>& held, const double* cells) const {
        const double high = held.kept.high, low = held.kept.low, close = cells[2];
        return held.kept.n < least ? none : has_range(high, low) ? place(high, low, close) : of_one_price();
    }
    static bool has_range(double high, double low) {
        const double extent = high - low;
        if (convention != Convention::TALIB) return extent != 0.0;
        return !(std::fabs(extent) <= 1e-14 * (std::fabs(high) + std::fabs(low)));
    }
    static double place(double high, double low, double close) {
        const double extent = high - low, from = (close - low) + 0.0;  // 0.0 also where the low is -0.0
        return convention == Convention::TALIB ? from / (extent / 100.0) : 100.0 * from / extent;
    }
    double of_one_price() const { return convention == Convention::TALIB ? 0.0 : none; }

    const double least, none;
};

template <Convention convention>
class Stoch final : public Feature {
    using Say = SayPlace<convention>;

public:
    explicit Stoch(const Spec& spec)
        : say_(of_rows(spec, "n")), place_(over_window<Extent, Say>(of_rows(spec, "n"))),
          highest_(of_rows(spec, "n")), lowest_(of_rows(spec, "n")),
          k_(moment(of_rows(spec, "smooth"), "mean")), d_(moment(of_rows(spec, "signal"), "mean")),
          rows_(spec.integer("n", 1)), smooth_(spec.integer("smooth", 1)), signal_(spec.integer("signal", 1)) {}
    int n_inputs() const override { return 3; }
    int n_outputs() const override { return 2; }
    size_t state_bytes(int64_t) const override {
        return place_->state_bytes(0) + k_->state_bytes(0) + d_->state_bytes(0);
    }
    void reset(void* state, int64_t) const override {
        place_->reset(state, 0);
        k_->reset(k_of(state), 0);
        d_->reset(d_of(state), 0);
    }
    bool is_ready(const void* state) const override { return d_->is_ready(d_of(const_cast<void*>(state))); }
    bool is_state(const void* bytes, int64_t) const override {
        void* state = const_cast<void*>(bytes);
        return place_->is_state(bytes, 0) && k_->is_state(k_of(state), 0) && d_->is_state(d_of(state), 0);
    }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        double place;
        place_->step(state, cells, time, &place);
        out[0] = out[1] = place;
        if (place != place) return true;
        k_->step(k_of(state), &place, time, out);
        out[1] = out[0];
        if (out[0] != out[0]) return true;
        d_->step(d_of(state), out, time, out + 1);
        if (convention == Convention::TALIB && out[1] != out[1]) out[0] = out[1];
        return true;
    }

    // One part after the other; where one has no number in the midst, the next leaves its row out: step by step.
    void run(const Series& series, double* const* out, State& scratch) const override {
        double *k = out[0], *d = out[1];
        const int64_t has_place = std::min(rows_ - 1, series.n);
        const int64_t has_k = std::min(has_place + smooth_ - 1, series.n), has_d = std::min(has_k + signal_ - 1, series.n);
        places(series, k, d, scratch);
        if (has_nan(d + has_place, series.n - has_place)) return Feature::run(series, out, scratch);
        smooth(*k_, smooth_, d, k, has_place, series.n, scratch);
        if (has_nan(k + has_k, series.n - has_k)) return Feature::run(series, out, scratch);  // of infinite places
        std::copy_n(d, has_place, k);
        smooth(*d_, signal_, k, d, has_k, series.n, scratch);
        if (has_nan(d + has_d, series.n - has_d)) return Feature::run(series, out, scratch);  // some of k were
        std::copy_n(k, has_k, d);
        if (convention == Convention::TALIB) std::copy_n(d, has_d, k);
    }

private:
    static constexpr int64_t BLOCK = 64;

    // What `place_` says: the extremes first, all of them.
    void places(const Series& series, double* highs, double* out, State& scratch) const {
        highest_.run({series.columns, nullptr, series.n}, &highs, scratch);
        lowest_.run({series.columns + 1, nullptr, series.n}, &out, scratch);
        const double* const closes = series.columns[2];
        const int64_t first = std::min(rows_ - 1, series.n);
        std::fill(out, out + first, say_.none);
        for (int64_t i = first, end; i < series.n; i = end) {
            end = std::min(i + BLOCK, series.n);
            double told[BLOCK];
            int64_t n_ranges = 0;
            for (int64_t j = i; j < end; j++) told[j - i] = Say::place(highs[j], out[j], closes[j]);
            for (int64_t j = i; j < end; j++) n_ranges += Say::has_range(highs[j], out[j]);
            if (n_ranges < end - i)
                for (int64_t j = i; j < end; j++)
                    if (!Say::has_range(highs[j], out[j])) told[j - i] = say_.of_one_price();
            std::copy(told, told + (end - i), out + i);
        }
    }
    static void smooth(const Feature& mean, int64_t rows, const double* cells, double* out, int64_t begin, int64_t n,
                       State& scratch) {
        cells += begin;
        out += begin;
        if (rows == 1) std::copy_n(cells, n - begin, out);
        else mean.run({&cells, nullptr, n - begin}, &out, scratch);
    }
    static Spec of_rows(const Spec& spec, const char* name) {
        Spec own = spec;
        own.integers["rows"] = own.integers["min_periods"] = spec.integer(name, 1);
        return own;
    }
    void* k_of(void* state) const { return static_cast<char*>(state) + place_->state_bytes(0); }
    void* d_of(void* state) const { return static_cast<char*>(k_of(state)) + k_->state_bytes(0); }

    const Say say_;
    const std::unique_ptr<Feature> place_;
    const Extremum<true> highest_;
    const Extremum<false> lowest_;
    const std::unique_ptr<Feature> k_, d_;
    const int64_t rows_, smooth_, signal_;
};

}  // namespace perfcore::features
