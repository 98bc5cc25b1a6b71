// The kernel for few rows: its plan, and the form of it that the instruction set runs.
#pragma once

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

    const lanes::Plan& plan() const { return *plan_; }
    KernelName name() const override { return KernelName::lanes; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return 64; }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    double cost(int64_t rows) const override {
        return 200 + static_cast<double>(rows * plan_->n_trees) * 2;
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
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, bool, std::string& why) {
    const bool wide = isa == InstructionSet::avx512;
    auto plan = std::make_unique<Plan>();
    why = build(forest, wide ? avx512::SET_LANES : 0, SET_COLUMNS, *plan);
    if (!why.empty()) return nullptr;
    return std::make_unique<LanesKernel>(std::move(plan), wide ? isa : InstructionSet::portable,
                                         wide ? avx512::predict : portable::predict);
}

}  // namespace lanes
}  // namespace perfcore
