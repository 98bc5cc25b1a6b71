// A feature of the rows that count alone: made of one that takes all rows.
#pragma once

#include "indicator.hpp"

namespace perfcore::features {

class Sifted final : public Feature {
public:
    Sifted(const Spec& spec, std::unique_ptr<Feature> inner) : inner_(std::move(inner)), absence_(spec) {}
    int n_inputs() const override { return inner_->n_inputs(); }
    int n_outputs() const override { return inner_->n_outputs(); }
    size_t state_bytes(int64_t room) const override { return inner_->state_bytes(room); }
    void reset(void* state, int64_t room) const override { inner_->reset(state, room); }
    bool is_ready(const void* state) const override { return inner_->is_ready(state); }
    bool is_state(const void* bytes, int64_t room) const override { return inner_->is_state(bytes, room); }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        if (counts(cells, n_inputs())) return inner_->step(state, cells, time, out);
        for (int k = 0; k < n_outputs(); k++) out[k] = absence_.of(cells, n_inputs());
        return true;
    }
    void run(const Series& series, double* const* out, State& scratch) const override {
        bool all = true;
        for (int j = 0; j < n_inputs(); j++)
            for (int64_t i = 0; i < series.n; i++) all &= counts(series.columns[j] + i, 1);
        if (all) inner_->run(series, out, scratch);
        else Feature::run(series, out, scratch);
    }

private:
    const std::unique_ptr<Feature> inner_;
    const Absence absence_;
};

}  // namespace perfcore::features
