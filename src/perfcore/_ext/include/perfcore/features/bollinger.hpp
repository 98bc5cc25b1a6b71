// A moving mean, and the lines so many standard deviations above and below it. Says the upper line, the mean, the lower one.
#pragma once

#include "moments.hpp"

namespace perfcore::features {

class Bollinger final : public Feature {
public:
    explicit Bollinger(const Spec& spec)
        : mean_(moment(spec, "mean")), std_(moment(spec, "std")), width_(spec.number("width", 2.0)) {}
    int n_outputs() const override { return 3; }
    size_t state_bytes(int64_t) const override { return mean_->state_bytes(0) + std_->state_bytes(0); }
    void reset(void* state, int64_t) const override {
        mean_->reset(state, 0);
        std_->reset(std_of(state), 0);
    }
    bool is_ready(const void* state) const override { return mean_->is_ready(state); }
    bool is_state(const void* bytes, int64_t) const override {
        return mean_->is_state(bytes, 0) && std_->is_state(std_of(const_cast<void*>(bytes)), 0);
    }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        mean_->step(state, cells, time, out + 1);
        std_->step(std_of(state), cells, time, out);
        lines(out[0], out[1], out[2]);
        return true;
    }
    void run(const Series& series, double* const* out, State& scratch) const override {
        mean_->run(series, out + 1, scratch);
        std_->run(series, out, scratch);
        for (int64_t i = 0; i < series.n; i++) lines(out[0][i], out[1][i], out[2][i]);
    }

private:
    void* std_of(void* state) const { return static_cast<char*>(state) + mean_->state_bytes(0); }
    void lines(double& upper, const double& middle, double& lower) const {
        const double std = upper;
        lower = middle == middle ? middle - width_ * std : middle;
        upper = middle == middle ? middle + width_ * std : middle;
    }

    const std::unique_ptr<Feature> mean_, std_;
    const double width_;
};

}  // namespace perfcore::features
