// The kernel for few rows: its plan, and the form of it that the instruction set runs.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "../kernel.hpp"
#include "lanes.hpp"
#include "planner.hpp"

namespace perfcore {

class LanesKernel final : public Kernel {
  public:
    LanesKernel(std::unique_ptr<const lanes::Plan> plan, InstructionSet isa, lanes::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict) {}

    KernelName name() const override { return KernelName::lanes; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return 64; }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    double cost(int64_t rows) const override {
        const lanes::Plan& p = *plan_;
        const double trees = static_cast<double>(p.n_trees), of_codes = 50 + 5 * static_cast<double>(p.n_columns());
        if (p.form == lanes::Form::sets) {
            const bool avx2 = isa_ == InstructionSet::avx2;  // a step costs it as much as it has tables to look up in
            const double tables = avx2 ? p.half / 32.0 : 1.0;
            const double steps = tables * static_cast<double>(p.steps.size()) / (3.0 * p.set_lanes);
            const double alone = of_codes + (avx2 ? 1.65 : 1.25) * steps + 0.75 * trees;
            const double four = 4 * of_codes + (avx2 ? 6.0 : 2.8) * steps + 1.4 * trees;
            return static_cast<double>(rows / 4) * four + static_cast<double>(rows % 4) * alone;
        }
        const double missed = p.bytes() > (1 << 20) ? std::log2(static_cast<double>(p.bytes()) / (1 << 20)) : 0;
        const bool gathers = isa_ == InstructionSet::avx512 && p.form == lanes::Form::narrow;
        const double step = (gathers ? 0.45 : 0.75) + 0.3 * missed;
        return static_cast<double>(rows) * (of_codes + trees * (2 + step * p.mean_steps));
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    const std::unique_ptr<const lanes::Plan> plan_;
    const InstructionSet isa_;
    const lanes::Predict predict_;
};

namespace lanes {

// None where the forest cannot be taken; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, std::string& why) {
    auto plan = std::make_unique<Plan>();
    Predict predict;
    if (isa == InstructionSet::avx512) {
        why = build(forest, avx512::SET_LANES, avx512::SET_COLUMNS, *plan);
        predict = avx512::predict;
    } else if (isa == InstructionSet::avx2) {
        why = build(forest, avx2::SET_LANES, avx2::SET_COLUMNS, *plan);
        predict = avx2::predict;
    } else {
        why = build(forest, 0, 0, *plan);
        predict = portable::predict;
    }
    if (!why.empty()) return nullptr;
    return std::make_unique<LanesKernel>(std::move(plan), isa, predict);
}

}  // namespace lanes
}  // namespace perfcore
