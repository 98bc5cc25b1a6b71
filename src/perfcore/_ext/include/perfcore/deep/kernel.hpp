// The deep forest as a kernel: its plan, and the form of it that the instruction set runs.
#pragma once

#include <memory>
#include <string>

#include "../kernel.hpp"
#include "deep.hpp"
#include "planner.hpp"

namespace perfcore {

class DeepKernel final : public Kernel {
  public:
    DeepKernel(std::unique_ptr<const deep::Plan> plan, InstructionSet isa, deep::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict) {}

    KernelName name() const override { return KernelName::deep; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return plan_->block_rows; }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    // Every line visited and every cell coded costs the same, but for lines that come from far; a call has to turn to
    // every tree and every feature at least once.
    double cost(int64_t rows) const override {
        const double visit = isa_ == InstructionSet::avx512 ? 2.1 : isa_ == InstructionSet::avx2 ? 6.2 : 6.7;
        const double cell = isa_ == InstructionSet::avx512 ? 3.5 : 7.0;
        const double far = plan_->bytes() > (int64_t{2} << 20) ? 1.25 : 1;
        const double n_trees = static_cast<double>(plan_->trees.size());
        const double n_features = static_cast<double>(plan_->features.size());
        return 60 * n_trees + 200 * n_features +
               static_cast<double>(rows) * (visit * far * plan_->lines_a_row + cell * n_features);
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    const std::unique_ptr<const deep::Plan> plan_;
    const InstructionSet isa_;
    const deep::Predict predict_;
};

namespace deep {

constexpr int64_t LEAST_LEAVES = 200;  // smaller trees are sooner sliced

// None where the forest cannot be taken or, unless forced, is sooner sliced; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, bool forced, std::string& why) {
    if (!forced && forest.n_leaves < LEAST_LEAVES * forest.n_trees && forest.n_nodes < 65536) {
        why = "fewer than " + std::to_string(LEAST_LEAVES) + " leaves a tree";
        return nullptr;
    }
    auto plan = std::make_unique<Plan>();
    why = Planner(forest, isa == InstructionSet::avx512).build(*plan);
    if (!why.empty()) return nullptr;
    const Predict predict = isa == InstructionSet::avx512 ? avx512::predict
                            : isa == InstructionSet::avx2 ? avx2::predict
                                                          : portable::predict;
    return std::make_unique<DeepKernel>(std::move(plan), isa, predict);
}

}  // namespace deep
}  // namespace perfcore
