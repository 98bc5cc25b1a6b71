// A feature of cells that are known only after their row: what it said of the rows before.
#pragma once

#include <algorithm>

#include "feature.hpp"

namespace perfcore::features {

// By rows: of the row before. By time: of the last row with another time; rows of one time are known together.
class After final : public Feature {
public:
    After(std::unique_ptr<Feature> inner, bool by_time) : inner_(std::move(inner)), by_time_(by_time) {}

    int n_inputs() const override { return inner_->n_inputs(); }
    int n_outputs() const override { return inner_->n_outputs(); }
    int64_t first_room() const override { return inner_->first_room(); }
    size_t state_bytes(int64_t room) const override { return own_bytes() + inner_->state_bytes(room); }
    void reset(void* state, int64_t room) const override {
        *static_cast<int64_t*>(state) = 0;
        std::fill_n(before(state), 2 * n_outputs(), missing());
        inner_->reset(inner(state), room);
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        std::memcpy(larger, state, own_bytes());
        inner_->move_to(inner(const_cast<void*>(state)), inner(larger), room);
    }
    bool is_state(const void* bytes, int64_t room) const override {
        return inner_->is_state(inner(const_cast<void*>(bytes)), room);
    }
    bool is_ready(const void* state) const override { return inner_->is_ready(inner(const_cast<void*>(state))); }

    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        if (!inner_->step(inner(state), cells, time, out)) return false;
        const int n = n_outputs();
        double *told = before(state), *latest = told + n;
        int64_t& last = *static_cast<int64_t*>(state);  // before the first row all is missing, so that its time is no matter
        if (!by_time_ || time != last) std::copy_n(latest, n, told);
        last = time;
        std::copy_n(out, n, latest);
        std::copy_n(told, n, out);
        return true;
    }

    void run(const Series& series, double* const* out, State& scratch) const override {
        inner_->run(series, out, scratch);
        for (int k = 0; k < n_outputs(); k++) {
            double told = missing(), latest = missing();
            for (int64_t i = 0; i < series.n; i++) {
                if (!by_time_ || (i > 0 && series.times[i] != series.times[i - 1])) told = latest;
                latest = out[k][i];
                out[k][i] = told;
            }
        }
    }

private:
    size_t own_bytes() const { return sizeof(int64_t) + 2 * size_t(n_outputs()) * sizeof(double); }
    double* before(void* state) const { return reinterpret_cast<double*>(static_cast<int64_t*>(state) + 1); }
    void* inner(void* state) const { return static_cast<char*>(state) + own_bytes(); }

    const std::unique_ptr<Feature> inner_;
    const bool by_time_;
};

}  // namespace perfcore::features
