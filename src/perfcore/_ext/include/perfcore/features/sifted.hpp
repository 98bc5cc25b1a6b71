// A feature of the rows that count alone: made of one that takes all rows.
#pragma once

#include <vector>

#include "indicator.hpp"
#include "scan.hpp"

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
        for (int j = 0; j < n_inputs(); j++) all = all && are_all_finite(series.columns[j], series.n);
        if (all) inner_->run(series, out, scratch);
        else run_rows_that_count(series, out, scratch);
    }

private:
    // They are a series of their own.
    void run_rows_that_count(const Series& series, double* const* out, State& scratch) const {
        const int n_in = n_inputs(), n_out = n_outputs();
        std::vector<int64_t> rows;
        double cells[MAX_INPUTS];
        for (int64_t i = 0; i < series.n; i++) {
            for (int j = 0; j < n_in; j++) cells[j] = series.columns[j][i];
            if (counts(cells, n_in)) rows.push_back(i);
        }
        const int64_t n = int64_t(rows.size());
        std::vector<double> of_rows(size_t(n) * size_t(n_in + n_out));
        const double* columns[MAX_INPUTS];
        double* told[MAX_INPUTS];
        for (int j = 0; j < n_in; j++) {
            double* const column = of_rows.data() + j * n;
            for (int64_t i = 0; i < n; i++) column[i] = series.columns[j][rows[size_t(i)]];
            columns[j] = column;
        }
        for (int k = 0; k < n_out; k++) told[k] = of_rows.data() + (n_in + k) * n;
        inner_->run({columns, nullptr, n}, told, scratch);
        for (int64_t i = 0, at = 0; i < series.n; i++) {
            const bool is_one = at < n && rows[size_t(at)] == i;
            for (int j = 0; j < n_in; j++) cells[j] = series.columns[j][i];
            for (int k = 0; k < n_out; k++) out[k][i] = is_one ? told[k][at] : absence_.of(cells, n_in);
            at += is_one;
        }
    }

    const std::unique_ptr<Feature> inner_;
    const Absence absence_;
};

}  // namespace perfcore::features
