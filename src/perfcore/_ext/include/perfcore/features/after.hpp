// A feature of cells that are known only after their row: what it says of the rows before.
#pragma once

#include <algorithm>

#include "make.hpp"

namespace perfcore::features {

// By rows: of the row before. By time: of the last row with another time; rows of one time are known together. `nothing`:
// of no row.
class After final : public Feature {
public:
    After(std::unique_ptr<Feature> inner, bool by_time, std::vector<double> nothing)
        : inner_(std::move(inner)), by_time_(by_time), nothing_(std::move(nothing)) {}

    int n_inputs() const override { return inner_->n_inputs(); }
    int n_outputs() const override { return inner_->n_outputs(); }
    int64_t first_room() const override { return inner_->first_room(); }
    size_t state_bytes(int64_t room) const override { return own_bytes() + inner_->state_bytes(room); }
    void reset(void* state, int64_t room) const override {
        *static_cast<int64_t*>(state) = 0;
        for (int i = 0; i < 2; i++) std::copy(nothing_.begin(), nothing_.end(), before(state) + i * n_outputs());
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
        int64_t& last = *static_cast<int64_t*>(state);  // before the first row both are of nothing: its time is no matter
        if (!by_time_ || time != last) std::copy_n(latest, n, told);
        last = time;
        std::copy_n(out, n, latest);
        std::copy_n(told, n, out);
        return true;
    }

    void run(const Series& series, double* const* out, State& scratch) const override {
        inner_->run(series, out, scratch);
        for (int k = 0; k < n_outputs(); k++) {
            double told = nothing_[size_t(k)], latest = told;
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
    const std::vector<double> nothing_;
};

// A window of rows, closed as it may be, is of the last rows that are known. One of time goes back from the present row,
// and ends before it.
inline std::unique_ptr<Feature> make_after(Spec spec, bool by_time) {
    const auto closed = spec.integers.find("closed");
    if (closed == spec.integers.end()) {
        auto inner = make(spec);
        if (inner == nullptr) return nullptr;
        const size_t n_outputs = size_t(inner->n_outputs());
        return std::make_unique<After>(std::move(inner), by_time, std::vector<double>(n_outputs, missing()));
    }
    if (spec.integer("time", 0) != 0) {
        closed->second &= 1;
        spec.integers["of_newest"] = 1;
        return make(spec);
    }
    closed->second = 1;
    const auto of_none = make(spec);
    if (of_none == nullptr) return nullptr;
    std::vector<double> cells(size_t(of_none->n_inputs()), missing()), nothing(size_t(of_none->n_outputs()));
    State state;
    state.reset(*of_none);
    state.step(*of_none, cells.data(), 0, nothing.data());
    closed->second = 2;
    return std::make_unique<After>(make(spec), by_time, std::move(nothing));
}

}  // namespace perfcore::features
